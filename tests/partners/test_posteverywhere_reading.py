"""Which calls read which posts: one list call for what has changed, single reads for what it cannot tell."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.core.errors import FailureReason, PartnerError
from bridge.core.model import PostState, TargetState
from bridge.partners.posteverywhere import PostEverywhere
from bridge.partners.posteverywhere.paging import Cursor
from bridge.simulator.posteverywhere import INSTAGRAM, LINKEDIN, PostEverywhereSimulator, X
from tests.partners.sweeping import LATER, calls, first_read, ids, knows, seed
from tests.partners.things import NOW, Clock, answering, nobody, post, posteverywhere

pytestmark = pytest.mark.anyio

START = Cursor(NOW - timedelta(minutes=1)).write()
ODD = {"kind": "fail", "text": "Something odd"}


async def test_first_reading_reads_what_is_due_and_begins_the_sweep_now(
    sim: PostEverywhereSimulator, partner: PostEverywhere
) -> None:
    made = [seed(sim, "a"), seed(sim, "b")]
    reading = await partner.read(made, None, 20, known=nobody)
    assert calls(sim) == ["get", "get"]
    assert (ids(reading), reading.cursor) == (["a", "b"], START)


async def test_sweep_tells_what_has_changed_due_or_not(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    made, cursor = await first_read(partner, *(seed(sim, name, "publishing") for name in "abc"))
    calls(sim)
    clock.advance(minutes=2)
    sim.tick()
    sim.tick()
    reading = await partner.read(made[:1], cursor, 20, known=knows(*made))
    assert calls(sim) == ["list"]
    assert sorted(ids(reading)) == ["a", "b", "c"]
    assert {one.state for one in reading.snapshots} == {PostState.POSTED}


async def test_only_a_failure_is_completed_by_its_results(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    sim.script(LINKEDIN, {"kind": "fail", "text": "Try again", "retries": 1})
    sim.script(X, ODD)
    made, cursor = await first_read(
        partner, seed(sim, "waits", "publishing", account_ids=[LINKEDIN]), seed(sim, "failed", "publishing")
    )
    calls(sim)
    clock.advance(minutes=2)
    sim.tick()
    reading = await partner.read(made, cursor, 20, known=nobody)
    assert calls(sim) == ["list", "results", "results"]
    assert {one.partner_id: one.targets[0].state for one in reading.snapshots} == {
        "waits": TargetState.WAITING,
        "failed": TargetState.FAILED,
    }


async def test_row_that_is_as_we_hold_it_costs_no_call(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    sim.script(X, ODD)
    made = seed(sim, "a", "publishing", account_ids=[X, INSTAGRAM])
    sim.tick()
    [made], cursor = await first_read(partner, made)
    calls(sim)
    clock.advance(minutes=1)
    reading = await partner.read([made], cursor, 20, known=nobody)
    assert calls(sim) == ["list"]
    assert (reading.snapshots, reading.unchanged) == ((), ("a",))


async def test_due_post_that_the_sweep_does_not_show_is_unchanged_for_15_minutes(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    sim.seed_post(
        "scheduled", id="old", account_ids=[X], scheduled_for=LATER.isoformat(), updated_at="2025-01-01T00:00Z"
    )
    [made], cursor = await first_read(partner, replace(post(str(X)), partner_id="old"))
    calls(sim)
    clock.advance(minutes=14)
    assert (await partner.read([made], cursor, 20, known=nobody)).unchanged == ("old",)
    clock.advance(minutes=2)
    assert ids(await partner.read([made], cursor, 20, known=nobody)) == ["old"]
    assert calls(sim) == ["list", "list", "get"]


async def test_row_at_the_edge_is_not_told_again_unless_it_is_due(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    made, _ = seed(sim, "a"), clock.advance(seconds=30)
    first = await partner.read([], START, 20, known=knows(made))
    again = await partner.read([], first.cursor, 20, known=knows(made))
    due = await partner.read([made], again.cursor, 20, known=nobody)
    assert (ids(first), ids(again), ids(due)) == (["a"], [], ["a"])
    assert (first.cursor, again.cursor) == (again.cursor, due.cursor)


@pytest.mark.parametrize(("every_s", "pages"), [(0.0, 4), (0.01, 3)])
async def test_sweep_goes_through_pages(
    sim: PostEverywhereSimulator, partner: PostEverywhere, every_s: float, pages: int
) -> None:
    """Many rows of one instant are paged by offset, all others from the time of the last row."""
    made = [seed(sim, f"p{n:03}", updated_at=(NOW + timedelta(seconds=n * every_s)).isoformat()) for n in range(250)]
    reading = await partner.read([], START, 20, known=knows(*made))
    assert sorted(ids(reading)) == [f"p{n:03}" for n in range(250)]
    assert calls(sim) == ["list"] * pages


async def test_pages_take_half_of_the_budget_and_the_next_sweep_goes_on(
    sim: PostEverywhereSimulator, partner: PostEverywhere
) -> None:
    made = [seed(sim, f"p{n:03}", updated_at=(NOW + timedelta(seconds=n)).isoformat()) for n in range(450)]
    first = await partner.read([], START, 4, known=knows(*made))
    second = await partner.read([], first.cursor, 20, known=knows(*made))
    assert len(first.snapshots) < 450
    assert set(ids(first)) | set(ids(second)) == {one.partner_id for one in made}


async def test_cursor_does_not_pass_what_the_budget_left_over(
    sim: PostEverywhereSimulator, partner: PostEverywhere
) -> None:
    failed = [
        seed(sim, name, "failed", updated_at=(NOW + timedelta(minutes=n)).isoformat()) for n, name in enumerate("abcd")
    ]
    first = await partner.read([], START, 3, known=knows(*failed))
    second = await partner.read([], first.cursor, 20, known=knows(*failed))
    assert calls(sim) == ["list", "results", "results", "list", "results", "results"]
    assert (ids(first), ids(second)) == (["a", "b"], ["c", "d"])


@pytest.mark.parametrize("count", [2, 4])
async def test_server_that_ignores_the_filter_is_read_otherwise(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock, count: int
) -> None:
    sim.world.options.ignore_updated_after = True
    made = [seed(sim, f"p{n}") for n in range(count)]
    cursor = Cursor(clock.advance(hours=1)).write()
    first = await partner.read(made, cursor, 20, known=nobody)
    otherwise = ["get"] * count if count == 2 else ["list"]
    assert calls(sim) == ["list", *otherwise]
    second = await partner.read(made, first.cursor, 20, known=nobody)
    assert calls(sim) == otherwise
    assert sorted(ids(first)) == sorted(ids(second)) == [f"p{n}" for n in range(count)]


async def test_newest_posts_are_paged_as_far_as_it_saves_calls(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    """A first reading has no cursor: three posts are worth a page, and so is the next while three are missing."""
    made = [seed(sim, f"p{n}") for n in range(4)]
    clock.advance(minutes=1)
    for n in range(150):
        seed(sim, f"other{n}")
    reading = await partner.read(made, None, 20, known=nobody)
    assert (calls(sim), sorted(ids(reading))) == (["list", "list"], ["p0", "p1", "p2", "p3"])


async def test_change_that_updates_nothing_ends_the_belief_in_the_sweep(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    """A server whose `updated_at` does not follow the destinations is read post by post."""
    seeded = seed(sim, "a", "publishing", updated_at=(NOW - timedelta(hours=1)).isoformat())
    [made], cursor = await first_read(partner, seeded)
    sim.world.posts["a"].destinations[0].status = "published"
    calls(sim)
    clock.advance(minutes=16)
    assert ids(await partner.read([made], cursor, 20, known=nobody)) == ["a"]
    await partner.read([made], cursor, 20, known=nobody)
    assert calls(sim) == ["list", "get", "get"]


async def test_schedule_of_an_edit_that_did_not_propagate_is_the_old_one(
    sim: PostEverywhereSimulator, partner: PostEverywhere
) -> None:
    made = seed(sim, "a", destinations=[{"account_id": X, "scheduled_for": LATER.isoformat()}])
    sim.world.posts["a"].scheduled_for = LATER + timedelta(hours=1)
    [shown] = (await partner.read([made], None, 20, known=nobody)).snapshots
    assert shown.scheduled_at == LATER


async def test_what_has_not_ended_is_adopted_until_it_is_known(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    for status in ("scheduled", "publishing", "published", "failed", "draft"):
        seed(sim, status, status)
    first = await partner.read([], None, 20, known=nobody, adopt=True)
    again = await partner.read([], first.cursor, 20, known=nobody, adopt=True)
    assert {one.snapshot.partner_id for one in first.strangers} == {"scheduled", "publishing"}
    assert {"scheduled", "publishing"} <= {one.snapshot.partner_id for one in again.strangers}
    ours = knows(*(replace(post(partner_id=name), id=name) for name in sim.world.posts))
    clock.advance(minutes=10)
    known = await partner.read([], again.cursor, 20, known=ours, adopt=True)
    assert known.strangers == ()
    calls(sim)
    assert (await partner.read([], known.cursor, 20, known=ours, adopt=True)).strangers == ()
    assert calls(sim) == ["list"]


async def test_stranger_shows_what_it_is(sim: PostEverywhereSimulator, partner: PostEverywhere) -> None:
    seed(sim, "a", account_ids=[X, LINKEDIN], content="Made elsewhere", media_ids=["m1"])
    [found] = (await partner.read([], START, 20, known=nobody, adopt=True)).strangers
    assert found.content == {"caption": "Made elsewhere", "media": {"type": "slideshow", "media_ids": ["m1"]}}
    assert [(row.account, row.platform) for row in found.snapshot.targets] == [
        (str(X), "x"),
        (str(LINKEDIN), "linkedin"),
    ]
    assert (found.snapshot.state, found.snapshot.scheduled_at) == (PostState.SCHEDULED, LATER)


async def test_stranger_that_is_put_off_is_told_again_though_others_follow(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    seed(sim, "put-off")
    clock.advance(minutes=5)
    ours = seed(sim, "ours")
    first = await partner.read([], START, 20, known=knows(ours), adopt=True)
    second = await partner.read([], first.cursor, 20, known=knows(ours), adopt=True)
    assert [[one.snapshot.partner_id for one in each.strangers] for each in (first, second)] == [["put-off"]] * 2
    assert (ids(first), ids(second)) == (["ours"], [])


async def test_strangers_are_adopted_without_the_filter_too(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    sim.world.options.ignore_updated_after = True
    seed(sim, "before")
    cursor = Cursor(clock.advance(minutes=5)).write()
    clock.advance(minutes=1)
    seed(sim, "after")
    reading = await partner.read([], cursor, 20, known=nobody, adopt=True)
    assert [one.snapshot.partner_id for one in reading.strangers] == ["after"]


async def test_stranger_whose_results_fail_is_told_without_them(
    sim: PostEverywhereSimulator, partner: PostEverywhere
) -> None:
    seed(sim, "theirs", "failed")
    sim.fault("server_error", "results")
    [found] = (await partner.read([], START, 20, known=nobody, adopt=True)).strangers
    assert found.snapshot.state is PostState.FAILED


async def test_strangers_are_nobodys_business_without_adoption(
    sim: PostEverywhereSimulator, partner: PostEverywhere
) -> None:
    seed(sim, "theirs", "failed")
    reading = await partner.read([], START, 20, known=nobody)
    assert (reading.snapshots, reading.strangers, calls(sim)) == ((), (), ["list"])


async def test_failed_page_is_made_up_for_by_gets(sim: PostEverywhereSimulator, partner: PostEverywhere) -> None:
    sim.fault("server_error", "list")
    reading = await partner.read([seed(sim, "a")], START, 20, known=nobody)
    assert (calls(sim), ids(reading), reading.cursor) == (["list", "get"], ["a"], START)


async def test_failed_page_is_raised_when_nothing_else_is_learnt(
    sim: PostEverywhereSimulator, partner: PostEverywhere
) -> None:
    sim.fault("server_error", "list")
    with pytest.raises(PartnerError):
        await partner.read([], START, 20, known=nobody)


async def test_failed_results_are_a_failed_read(sim: PostEverywhereSimulator, partner: PostEverywhere) -> None:
    sim.fault("server_error", "results")
    reading = await partner.read([seed(sim, "a", "failed"), seed(sim, "b")], START, 20, known=nobody)
    assert (ids(reading), reading.failed) == (["b"], {"a": FailureReason.SERVER_ERROR})


async def test_three_failures_in_a_row_end_the_reading(sim: PostEverywhereSimulator, partner: PostEverywhere) -> None:
    sim.fault("html_502", "get", times=-1)
    sim.fault("html_502", "list", times=-1)
    with pytest.raises(PartnerError):
        await partner.read([seed(sim, f"p{n}") for n in range(6)], START, 20, known=nobody)
    assert calls(sim) == ["list", "get", "get", "get"]


async def test_refused_key_ends_the_reading_with_what_was_learnt(
    sim: PostEverywhereSimulator, partner: PostEverywhere
) -> None:
    made = [seed(sim, "a"), seed(sim, "b", "failed")]
    sim.fault("plan_lapsed", "results", times=-1)
    reading = await partner.read(made, START, 20, known=nobody)
    assert (ids(reading), reading.failed) == (["a"], {})


@pytest.mark.parametrize("operation", ["list", "get"])
async def test_refused_key_is_raised_when_nothing_was_learnt(
    sim: PostEverywhereSimulator, partner: PostEverywhere, operation: str
) -> None:
    sim.fault("unauthorized", operation)
    with pytest.raises(PartnerError) as caught:
        await partner.read([seed(sim, "a", updated_at="2025-01-01T00:00:00Z")], START, 20, known=nobody)
    assert caught.value.key_wide


async def test_not_found_from_someone_else_is_no_absence() -> None:
    with pytest.raises(PartnerError) as caught:
        await posteverywhere(answering(404, b"<html>"), Clock()).read([post(partner_id="p1")], None, 5, known=nobody)
    assert caught.value.key_wide


@pytest.mark.parametrize("body", [{"data": {}}, {"data": {"post_id": "other", "status": "scheduled"}}, {"error": None}])
async def test_answer_that_is_not_the_post_is_a_failed_read(body: dict[str, Any]) -> None:
    partner = posteverywhere(answering(200, body), Clock())
    reading = await partner.read([post(partner_id="p1")], None, 5, known=nobody)
    assert reading.failed == {"p1": FailureReason.UNREADABLE}


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"at": 3}', '"text"'])
def test_cursor_that_cannot_be_read_is_none(text: str | None) -> None:
    assert Cursor.read(text) is None


def test_cursor_is_read_as_it_was_written() -> None:
    cursor = Cursor(NOW, {"b": "1", "a": "2"}, open=True)
    assert Cursor.read(cursor.write()) == cursor
    assert json.loads(cursor.write())["at"] == "2025-01-20T12:00:00.000Z"
