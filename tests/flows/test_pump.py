"""Pump: as much in flight as there is room for, woken at once, and nothing lost when it stops."""

import asyncio

import pytest

from bridge import flows
from bridge.core.errors import StoreBusy
from bridge.flows import Pump

pytestmark = pytest.mark.anyio


class Work:
    """Items to claim, and a gate that holds them in flight."""

    def __init__(self, count=0):
        self.waiting = list(range(count))
        self.rooms, self.begun, self.done = [], [], []
        self.gate = asyncio.Event()
        self.errors = []

    async def claim(self, room):
        self.rooms.append(room)
        if self.errors:
            raise self.errors.pop(0)
        taken, self.waiting = self.waiting[:room], self.waiting[room:]
        return taken

    async def act(self, item):
        self.begun.append(item)
        await self.gate.wait()
        self.done.append(item)


async def until(true, turns=1000):
    for _ in range(turns):
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to that")


@pytest.fixture
async def work():
    return Work(10)


async def run(work, **given):
    pump = Pump(work.claim, work.act, **{"most": 4, "idle_s": 30, **given})
    return pump, asyncio.create_task(pump.run())


async def test_no_more_than_most_are_in_flight(work):
    pump, task = await run(work)
    await until(lambda: len(work.begun) == 4)
    assert (work.begun, max(work.rooms)) == ([0, 1, 2, 3], 4)
    work.gate.set()
    await pump.stop(5)
    await task


async def test_everything_is_done_in_the_end(work):
    pump, task = await run(work)
    work.gate.set()
    await until(lambda: len(work.done) == 10)
    await pump.stop(5)
    await task
    assert sorted(work.done) == list(range(10))


async def test_it_claims_again_when_half_is_free(work):
    work.waiting = list(range(100))
    pump, task = await run(work)
    work.gate.set()
    await until(lambda: len(work.done) == 100)
    assert min(work.rooms) >= 2
    await pump.stop(5)
    await task


async def test_a_wake_is_heard_at_once(work):
    work.waiting = []
    pump, task = await run(work)
    await until(lambda: len(work.rooms) == 1)
    work.waiting = [7]
    pump.wake()
    await until(lambda: work.begun == [7])
    work.gate.set()
    await pump.stop(5)
    await task


async def test_a_wake_during_a_claim_is_not_lost(work):
    work.waiting, claim = [], work.claim
    pump = None

    async def slow(room):
        items = await claim(room)
        if len(work.rooms) == 1:
            work.waiting = [7]
            pump.wake()
        return items

    pump = Pump(slow, work.act, most=4, idle_s=30)
    task = asyncio.create_task(pump.run())
    await until(lambda: work.begun == [7])
    work.gate.set()
    await pump.stop(5)
    await task


async def test_it_does_not_look_again_when_there_can_be_no_more(work):
    pump, task = await run(work, more=lambda: False)
    await until(lambda: len(work.begun) == 4)
    work.gate.set()
    await until(lambda: not pump.in_flight)
    assert len(work.rooms) == 1
    pump.wake()
    await until(lambda: len(work.rooms) == 2)
    await pump.stop(5)
    await task


async def test_it_rests_no_longer_than_it_is_told_to(work):
    work.waiting = []
    pump, task = await run(work, rest_s=lambda: 0.001)
    async with asyncio.timeout(5):
        while len(work.rooms) < 2:  # noqa: ASYNC110  # Nothing wakes anybody here.
            await asyncio.sleep(0.001)
    await pump.stop(5)
    await task


async def test_a_store_that_refuses_is_asked_again_later(work):
    work.errors = [StoreBusy(), StoreBusy()]
    work.gate.set()
    pump, task = await run(work, idle_s=0)
    await until(lambda: len(work.done) == 10)
    await pump.stop(5)
    await task


async def test_an_item_that_raises_takes_nothing_else_along(work):
    async def act(item):
        if item == 3:
            raise ValueError(item)
        work.done.append(item)

    pump = Pump(work.claim, act, most=4, idle_s=30)
    task = asyncio.create_task(pump.run())
    await until(lambda: len(work.done) == 9)
    await pump.stop(5)
    await task


async def test_stop_waits_for_what_is_in_flight_and_takes_nothing_more(work):
    pump, task = await run(work)
    await until(lambda: pump.in_flight == 4)
    stopping = asyncio.create_task(pump.stop(5))
    await asyncio.sleep(0)
    work.gate.set()
    await stopping
    await task
    assert (sorted(work.done), len(work.waiting)) == ([0, 1, 2, 3], 6)


async def test_stop_waits_for_a_claim_that_is_under_way_and_what_it_took(work):
    gate, claim = asyncio.Event(), work.claim

    async def slow(room):
        items = await claim(room)
        await gate.wait()
        return items

    pump = Pump(slow, work.act, most=4, idle_s=30)
    task = asyncio.create_task(pump.run())
    await until(lambda: len(work.rooms) == 1)
    stopping = asyncio.create_task(pump.stop(5))
    await asyncio.sleep(0)
    work.gate.set()
    gate.set()
    await stopping
    await task
    assert sorted(work.done) == [0, 1, 2, 3]


async def test_stop_cancels_what_is_not_done_in_time(work):
    pump, task = await run(work)
    await until(lambda: pump.in_flight == 4)
    await pump.stop(0.01)
    await task
    assert (work.done, pump.in_flight) == ([], 0)


async def test_stop_before_the_first_turn_ends_it(work):
    pump, task = await run(work)
    await pump.stop(1)
    await asyncio.wait_for(task, 1)
    assert work.begun == []


async def test_stop_of_a_pump_that_never_ran_returns(work):
    await Pump(work.claim, work.act, most=4).stop(1)


async def test_a_pump_that_was_stopped_before_it_ran_does_nothing(work):
    pump = Pump(work.claim, work.act, most=4)
    await pump.stop(1)
    await asyncio.wait_for(pump.run(), 1)
    assert (work.rooms, work.begun) == ([], [])


async def test_a_pump_runs_once_at_a_time(work):
    pump, task = await run(work)
    await until(lambda: pump.in_flight == 4)
    with pytest.raises(RuntimeError, match="already"):
        await pump.run()
    work.gate.set()
    await pump.stop(5)
    await asyncio.wait_for(task, 1)


async def test_a_claim_that_outlasts_stop_starts_nothing(work):
    gate, claim = asyncio.Event(), work.claim

    async def slow(room):
        items = await claim(room)
        await gate.wait()
        return items

    pump = Pump(slow, work.act, most=4, idle_s=30)
    task = asyncio.create_task(pump.run())
    await until(lambda: len(work.rooms) == 1)
    await pump.stop(0.01)
    gate.set()
    await asyncio.wait_for(task, 1)
    assert (pump.in_flight, work.begun) == (0, [])


async def test_what_is_in_flight_is_renewed_until_it_has_ended(work, monkeypatch):
    monkeypatch.setattr(flows, "_RENEWED_EVERY_S", 0.001)
    renewed, refused = [], [StoreBusy("locked")]

    async def renew(items):
        renewed.append(list(items))
        if refused:
            raise refused.pop()

    pump, task = await run(work, renew=renew, most=2)
    await until(lambda: len(renewed) > 2, turns=1_000_000)
    assert renewed[1:] == [[0, 1]] * (len(renewed) - 1)
    work.gate.set()
    await pump.stop(5)
    await task
    count = len(renewed)
    await asyncio.sleep(0.005)
    assert len(renewed) == count


async def test_what_is_claimed_again_while_it_is_in_flight_is_not_begun_again(work):
    pump, task = await run(work, ids=lambda item: (str(item),), most=4)
    await until(lambda: len(work.begun) == 4)
    work.waiting = [0, 1, *work.waiting]
    pump._most = 20
    pump.wake()
    await until(lambda: len(work.begun) == 10)
    work.gate.set()
    await until(lambda: len(work.done) == 10)
    assert sorted(work.begun) == list(range(10))
    await pump.stop(5)
    await task


async def test_what_is_not_begun_is_told_so_that_its_room_is_free_again(work):
    left = []
    pump, task = await run(work, ids=lambda item: (str(item),), leave=left.append, most=4)
    await until(lambda: len(work.begun) == 4)
    work.waiting = [0, 1]
    pump._most = 20
    pump.wake()
    await until(lambda: left)
    assert left == [0, 1]
    work.gate.set()
    await pump.stop(5)
    await task


async def test_what_was_settled_and_is_due_again_is_begun_again_although_its_task_has_just_ended():
    """It is claimed in the turn of the loop in which its first attempt ended."""
    ended = asyncio.Event()
    claims, attempts, left = [], [], []

    async def claim(room):
        claims.append(room)
        if len(claims) == 2:
            await ended.wait()
        return ["one"] if len(claims) < 3 else []

    async def act(item):
        attempts.append(item)
        ended.set()

    pump = Pump(claim, act, most=4, idle_s=30, ids=lambda item: (item,), leave=left.append)
    task = asyncio.create_task(pump.run())
    await until(lambda: len(attempts) == 2)
    assert left == []
    await pump.stop(5)
    await task
