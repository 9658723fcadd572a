"""Streams over what a store tells: late writes, clocks that go back, and listeners that are slow or were away."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.times import sortable
from bridge.flows.stream import Streams
from tests.store.made import NOW, told

pytestmark = pytest.mark.anyio


class Told:
    """A store of outbound events, and the clock of whoever looks at it."""

    def __init__(self):
        self.now, self.events, self.looks, self.fault = NOW, [], 0, None
        self.look = asyncio.Event()

    def clock(self):
        return self.now

    def tell(self, *ago_s):
        """Store an event that was made so many seconds ago, for each; return their ids."""
        made = [self.now - timedelta(seconds=one) for one in ago_s]
        entropy = len(self.events).to_bytes(8)
        new = [replace(told(created_at=at), id=sortable("out", at, entropy)) for at in made]
        self.events += new
        return [event.id for event in new]

    async def told(self, find):
        self.looks += 1
        self.look.set()
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        found = [one for one in self.events if find.before is None or one.id < find.before]
        found = [one for one in found if find.since is None or one.created_at >= find.since]
        found = [one for one in found if find.until is None or one.created_at < find.until]
        return sorted(found, key=lambda one: one.id, reverse=True)[: find.limit]

    async def looked(self):
        """Wait until it was looked at twice: one look may have begun before."""
        until = self.looks + 2
        async with asyncio.timeout(5):
            while self.looks < until:
                self.look.clear()
                await self.look.wait()


@asynccontextmanager
async def listening(store, after=None):
    streams = Streams(look_s=0.001)
    listener = await streams.listen(store, store.clock, after)
    yield listener
    streams.end()


async def heard(listener):
    found = []
    while events := await listener.next(0.01):
        found += [event.id for event in events]
    return found


@pytest.mark.parametrize("back_s", [3, 50])
async def test_a_clock_that_is_set_back_makes_nothing_told_twice_or_missed(back_s):
    store = Told()
    async with listening(store) as listener:
        store.tell(0)
        await store.looked()
        store.now += timedelta(seconds=20)
        last = store.tell(0)
        await store.looked()
        assert (await heard(listener))[1:] == last

        store.now -= timedelta(seconds=back_s)
        again = store.tell(0)
        await store.looked()
        assert await heard(listener) == again


async def test_what_another_replica_wrote_late_is_not_missed_by_whoever_connects_again():
    store = Told()
    store.tell(60)
    [last] = store.tell(0)
    late = store.tell(2)
    newer = store.tell(-1)

    async with listening(store, last) as listener:
        assert await heard(listener) == late + newer


async def test_much_that_was_missed_comes_in_parts_and_cuts_nobody_off(monkeypatch):
    monkeypatch.setattr("bridge.flows.stream._WAITING", 10)
    store = Told()
    [first] = store.tell(500)
    for ago_s in range(300, 50, -1):
        store.tell(ago_s)

    async with listening(store, first) as listener:
        store.tell(0)
        await store.looked()
        parts = [len(await listener.next(1)) for _ in range(3)]
        assert parts == [100, 100, 51]
        assert listener.gap is False


async def test_a_fault_of_ours_does_not_leave_listeners_in_silence():
    store = Told()
    async with listening(store) as listener:
        store.fault = ValueError("a row that cannot be read")
        await store.looked()
        new = store.tell(0)
        await store.looked()
        assert await heard(listener) == new
