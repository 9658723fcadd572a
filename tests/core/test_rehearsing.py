"""What another configuration does to an event, and how it is told."""

from typing import Any

import pytest

from bridge.core.model import Intent
from bridge.core.rehearsing import Comparison, Side, Tally, Verdict, compare, is_change, side_of, without_waiting

ONE, OTHER = {"partner": "gv", "request": {"caption": "one"}}, {"partner": "gv", "request": {"caption": "other"}}


def post(**given: Any) -> dict[str, Any]:
    shown = {
        "partner": "gv",
        "state": "accepted",
        "accounts": [{"account": "1", "name": "brand", "platform": "x"}],
        "scheduled_at": None,
        "content": {"caption": "hello"},
        "asks": "publish",
        "fetches": [],
        "request": {"caption": "hello", "external_id": "evt_1"},
        "not_before": None,
        "held": None,
        "faults": [],
    }
    return shown | given


def item(*posts: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {"outcome": "accepted", "reason": None, "note": "", "posts": list(posts)} | given


@pytest.mark.parametrize(
    ("then", "now", "verdict", "reason"),
    [
        (Side((ONE,)), Side((ONE,)), Verdict.UNCHANGED, ""),
        (Side(), Side(refused=("no",)), Verdict.UNCHANGED, ""),
        (Side((ONE,)), Side((OTHER,)), Verdict.CHANGED, ""),
        (Side((ONE,)), Side((ONE, OTHER)), Verdict.CHANGED, ""),
        (Side((ONE, OTHER)), Side((ONE,), ("caption is empty",)), Verdict.CHANGED, "caption is empty"),
        (Side((ONE,)), Side(skipped="status == 'live'"), Verdict.CHANGED, "status == 'live'"),
        (Side((ONE,)), Side(refused=("caption is empty", "b")), Verdict.REFUSED, "caption is empty; b"),
        (Side(refused=("too long",)), Side((ONE,)), Verdict.ACCEPTED, "too long"),
        (Side(skipped="not wanted"), Side((ONE,)), Verdict.ACCEPTED, "not wanted"),
        (Side((ONE,)), Side(unknown="erased"), Verdict.UNKNOWN, "erased"),
        (Side(unknown="edited"), Side(unknown="erased"), Verdict.UNKNOWN, "edited"),
    ],
)
def test_two_sides_come_to_a_verdict(then, now, verdict, reason):
    found = compare(then, now)

    assert (found.verdict, found.reason) == (verdict, reason)
    assert bool(found.diff) is (verdict not in (Verdict.UNCHANGED, Verdict.UNKNOWN))


def test_a_diff_shows_what_changes_and_little_around_it():
    long = {"partner": "gv", "request": dict.fromkeys("abcdefgh", 1) | {"caption": "one"}}
    found = compare(Side((long,)), Side((long | {"request": long["request"] | {"caption": "two"}},)))

    assert [line for line in found.diff if line[0] in "+-"] == ['-    "caption": "one",', '+    "caption": "two",']
    assert len(found.diff) == 7


def test_a_side_has_what_partners_see_and_says_why_there_is_no_more():
    fault = {"field": "caption", "problem": "is too long.", "remedy": "Shorten it."}
    side = side_of([item(post(), post(state="rejected", faults=[fault], request=None))])

    assert side.refused == ("caption is too long",)
    [asked] = side.requests
    assert (asked["accounts"], asked["request"]["caption"]) == (["brand"], "hello")
    assert "held" not in asked
    assert "scheduled_at" not in asked


def test_requests_are_in_one_order_whatever_the_order_of_posts():
    one, other = post(partner="a"), post(partner="b")

    assert side_of([item(one, other)]) == side_of([item(other, one)])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"outcome": "invalid", "reason": "422 there is no caption"}, Side(refused=("422 there is no caption",))),
        ({"outcome": "ignored", "reason": "nothing_posted"}, Side(skipped="nothing_posted")),
        ({"outcome": "tested", "note": "a test"}, Side(skipped="a test")),
    ],
)
def test_an_item_without_posts_says_why(given, expected):
    assert side_of([item(**given)]) == expected


def test_what_is_held_counts_only_where_both_sides_know_it():
    held = side_of([item(post(held={"reason": "held", "goes_at": "2026-01-01T12:00:00Z"}))])

    assert compare(side_of([item(post())]), held).verdict is Verdict.CHANGED
    assert compare(side_of([item(post())]), without_waiting(held)).verdict is Verdict.UNCHANGED


def test_a_tally_counts_and_says_whether_anything_changes():
    tally = Tally()
    for one in (Comparison(Verdict.UNCHANGED), *[Comparison(Verdict.UNKNOWN, "erased")] * 2):
        tally.add(one)
    assert not tally.changes

    tally.add(Comparison(Verdict.REFUSED, "no"))
    assert tally.changes
    counts = tally.wire()
    assert (counts["unchanged"], counts["not_comparable"], counts["refused_now"]) == (1, 2, 1)
    assert counts["reasons"] == {"erased": 2}


def test_what_only_changes_other_posts_is_known():
    assert [one for one in Intent if is_change(one)] == [Intent.UPDATE, Intent.UNPUBLISH, Intent.DELETE]
