"""Ticks that run on one process at a time: two that share a store, whose clock is moved by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.app._alone import LEASE_S, Alone
from bridge.core.errors import StoreError
from bridge.store import open_store
from bridge.store._store import SqlStore
from tests.core.builders import NOW

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


class FixedClock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def store(tmp_path: Path, clock: FixedClock) -> AsyncIterator[SqlStore]:
    opened = await open_store(f"sqlite:///{tmp_path / 'bridge.db'}", clock=clock)
    opened._database.shared = True
    yield opened
    await opened.close()


class Process:
    """One process with a tick that is counted; while `open` is not set, a run of it does not end."""

    def __init__(self, store: SqlStore, name: str, *, lease_s: float = LEASE_S) -> None:
        self.alone = Alone(store, name, lease_s=lease_s)
        self.ran = 0
        self.cancelled = 0
        self.begun, self.open = asyncio.Event(), asyncio.Event()
        self.open.set()
        self.tick: Callable[[], object] = self.alone.tick("posts", self._posts)

    async def _posts(self) -> None:
        self.begun.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.ran += 1

    async def begin(self) -> "asyncio.Task[None]":
        """Begin a run that lasts."""
        self.open.clear()
        self.begun.clear()
        task = asyncio.ensure_future(self.tick())  # type: ignore[arg-type]
        await self.begun.wait()
        return task


@pytest.fixture
def one(store: SqlStore) -> Process:
    return Process(store, "one")


@pytest.fixture
def two(store: SqlStore) -> Process:
    return Process(store, "two")


async def test_a_tick_stays_with_whoever_ran_it_first(one: Process, two: Process, clock: FixedClock):
    for _ in range(3):
        await one.tick()
        await two.tick()
        clock.now += timedelta(seconds=20)
        await one.alone.renew()
    assert (one.ran, two.ran) == (3, 0)


async def test_ticks_of_other_names_run_where_they_come_first(one: Process, two: Process):
    other = two.alone.tick("accounts", two._posts)
    await one.tick()
    await other()
    assert (one.ran, two.ran) == (1, 1)


async def test_the_tick_of_a_process_that_died_runs_elsewhere_after_its_lease(
    one: Process, two: Process, clock: FixedClock
):
    await one.tick()
    clock.now += timedelta(seconds=LEASE_S - 1)
    await two.tick()
    assert two.ran == 0
    clock.now += timedelta(seconds=1)
    await two.tick()
    assert two.ran == 1


async def test_a_process_that_stops_gives_its_ticks_up_at_once(one: Process, two: Process):
    await one.tick()
    await one.alone.stop()
    await two.tick()
    assert two.ran == 1


async def test_a_tick_that_another_process_has_taken_over_is_cancelled(one: Process, two: Process, clock: FixedClock):
    under_way = await one.begin()
    clock.now += timedelta(seconds=LEASE_S)
    await two.tick()
    with capture_logs() as lines:
        await one.alone.renew()
        await under_way
    assert (one.cancelled, one.ran, two.ran) == (1, 0, 1)
    assert [(line["event"], line["job"]) for line in lines] == [("tick.lost", "posts")]


async def test_a_tick_ends_by_itself_when_its_lease_could_not_be_renewed(store: SqlStore):
    """A process that was stopped for long is not asked before it is cancelled: its own clock says it."""
    process = Process(store, "one", lease_s=0.01)
    await (await process.begin())
    assert (process.cancelled, process.ran) == (1, 0)


async def test_a_tick_under_way_goes_on_while_its_lease_is_renewed(one: Process, two: Process, clock: FixedClock):
    under_way = await one.begin()
    for _ in range(5):
        clock.now += timedelta(seconds=10)
        await one.alone.renew()
        await two.tick()
    one.open.set()
    await under_way
    assert (one.ran, two.ran) == (1, 0)


async def test_a_lease_that_was_lost_between_ticks_is_asked_for_anew(one: Process, two: Process, clock: FixedClock):
    await one.tick()
    clock.now += timedelta(seconds=LEASE_S)
    await two.tick()
    await one.alone.renew()
    await one.tick()
    assert (one.ran, two.ran) == (1, 1)


async def test_a_time_out_of_the_tick_itself_is_its_own(one: Process):
    async def late() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await one.alone.tick("accounts", late)()


async def test_a_store_that_is_gone_lets_no_tick_run_and_no_stop_fail(one: Process, store: SqlStore):
    await one.tick()
    await store.close()
    with pytest.raises(StoreError):
        await one.alone.renew()
    with pytest.raises(StoreError):
        await one.alone.tick("accounts", one._posts)()
    await one.alone.stop()
    assert one.ran == 1


async def test_where_no_other_process_can_be_nothing_is_asked(one: Process, store: SqlStore):
    store._database.shared = False
    assert one.alone.tick("accounts", one._posts) == one._posts
