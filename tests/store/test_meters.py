"""Meters: one transaction counts a call against all or none, by the store's clock, whoever asks."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from bridge.core.errors import StoreError
from bridge.core.meters import Meter
from bridge.store._group import Operation
from bridge.store._store import SqlStore
from tests.store.conftest import FixedClock

pytestmark = pytest.mark.anyio

ALL = Meter("partner:pe:all", 1.0, 2)
CREATES = Meter("partner:pe:creates", 10.0, 1)


async def test_a_meter_lets_its_burst_go_and_then_its_rate(store: SqlStore, clock: FixedClock) -> None:
    assert [list(await store.spend([ALL])) for _ in range(3)] == [[0.0], [0.0], [1.0]]
    clock.move(seconds=0.75)
    assert list(await store.spend([ALL])) == [0.25]
    clock.move(seconds=0.25)
    assert list(await store.spend([ALL])) == [0.0]


async def test_of_a_call_with_a_full_meter_nothing_is_counted(store: SqlStore, clock: FixedClock) -> None:
    assert list(await store.spend([ALL, CREATES])) == [0.0, 0.0]
    assert list(await store.spend([CREATES, ALL])) == [10.0, 0.0]
    assert list(await store.spend([ALL])) == [0.0]


async def test_a_call_that_yields_waits_until_the_one_that_was_refused_went(store: SqlStore, clock: FixedClock) -> None:
    assert [list(await store.spend([ALL], yields=True)) for _ in range(2)] == [[0.0], [0.0]]
    assert list(await store.spend([ALL])) == [1.0]
    clock.move(seconds=1)
    assert list(await store.spend([ALL], yields=True)) == [1.0]
    assert list(await store.spend([ALL])) == [0.0]
    clock.move(seconds=1)
    assert list(await store.spend([ALL], yields=True)) == [0.0]


async def test_calls_that_come_together_are_counted_one_by_one(store: SqlStore) -> None:
    answers = await asyncio.gather(*(store.spend([ALL]) for _ in range(8)))
    assert [tuple(one) for one in answers] == 2 * [(0.0,)] + 6 * [(1.0,)]


async def test_meters_have_rooms_of_their_own(store: SqlStore) -> None:
    assert [list(await store.spend([Meter(name, 60.0, 1)])) for name in "abab"] == [[0.0], [0.0], [60.0], [60.0]]


async def test_a_closed_store_counts_nothing(store: SqlStore) -> None:
    await store.close()
    with pytest.raises(StoreError):
        await store.spend([ALL])


async def test_what_everybody_wants_is_locked_last(store: SqlStore) -> None:
    """Whatever was asked first: what shares a transaction with a lease or a meter runs before it."""
    ran: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def first(_unit: object, items: Sequence[int]) -> list[None]:
        begun.set()
        go_on.wait(5)
        return [None for _ in items]

    operations = [Operation(_noting(ran, rank), rank=rank) for rank in (2, 1, 0)]
    under_way = asyncio.ensure_future(store._group.submit(Operation(first), [0]))
    await asyncio.to_thread(begun.wait, 5)
    waiting = [asyncio.ensure_future(store._group.submit(one, [0])) for one in operations]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(under_way, *waiting)
    assert ran == [0, 1, 2]
    assert store._lease.rank < store._spend.rank


def _noting(ran: list[int], rank: int) -> Callable[[object, Sequence[int]], list[None]]:
    def run(_unit: object, items: Sequence[int]) -> list[None]:
        ran.append(rank)
        return [None for _ in items]

    return run
