"""What a sweep of a feed does with its entries."""

from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason
from bridge.core.hook_rules import HookRules
from bridge.core.model import FeedState, Intent, Item, SourceObject
from bridge.core.sweeping import (
    FeedError,
    begin,
    decide,
    is_due,
    lately,
    names,
    noted,
    oldest_first,
    pause,
    refusal,
    unknown,
    when,
)
from tests.core.builders import DAY, HOUR, MINUTE, NOW

URL = "https://blog.example/feed/"
RULES = HookRules(feed=URL)
SWEPT = FeedState("blog", URL, swept_at=NOW - 15 * MINUTE)


def entry(name, *, age=HOUR, url=None, **more):
    at = "" if age is None else (NOW - age).isoformat()
    link = f"https://blog.example/{name}/" if url is None else url
    return Item(intent=Intent.PUBLISH, object_id=name, url=link, published_at=at, **more)


def known(name, *, event_id="evt_1", seen_at=NOW - DAY, listed=False):
    return SourceObject("blog", name, seen_at, event_id=event_id, listed=listed)


def swept(*items, state=SWEPT, rows=(), rules=RULES, hooked=True):
    return decide(state, items, rows, rules, now=NOW, hooked=hooked)


def ids(items):
    return [item.object_id for item in items]


def test_the_first_sweep_posts_nothing_and_takes_all_as_known():
    sweep = swept(entry("a"), entry("b", age=None), state=begin(None, "blog", URL), rows=[known("a")])

    assert (sweep.posts, ids(sweep.noted), dict(sweep.outcomes)) == ((), ["b"], {"known": 1, "first_sweep": 1})


def test_another_address_is_another_feed():
    moved = begin(FeedState("blog", "https://old.example/", "e", "m", NOW, 3, "x", (NOW.isoformat(),), 7), "blog", URL)

    assert moved == FeedState("blog", URL, sent=(NOW.isoformat(),), version=7)
    assert begin(moved, "blog", URL) is moved


def test_what_the_hook_missed_is_posted_the_oldest_first():
    sweep = swept(entry("c", age=HOUR), entry("b", age=2 * HOUR), entry("a", age=3 * HOUR))

    assert (ids(sweep.posts), sweep.noted, sweep.room) == (["a", "b", "c"], (), RULES.brake)


def test_what_a_hook_told_of_as_a_draft_is_posted_when_it_is_out():
    assert ids(swept(entry("a"), rows=[known("a", event_id=None)]).posts) == ["a"]


@pytest.mark.parametrize(
    "row",
    [
        known("a"),
        known("a", event_id=None, listed=True),
        known("url:blog.example/a"),
        known("url:blog.example/a", event_id=None, listed=True),
    ],
)
def test_what_is_known_by_its_id_or_its_address_is_left_to_its_hook(row):
    sweep = swept(entry("a"), rows=[row])

    assert (sweep.posts, sweep.noted) == ((), ())


def test_only_what_became_known_by_a_hook_since_the_last_sweep_is_counted():
    rows = [known("a"), known("b", seen_at=NOW), known("c", seen_at=NOW, event_id=None)]

    assert swept(entry("a"), entry("b"), entry("c"), rows=rows).outcomes["known"] == 1


def test_old_entries_are_noted_and_not_posted():
    sweep = swept(entry("a", age=RULES.max_age + MINUTE), entry("b", age=RULES.max_age))

    assert (ids(sweep.posts), ids(sweep.noted), sweep.outcomes["too_old"]) == (["b"], ["a"], 1)


def test_an_entry_without_a_date_was_not_there_before_and_is_posted():
    assert ids(swept(entry("a", age=None)).posts) == ["a"]


def test_young_entries_wait_for_their_hook_and_are_not_noted():
    sweep = swept(entry("a", age=RULES.feed_after - MINUTE), entry("b", age=RULES.feed_after))

    assert (ids(sweep.posts), sweep.noted, sweep.outcomes["waits"]) == (["b"], (), 1)


def test_a_source_without_a_hook_waits_for_none():
    assert ids(swept(entry("a", age=MINUTE), hooked=False).posts) == ["a"]


def test_what_sweeps_posted_in_the_last_hour_counts_against_the_brake():
    sent = tuple((NOW - age).isoformat() for age in (59 * MINUTE, MINUTE, HOUR, DAY))
    state = FeedState("blog", URL, swept_at=NOW, sent=sent)

    assert lately(state, NOW) == sent[:2]
    assert swept(entry("a"), state=state, rules=HookRules(feed=URL, brake=5)).room == 3
    assert swept(entry("a"), state=state, rules=HookRules(feed=URL, brake=1)).room == 0


def test_undated_entries_keep_their_place_in_the_feed():
    feed = [entry("e", age=None), entry("d", age=HOUR), entry("c", age=None), entry("b", age=DAY), entry("a", age=None)]

    assert ids(oldest_first(feed)) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("text", ["", "yesterday", "2026-03-01T10:00:00", "0001-01-01T00:00:00+23:00"])
def test_a_time_that_is_not_said_in_full_is_none(text):
    assert when(Item(intent=Intent.PUBLISH, published_at=text)) is None


def test_an_entry_is_noted_by_each_of_its_names():
    found = noted("blog", entry("a", revision="r1"), ("a", "url:blog.example/a"), {}, NOW)

    assert found == tuple(SourceObject("blog", name, NOW, "r1", listed=True) for name in ("a", "url:blog.example/a"))
    assert unknown([entry("a"), entry("b")], found, RULES) == [entry("b")]
    assert unknown([entry("x", url="http://www.blog.example/a?utm_source=rss")], found, RULES) == []


def test_a_name_that_is_missing_leads_to_what_is_known():
    row = known("url:blog.example/a")

    assert noted("blog", entry("a"), ("a", row.id), {row.id: row}, NOW) == (known("a"),)
    assert noted("blog", entry("a"), ("a", row.id), {row.id: row, "a": known("a", event_id=None)}, NOW) == ()


def test_what_has_no_page_has_its_id_alone():
    assert names(entry("a", url="/relative"), RULES) == ("a",)
    assert names(entry("a", url="/b"), HookRules(feed=URL, site="https://blog.example")) == ("a", "url:blog.example/b")


@pytest.mark.parametrize(
    ("swept_at", "due"),
    [
        (None, True),
        (NOW - 15 * MINUTE, True),
        (NOW - 14 * MINUTE, False),
        (NOW, False),
        (NOW + 2 * DAY, True),
    ],
)
def test_a_feed_is_due_by_its_own_interval(swept_at, due):
    assert is_due(FeedState("blog", URL, swept_at=swept_at), RULES, NOW) is due


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not_found"),
        (410, "gone"),
        (429, "rate_limited"),
        (418, "client_error"),
        (204, "client_error"),
        (503, "server_error"),
    ],
)
def test_an_answer_that_is_no_feed_says_why(status, reason):
    error = refusal(status, "blog.example", MINUTE)

    assert (error.reason, error.detail.startswith(f"blog.example answered {status}")) == (FailureReason(reason), True)


@pytest.mark.parametrize(
    ("error", "failures", "rest"),
    [
        (refusal(500, "x", None), 1, 15 * MINUTE),
        (refusal(500, "x", None), 3, HOUR),
        (refusal(500, "x", None), 900, 6 * HOUR),
        (refusal(503, "x", 2 * HOUR), 1, 2 * HOUR),
        (refusal(429, "x", timedelta(days=30)), 1, DAY),
        (refusal(429, "x", -HOUR), 1, 15 * MINUTE),
        (refusal(410, "x", None), 1, DAY),
        (FeedError(FailureReason.INTERNAL, "busy", ours=True), 0, timedelta(seconds=30)),
        (FeedError(FailureReason.INTERNAL, "busy", ours=True, retry_after=MINUTE), 9, MINUTE),
    ],
)
def test_a_feed_that_fails_is_left_alone_for_longer_and_longer(error, failures, rest):
    assert pause(error, failures, RULES) == rest


def test_a_feed_that_is_seldom_read_is_not_read_more_often_for_failing():
    assert pause(refusal(500, "x", None), 3, HookRules(feed=URL, feed_every=DAY)) == DAY
