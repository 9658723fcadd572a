"""One social post per object: which revision is later, where posts stand, and what an item comes to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.core.errors import FailureClass, FailureReason
from bridge.core.model import CommandKind, Intent, PostState, SourceObject, TargetState, WorkState
from bridge.core.objects import (
    Known,
    Move,
    Standing,
    changes,
    decide,
    is_newer,
    moved_on,
    names_of,
    newest,
    standing,
    under_names,
)
from tests.core.builders import NOW, a_command, a_post, a_target

ROW = SourceObject("blog", "7", NOW, revision="2", event_id="evt_1")


def known(*states: PostState, row: SourceObject | None = ROW, pruned: bool = False) -> Known:
    posts = tuple(a_post(id=f"post_{place}", state=state) for place, state in enumerate(states))
    return Known(row, posts, pruned=pruned)


WAITS, OUT, VOID = known(PostState.SCHEDULED), known(PostState.POSTED), known(PostState.CANCELED)
NEW = Known()


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        ("2", "1", True),
        ("10", "9", True),
        ("1", "1", False),
        ("2026-01-02T10:00:00Z", "2026-01-02T09:59:59.999Z", True),
        ("2026-01-02T10:00:00Z", "2026-01-02T11:30:00+02:00", True),
        ("2026-01-02T09:00:00Z", "2026-01-02T11:00:00+02:00", False),
        ("2026-01-02 10:00:01", "2026-01-02 10:00:00", True),
        ("1767351600", "1767351599", True),
        ("1767351600001", "1767351600000", True),
        ("1767351601000", "1767351600", True),
        ("1767351601", "2026-01-02T11:00:00Z", True),
        ("1767351600.000200", "1767351600.000199", True),
        ("1767351600.000199", "1767351600.000200", False),
        ("1767351601.000000", "2026-01-02T11:00:00Z", True),
        ("1.10", "1.9", False),
        ("2026-01-02 10:00:01", "2026-01-02T10:00:00Z", False),
        ("2026-01-02T10:00:00Z", "7", False),
        ("b", "a", False),
        ("2", None, False),
        (None, "1", False),
        ("", "", False),
        ("9" * 15, "1", False),
        ("²", "1", False),
    ],
)
def test_a_revision_is_newer_only_when_that_is_known(one, other, newer):
    assert is_newer(one, other) is newer


def test_no_two_revisions_are_both_newer():
    texts = ["1", "2", "x", "1767351600", "2026-01-02T10:00:00Z", "2026-01-02 10:00:00", "", None]
    assert not any(is_newer(one, other) and is_newer(other, one) for one in texts for other in texts)


@pytest.mark.parametrize(
    ("post", "stands"),
    [
        (a_post(state=PostState.ACCEPTED), Standing.WAITING),
        (a_post(state=PostState.PARKED), Standing.WAITING),
        (a_post(state=PostState.PENDING), Standing.WAITING),
        (a_post(state=PostState.PUBLISHING), Standing.OUT),
        (a_post(state=PostState.PARTIAL), Standing.OUT),
        (a_post(state=PostState.UNKNOWN), Standing.OUT),
        (a_post(state=PostState.REJECTED), Standing.VOID),
        (a_post(state=PostState.VANISHED), Standing.VOID),
        (a_post(a_target(published_at=NOW), state=PostState.VANISHED), Standing.OUT),
        (a_post(a_target(state=TargetState.POSTED), state=PostState.CANCELED), Standing.OUT),
        (a_post(state=PostState.FAILED), Standing.WAITING),
        (a_post(state=PostState.FAILED, gave_up=True), Standing.VOID),
        (
            a_post(a_target(failure=FailureClass.AMBIGUOUS), state=PostState.FAILED, gave_up=True),
            Standing.OUT,
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Standing) else value.state,
)
def test_a_post_waits_is_out_or_is_nothing(post, stands):
    assert standing(post, ()) is stands


@pytest.mark.parametrize(("state", "stands"), [(WorkState.DUE, Standing.LEAVING), (WorkState.DONE, Standing.WAITING)])
def test_a_post_that_is_being_canceled_is_leaving(state, stands):
    cancel = a_command(CommandKind.CANCEL, state=state)
    assert standing(a_post(state=PostState.SCHEDULED), [cancel]) is stands


def leaving(post=WAITS.posts[0], **cancel) -> Known:
    return Known(ROW, (post,), {post.id: [a_command(CommandKind.CANCEL, **cancel)]})


MOVES = [
    # What is known, intent, revision (2 is the newest seen) -> the move by skip, update and repost.
    (NEW, "publish", "1", "POST POST POST"),
    (NEW, "update", "1", "NOTHING NOTHING NOTHING"),
    (NEW, "unpublish", "1", "NOTHING NOTHING NOTHING"),
    (VOID, "publish", "2", "POST POST POST"),
    (VOID, "update", "3", "NOTHING NOTHING NOTHING"),
    (VOID, "delete", "3", "NOTHING NOTHING NOTHING"),
    (OUT, "publish", "1", "STALE STALE STALE"),
    (OUT, "unpublish", "1", "STALE STALE STALE"),
    (OUT, "publish", "2", "SKIP SKIP SKIP"),
    (OUT, "publish", "3", "SKIP CHANGE POST"),
    (OUT, "schedule", "3", "SKIP CHANGE POST"),
    (OUT, "publish", None, "SKIP CHANGE POST"),
    (OUT, "publish", "other", "SKIP CHANGE POST"),
    (OUT, "update", "3", "SKIP CHANGE SKIP"),
    (OUT, "delete", "3", "CANCEL CANCEL CANCEL"),
    (WAITS, "publish", "3", "SKIP CHANGE CHANGE"),
    (WAITS, "publish", "2", "SKIP SKIP SKIP"),
    (WAITS, "schedule", "3", "CHANGE CHANGE CHANGE"),
    (WAITS, "update", "3", "CHANGE CHANGE CHANGE"),
    (WAITS, "unpublish", "2", "CANCEL CANCEL CANCEL"),
    (known(pruned=True), "publish", "3", "SKIP SKIP POST"),
    (known(pruned=True), "update", "3", "SKIP SKIP SKIP"),
    (known(PostState.POSTED, PostState.SCHEDULED), "publish", "3", "SKIP CHANGE CHANGE"),
    (leaving(), "publish", "2", "CHANGE CHANGE CHANGE"),
    (leaving(), "schedule", None, "CHANGE CHANGE CHANGE"),
    (leaving(), "update", "3", "NOTHING NOTHING NOTHING"),
    (leaving(), "unpublish", "3", "NOTHING NOTHING NOTHING"),
    (leaving(calls=1), "publish", "3", "POST POST POST"),
]


@pytest.mark.parametrize(
    "begun", [{"calls": 1}, {"body": b"{}"}, {"lease_until": NOW}], ids=lambda one: next(iter(one))
)
def test_a_post_can_stay_until_its_cancel_has_begun(begun):
    assert leaving().can_stay(WAITS.posts[0])
    assert not leaving(**begun).can_stay(WAITS.posts[0])


@pytest.mark.parametrize("post", [a_post(), a_post(state=PostState.FAILED)], ids=["no cancel", "failed"])
def test_a_post_that_nobody_takes_back_or_that_failed_is_not_kept(post):
    commands = {post.id: [a_command(CommandKind.CANCEL)] if post.state is PostState.FAILED else []}
    assert not Known(ROW, (post,), commands).can_stay(post)


def test_a_cancel_that_was_refused_is_open_until_the_post_is_read():
    assert standing(a_post(reason=FailureReason.CANCELED), ()) is Standing.LEAVING


@pytest.mark.parametrize(("seen", "intent", "revision", "moves"), MOVES)
def test_what_an_item_comes_to(seen, intent, revision, moves):
    found = [decide(seen, Intent(intent), revision, repeat) for repeat in ("skip", "update", "repost")]
    assert found == [Move[name] for name in moves.split()]


def test_the_row_that_made_posts_goes_before_the_one_of_the_same_id():
    bare, by_address = replace(ROW, event_id=None), replace(ROW, id="guid")
    assert newest([bare, by_address], "7") is by_address
    assert newest([by_address, ROW], "7") is ROW
    assert newest([], "7") is None


def test_a_row_moves_on_and_never_back():
    moved = moved_on(ROW, "3", "evt_2")
    assert (moved.revision, moved.event_id) == ("3", "evt_2")
    assert moved_on(moved, "1", None) == moved_on(moved, None, None) == moved


def test_what_a_feed_made_counts_as_its_own_until_a_hook_tells_of_it():
    made = moved_on(ROW, None, "evt_2", listed=True)
    assert (made.listed, moved_on(made, None, None, listed=True).listed) == (True, True)
    assert not moved_on(made, None, None).listed
    assert not moved_on(ROW, None, None, listed=True).listed


def test_what_is_known_is_written_under_each_name_that_does_not_lead_to_it():
    page = replace(ROW, id="url:x.example/7", event_id=None, version=4)
    assert under_names(ROW, ("7", page.id, "new"), [ROW, page]) == (
        replace(ROW, id=page.id, version=5),
        replace(ROW, id="new"),
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://blog.example.com/a",
        "http://blog.example.com/a",
        "https://www.blog.example.com/a",
        "https://BLOG.example.com:443/a/",
        "https://blog.example.com/a#top",
        "https://blog.example.com/a?utm_source=rss&UTM_medium=x&fbclid=1&gclid=2&ref=home",
        " https://blog.example.com/a/?utm_source=rss ",
        "https://blog.example.com/%61",
    ],
)
def test_a_page_has_one_name_however_its_address_is_written(url):
    assert names_of("7", url) == ("7", "url:blog.example.com/a")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://blog.example.com/a", "https://blog.example.com/b"),
        ("https://blog.example.com/a", "https://blog.example.com/A"),
        ("https://blog.example.com/?p=1", "https://blog.example.com/?p=2"),
        ("https://blog.example.com/a", "https://shop.example.com/a"),
        ("https://blog.example.com:8080/a", "https://blog.example.com/a"),
    ],
)
def test_other_pages_have_other_names(one, other):
    assert names_of("7", one) != names_of("7", other)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/a",
        "mailto:a@example.com",
        "https://[bad",
        "https://x.example:port/a",
        "https://x.example/\ud800",
        "https://blog.example.com/",
        "https://blog.example.com/?utm_source=rss#top",
    ],
)
def test_what_is_no_page_of_its_own_is_no_name(url):
    assert names_of("7", url) == ("7",)


def test_a_very_long_name_is_short_enough_to_be_found_by():
    one, other = (f"https://blog.example.com/{letter * 4_000}" for letter in "ab")
    names = {*names_of("7" * 4_000, one), *names_of("7" * 4_000, other)}
    assert len(names) == 3
    assert max(map(len, names)) <= 255
    assert names_of(one, "")[0] in {*names_of(names_of(one, "")[0], "")}


def test_a_change_says_only_what_differs():
    at = datetime(2026, 1, 2, 12, tzinfo=UTC)
    before = {"caption": "a", "media": {"type": "video", "url": "u"}, "scheduled_at": at, "title": "t"}
    assert changes(before, {"caption": "a", "media": before["media"], "title": "other"}, at) == {}
    assert changes(before, {"caption": "b"}, None) == {"caption": "b", "media": None}
    assert changes({**before, "scheduled_at": at.isoformat()}, before, at) == {}
    assert changes(before, before, at + timedelta(hours=1)) == {"scheduled_at": at + timedelta(hours=1)}
