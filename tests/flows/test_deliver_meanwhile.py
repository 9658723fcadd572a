"""What happens to an endpoint while it is being sent to: it is repaired, made anew, enabled, or disabled."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bridge.core.errors import FailureReason, StoreBusy
from bridge.core.model import Endpoint, Lane, WorkState, Write
from bridge.flows import LEASE
from bridge.simulator.receiver import HookAnswer
from tests.flows.town import NOON

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

DOWN = HookAnswer(500, times=-1)


async def until(true):
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def made_anew(office, path, events="account.*", seconds=1.0):
    """Delete the endpoint, and let somebody else take its name."""
    office.town.clock.move(seconds=seconds)
    await office.town.store.record([Write(drop_endpoints=("hook",))])
    row = Endpoint("hook", f"{office.base}/hook/{path}", (events,), created_at=office.town.clock())
    await office.town.store.record([Write(endpoints=(row,))])


async def act_while(office, batch, change):
    """Make an attempt; once it is answered, and before that is noted, something changes."""
    call = office.deliverer.caller.call

    async def slow(batch, endpoint):
        attempted = await call(batch, endpoint)
        await change()
        return attempted

    office.deliverer.caller.call = slow
    await office.deliverer.act(batch)
    office.deliverer.caller.call = call


async def claim_one(office):
    await office.tell()
    [batch] = await office.deliverer.claim(Lane.FIRST, 10)
    return batch


@pytest.mark.parametrize("status", [410, 500])
async def test_what_the_old_address_answers_is_not_held_against_the_new_one(office, status):
    batch = await claim_one(office)
    office.receiver.script("hook", status)
    await act_while(office, batch, lambda: office.change("hook", url=f"{office.base}/hook/repaired"))
    row = await office.row_of("hook")
    assert (row.enabled, row.failing_since, row.version) == (True, None, 2)


async def test_what_an_endpoint_answered_is_not_held_against_its_namesake(office):
    batch = await claim_one(office)
    office.receiver.script("hook", 410)
    await act_while(office, batch, lambda: made_anew(office, "bob"))
    row = await office.row_of("hook")
    assert (row.enabled, row.version) == (True, 1)


async def test_a_namesake_gets_nothing_of_what_the_former_endpoint_was_told(office):
    batch = await claim_one(office)
    await made_anew(office, "bob")
    office.town.clock.move(seconds=2)
    await office.deliverer.endpoints.read()
    await office.deliverer.act(batch)
    await office.run()
    assert not office.receiver.of("bob")
    assert not office.receiver.of("hook")
    [row] = await office.rows("hook")
    assert (row.state, row.reason) == (WorkState.DEAD, FailureReason.ENDPOINT_DISABLED)


async def test_what_a_namesake_was_told_goes_to_it_though_the_former_one_is_still_in_memory(office):
    await made_anew(office, "first", "*")
    await office.tell()
    await office.run()
    await made_anew(office, "second", "*", seconds=0.5)
    await office.tell()
    await office.run()
    assert (len(office.receiver.of("first")), len(office.receiver.of("second"))) == (1, 1)


@pytest.mark.parametrize("repaired", [{"enabled": True, "reason": None}, {"url": "new"}])
async def test_an_endpoint_that_was_repaired_begins_with_a_breaker_that_never_opened(office, repaired):
    office.receiver.script("hook", DOWN)
    await office.tell(5)
    await office.run(Lane.FIRST)
    for _ in range(3):
        office.town.clock.move(minutes=6)
        await office.tell()
        await office.run(Lane.FIRST)
    if "url" in repaired:
        repaired = {"url": f"{office.base}/hook/new"}
        office.receiver.script("new", DOWN)
    await office.change("hook", **repaired, failing_since=None, warned=0, held_until=None)
    office.town.clock.move(seconds=2)
    await office.tell(5)
    await office.run(Lane.FIRST)
    row = await office.row_of("hook")
    assert (row.held_until - office.town.clock()).total_seconds() == 5


async def test_nothing_stays_due_of_a_group_that_found_its_endpoint_failing_for_good(build_office):
    office = await build_office()
    since = office.town.clock()
    row = {"failing_since": since, "warned": 90, "created_at": since}
    await office.endpoint("slow", "post.*", path="slow", format="slack", group_s=30.0, **row)
    office.town.clock.move(days=6)
    await office.tell(4)
    office.town.clock.move(seconds=40)
    office.receiver.script("slow", DOWN)
    [batch] = await office.deliverer.claim(Lane.FIRST, 10)
    assert len(batch) == 4
    await office.deliverer.act(batch)
    assert not (await office.row_of("slow")).enabled
    states = {(one.state, one.reason) for one in await office.rows("slow")}
    assert states == {(WorkState.DEAD, FailureReason.ENDPOINT_DISABLED)}


async def test_a_group_whose_endpoint_changed_meanwhile_is_settled_whole(build_office):
    office = await build_office()
    await office.endpoint("hook", "post.*", format="slack", group_s=30.0)
    await office.tell(4)
    office.town.clock.move(seconds=40)
    [batch] = await office.deliverer.claim(Lane.FIRST, 10)
    office.receiver.script("hook", 410)
    await act_while(office, batch, lambda: office.change("hook", description="changed meanwhile"))
    row = await office.row_of("hook")
    assert (row.enabled, row.description) == (False, "changed meanwhile")
    ends = {(one.state, one.attempts, one.lease_until) for one in await office.rows("hook")}
    assert ends == {(WorkState.DEAD, 1, None)}


async def test_a_410_to_several_counts_when_the_first_of_them_was_erased_meanwhile(build_office):
    office = await build_office()
    await office.endpoint("hook", "post.*", format="slack", group_s=30.0)
    await office.tell(3)
    office.town.clock.move(seconds=40)
    [batch] = await office.deliverer.claim(Lane.FIRST, 10)
    office.receiver.script("hook", 410)

    async def erase():
        await office.town.store.erase(batch[0].delivery.subject.partition(":")[2], office.town.clock())

    await act_while(office, batch, erase)
    row = await office.row_of("hook")
    assert (row.enabled, row.reason) == (False, FailureReason.GONE)


async def test_a_claim_that_cannot_look_up_an_endpoint_goes_on(office):
    await office.deliverer.endpoints.read()
    await office.endpoint("new", "post.*")
    await office.tell()
    read = office.deliverer.endpoints.read

    async def refused():
        office.deliverer.endpoints.read = read
        raise StoreBusy("busy")

    office.deliverer.endpoints.read = refused
    for batch in await office.deliverer.claim(Lane.FIRST, 10):
        await office.deliverer.act(batch)
    assert [one.state for name in ("hook", "new") for one in await office.rows(name)] == [WorkState.DONE] * 2


async def test_what_a_replica_with_a_slow_clock_tells_is_sent(office):
    born = office.town.clock() + timedelta(milliseconds=300)
    await office.endpoint("new", "post.*", created_at=born)
    await office.tell()
    office.town.clock.move(seconds=1)
    await office.run()
    [row] = await office.rows("new")
    assert (row.state, row.created_at) == (WorkState.DONE, born)


async def test_rows_that_this_process_changed_are_read_at_the_next_claim(office):
    await office.deliverer.claim(Lane.FIRST, 10)
    await office.change("hook", url=f"{office.base}/hook/moved")
    office.deliverer.endpoints.stale()
    await office.tell()
    await office.run()
    assert [one.name for one in office.receiver.received] == ["moved"]


async def test_what_is_claimed_again_while_it_is_under_way_takes_no_room_for_good(office):
    """The process stood still for longer than a lease. One request too many would shut out every later probe."""
    office.receiver.script("hook", HookAnswer(500, delay_s=0.3))
    await office.tell()
    pump = office.deliverer.pumps[0]
    running = asyncio.create_task(pump.run())
    async with asyncio.timeout(10):
        await until(lambda: office.receiver.of("hook"))
        with capture_logs() as logs:
            office.town.clock.move(seconds=LEASE.total_seconds() + 1)
            pump.wake()
            await until(lambda: any(log["event"] == "flow.claimed_again" for log in logs))
        await until(lambda: not pump.in_flight)
    await pump.stop(5)
    await running
    await office.change("hook", failing_since=NOON, held_until=office.town.clock() - timedelta(seconds=1))
    await office.deliverer.endpoints.read()
    rows = office.deliverer.endpoints.rows
    assert office.deliverer.shares.rooms(Lane.FIRST, 10, rows, office.town.clock()).named["hook"] == 1
