"""An endpoint's health: holds, probes, the way to being disabled, dead letters, and who is told of them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bridge.core.errors import FailureReason
from bridge.core.model import Lane, WorkState
from bridge.core.rules import DeliverRules
from bridge.simulator.receiver import HookAnswer
from tests.flows.sending import RULES
from tests.flows.town import NOON

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
DOWN = HookAnswer(500, times=-1)
ONCE = replace(RULES, schedule=(timedelta(),))
PATIENT = DeliverRules(schedule=(timedelta(), *[timedelta(hours=3)] * 60), jitter=0.0)


async def gone(office):
    """Two events for an endpoint that answers the first with 410."""
    office.receiver.script("hook", 410)
    await office.tell(2)
    await office.run()


async def enable(office):
    await office.change("hook", enabled=True, reason=None)
    office.town.clock.move(seconds=1)


async def test_410_disables_at_once_and_what_waits_dies_where_it_can_be_replayed(office):
    await office.endpoint("two", "endpoint.*")
    await gone(office)
    endpoint = await office.row_of("hook")
    assert (endpoint.enabled, endpoint.reason) == (False, FailureReason.GONE)
    assert {row.state for row in await office.rows("hook")} == {WorkState.DEAD}
    assert len(office.receiver.of("hook")) == 1
    await office.run()
    assert office.types("two") == ["endpoint.disabled"]


async def test_events_for_a_disabled_endpoint_are_kept_with_the_reason(office):
    await gone(office)
    office.town.clock.move(seconds=1)
    await office.tell()
    newest = (await office.rows("hook"))[-1]
    assert (newest.state, newest.reason) == (WorkState.DEAD, FailureReason.ENDPOINT_DISABLED)


async def test_an_enabled_endpoint_gets_new_events_at_once_and_old_ones_by_replay(office):
    await gone(office)
    await enable(office)
    await office.tell()
    await office.run()
    assert len(office.receiver.of("hook")) == 2
    dead = [row.id for row in await office.rows("hook") if row.state is WorkState.DEAD]
    assert await office.town.store.replay(dead, office.town.clock()) == 2
    assert await office.run(Lane.AGAIN) == 2
    assert {row.state for row in await office.rows("hook")} == {WorkState.DONE}


async def test_an_endpoint_that_is_gone_again_is_disabled_again(office):
    await gone(office)
    await enable(office)
    await gone(office)
    assert not (await office.row_of("hook")).enabled


async def test_two_410s_at_once_are_told_once(office):
    await office.endpoint("two", "endpoint.*")
    office.receiver.script("hook", 410, 410)
    await office.tell(2)
    await asyncio.gather(*map(office.deliverer.act, await office.deliverer.claim(Lane.FIRST, 10)))
    await office.run()
    assert office.types("two") == ["endpoint.disabled"]


async def test_an_endpoint_is_never_told_of_itself(build_office):
    office = await build_office(ONCE)
    await office.endpoint("hook", "*")
    office.receiver.script("hook", 500, 410)
    await office.tell(2)
    await office.run()
    assert {row.type for row in await office.rows("hook")} == {"post.pending"}


# Dead letters.


async def exhausted(build_office, *events):
    office = await build_office(ONCE)
    await office.endpoint("hook", *events)
    await office.endpoint("two", "delivery.*")
    office.receiver.script("hook", 500)
    await office.tell()
    await office.run()
    return office


async def test_a_dead_letter_is_told_with_its_reason(build_office):
    office = await exhausted(build_office, "post.*")
    dead = await office.row(destination="hook")
    await office.run()
    [received] = office.receiver.of("two")
    data = received.json["data"]
    assert (received.json["type"], data["subject"]) == ("delivery.exhausted", {"kind": "delivery", "id": dead.id})
    assert (data["endpoint"], data["reason"], data["webhook_id"]) == ("hook", "server_error", dead.outbound_id)
    assert (data["status"], data["count"]) == (500, 1)


async def test_a_dead_letter_is_replayed_under_its_webhook_id(build_office):
    office = await exhausted(build_office, "post.*")
    dead = await office.row(destination="hook")
    await office.town.store.replay([dead.id], office.town.clock())
    await office.run()
    row = await office.row(destination="hook")
    assert (row.state, row.calls) == (WorkState.DONE, 2)
    assert list(office.receiver.unique("hook").values()) == [2]


async def test_dead_letters_of_one_endpoint_are_told_hourly_with_their_number(build_office):
    office = await build_office(ONCE)
    await office.endpoint("hook", "post.*")
    await office.endpoint("two", "delivery.*")
    office.receiver.script("hook", DOWN)
    for minutes in (0, 20, 40, 60, 80):
        office.town.clock.at = NOON + timedelta(minutes=minutes)
        await office.tell()
        await office.run()
    assert [one.json["data"]["count"] for one in office.receiver.of("two")] == [1, 3]


# Holds.


async def down(office, count=5):
    """So many failures in a row."""
    office.receiver.script("hook", DOWN)
    await office.tell(count)
    await office.run()


async def test_five_failures_in_a_row_hold_the_endpoint_and_use_up_no_further_try(office):
    await down(office, 7)
    endpoint = await office.row_of("hook")
    assert (endpoint.failing_since, endpoint.held_until) == (NOON, NOON + 5 * SECOND)
    await office.tell()
    assert await office.run() == 0
    assert sorted(row.calls for row in await office.rows("hook")) == [0, *[1] * 7]


async def test_after_a_hold_one_probe_goes_and_its_failure_doubles_the_hold(office):
    await down(office, 8)
    office.town.clock.move(seconds=6)
    assert len(await office.deliverer.claim(Lane.AGAIN, 10)) == 1
    assert len(await office.deliverer.claim(Lane.FIRST, 10)) == 0


async def test_holds_double_from_five_seconds_on(office):
    await down(office)
    holds = []
    for _ in range(3):
        office.town.clock.at = (await office.row_of("hook")).held_until
        await office.tell()
        assert await office.run(Lane.FIRST) == 1
        holds.append(((await office.row_of("hook")).held_until - office.town.clock()).total_seconds())
    assert holds == [10, 20, 40]


async def test_a_probe_that_succeeds_opens_the_way_and_all_is_forgotten(office):
    await down(office)
    office.receiver.reset()
    office.town.clock.move(seconds=6)
    with capture_logs() as logs:
        assert await office.run() == 5
    endpoint = await office.row_of("hook")
    assert (endpoint.failing_since, endpoint.held_until, endpoint.enabled) == (None, None, True)
    assert [line["event"] for line in logs if line["event"].startswith("endpoint.")] == ["endpoint.recovered"]


async def test_a_process_that_starts_anew_knows_of_the_hold_and_probes_after_it(office):
    await down(office)
    await office.tell(2)
    anew = replace(office, deliverer=_again(office))
    assert await anew.run() == 0
    office.town.clock.move(seconds=6)
    assert len(await anew.deliverer.claim(Lane.FIRST, 10)) == 1


def _again(office):
    old = office.deliverer
    return type(old)(old.kit, old.rules, old.client, old.caller.sending, old.caller.redactor)


async def test_a_hold_is_logged_once_not_with_each_failure(office):
    with capture_logs() as logs:
        await down(office, 5)
        office.town.clock.move(seconds=6)
        await office.run()
    held = [line for line in logs if line["event"] == "endpoint.held"]
    assert [(line["log_level"], line["endpoint"], line["reason"]) for line in held] == [
        ("warning", "hook", "server_error")
    ]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_an_endpoint_that_asks_for_a_pause_is_left_alone_altogether(office, status):
    office.receiver.script("hook", HookAnswer(status, retry_after="600"))
    await office.tell()
    await office.run()
    await office.tell()
    assert await office.run() == 0
    office.town.clock.move(seconds=600)
    assert await office.run() == 2
    assert (await office.row_of("hook")).held_until is None


async def test_any_other_retry_after_is_for_that_delivery_alone(office):
    office.receiver.script("hook", HookAnswer(500, retry_after="600"))
    await office.tell()
    await office.run()
    await office.tell()
    assert await office.run() == 1


@pytest.mark.parametrize("status", [429, 502, 504])
async def test_an_endpoint_that_is_given_too_much_rests_and_gets_less_at_once(office, status):
    office.receiver.script("hook", status)
    await office.tell(12)
    first, *others = await office.deliverer.claim(Lane.FIRST, 12)
    with capture_logs() as logs:
        await office.deliverer.act(first)
    for batch in others:
        await office.deliverer.act(batch)
    await office.tell(12)
    assert not await office.deliverer.claim(Lane.FIRST, 12)
    assert "endpoint.throttled" in [line["event"] for line in logs]
    office.town.clock.move(seconds=1)
    assert 1 < len(await office.deliverer.claim(Lane.FIRST, 100)) < 12


async def test_changes_of_two_replicas_do_not_overwrite_each_other(office):
    await office.tell()
    [batch] = await office.deliverer.claim(Lane.FIRST, 10)
    await office.change("hook", description="changed meanwhile", failing_since=NOON - DAY)
    office.receiver.script("hook", 500)
    await office.deliverer.act(batch)
    endpoint = await office.row_of("hook")
    assert (endpoint.description, endpoint.failing_since) == ("changed meanwhile", NOON - DAY)
    assert (await office.row(destination="hook")).reason is FailureReason.SERVER_ERROR


async def test_many_failures_at_once_change_the_row_no_more_than_needed(office):
    office.receiver.script("hook", DOWN)
    await office.tell(20)
    before = (await office.row_of("hook")).version
    await asyncio.gather(*map(office.deliverer.act, await office.deliverer.claim(Lane.FIRST, 20)))
    assert (await office.row_of("hook")).version == before + 2
    assert {row.state for row in await office.rows("hook")} == {WorkState.DUE}


# The way to being disabled.


async def test_an_endpoint_that_does_nothing_but_fail_is_told_of_and_disabled_after_five_days(build_office):
    office = await build_office(PATIENT)
    await office.endpoint("hook", "post.*")
    await office.endpoint("two", "endpoint.*")
    office.receiver.script("hook", DOWN)
    await office.tell()
    while (await office.row_of("hook")).enabled:
        await office.run()
        office.town.clock.move(hours=3)
    await office.run()
    told = [(one.json["type"], one.json["data"].get("percent")) for one in office.receiver.of("two")]
    assert told == [("endpoint.failing", share) for share in (50, 70, 90)] + [("endpoint.disabled", None)]
    assert office.receiver.of("two")[-1].json["data"]["reason"] == "failing"
    assert office.town.clock() - NOON == 5 * DAY + timedelta(hours=3)


async def test_one_success_on_the_way_begins_it_anew(build_office):
    office = await build_office(PATIENT)
    await office.endpoint("hook", "post.*")
    office.receiver.script("hook", DOWN)
    await office.tell()
    for _ in range(30):
        await office.run()
        office.town.clock.move(hours=3)
    assert (await office.row_of("hook")).warned == 70
    office.receiver.reset()
    await office.run()
    endpoint = await office.row_of("hook")
    assert (endpoint.warned, endpoint.failing_since, endpoint.enabled) == (0, None, True)
