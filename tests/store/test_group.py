"""Group commit: what waits goes together, is answered apart, and is refused when too much waits."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from sqlalchemy import text

from bridge.core.errors import StoreBusy, StoreError, StoreFull
from bridge.core.model import Write
from bridge.store import open_store
from bridge.store._engine import Clash
from bridge.store._group import Operation
from bridge.store._sql import Unit
from bridge.store._store import SqlStore
from tests.store.conftest import FixedClock
from tests.store.made import NOW, acceptance, claim_any, post

pytestmark = pytest.mark.anyio


def echo(unit: Unit, items: Sequence[int]) -> list[list[int]]:
    """Answer each item with the whole merged list."""
    return [list(items) for _ in items]


async def test_calls_that_wait_together_share_a_commit(store: SqlStore) -> None:
    before = store._group.commits
    await asyncio.gather(*(store.accept([acceptance()], NOW) for _ in range(64)))
    assert store._group.commits - before <= 2


async def test_calls_of_one_operation_are_one_list_and_are_answered_apart(store: SqlStore) -> None:
    operation = Operation(echo)
    calls = (store._group.submit(operation, items) for items in ([1], [2, 3], [], [4]))
    first, second, none, last = await asyncio.gather(*calls)
    assert none == []
    assert [len(answers) for answers in (first, second, last)] == [1, 2, 1]
    assert first[0][:1] == [1]
    assert second[0] == second[1]
    assert [item for item in second[0] if item in (2, 3)] == [2, 3]


async def test_an_item_that_fails_is_told_to_its_caller_alone(store: SqlStore) -> None:
    def fail_on_three(unit: Unit, items: Sequence[int]) -> list[int]:
        if 3 in items:
            raise ValueError("three")
        return [item * 10 for item in items]

    operation = Operation(fail_on_three)
    answers = await asyncio.gather(
        *(store._group.submit(operation, items) for items in ([1], [2, 3], [4])), return_exceptions=True
    )
    assert (answers[0], answers[2]) == ([10], [40])
    assert isinstance(answers[1], StoreError)
    assert isinstance(answers[1].__cause__, ValueError)


async def test_an_item_that_clashes_alone_is_refused_or_its_call_is_busy(store: SqlStore) -> None:
    def clash_on_three(unit: Unit, items: Sequence[int]) -> list[int]:
        if 3 in items:
            raise Clash
        return list(items)

    refusing = Operation(clash_on_three, refused=lambda item: -item)
    assert await store._group.submit(refusing, [1, 3, 2]) == [1, -3, 2]
    with pytest.raises(StoreBusy):
        await store._group.submit(Operation(clash_on_three), [1, 3])


async def test_an_item_that_clashes_alone_is_run_again_before_its_call_is_busy(store: SqlStore) -> None:
    """Two processes with one key at the same moment: the next look finds what the other has written."""
    runs: list[int] = []

    def clash_twice(unit: Unit, items: Sequence[int]) -> list[int]:
        runs.append(1)
        if len(runs) < 3:
            raise Clash
        return list(items)

    assert await store._group.submit(Operation(clash_twice), [7]) == [7]


async def test_what_is_heavy_goes_a_few_at_a_time_and_is_refused_when_much_waits(store: SqlStore) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(unit: Unit, items: Sequence[int]) -> list[int]:
        begun.set()
        go_on.wait(10)
        return list(items)

    first = asyncio.ensure_future(store._group.submit(Operation(wait), [0]))
    await asyncio.to_thread(begun.wait, 10)
    operation = Operation(echo)
    heavy = [asyncio.ensure_future(store._group.submit(operation, [one], weight=20 << 20)) for one in range(14)]
    light = asyncio.ensure_future(store._group.submit(operation, [14]))
    await asyncio.sleep(0)
    go_on.set()
    answers = await asyncio.gather(*heavy, light, first, return_exceptions=True)
    assert [type(one) for one in answers[12:14]] == [StoreBusy] * 2
    assert [len(one[0]) for one in answers[:12] if isinstance(one, list)] == [2] * 12
    assert answers[14:] == [[[14]], [0]]


async def test_a_failed_call_leaves_nothing_even_of_its_good_items(store: SqlStore) -> None:
    good, bad = post(), post(content={"caption": object()})
    with pytest.raises(StoreError):
        await store.record([Write(posts=(good,)), Write(posts=(bad,))])
    assert await store.posts([good.id]) == {}


async def test_too_many_waiting_items_are_refused(url: str, clock: FixedClock) -> None:
    store = await open_store(url, clock=clock, max_waiting=10)
    calls = [store.record([Write(posts=(post(),))]) for _ in range(50)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    busy = [answer for answer in answers if isinstance(answer, StoreBusy)]
    assert 0 < len(busy) < 50
    assert [answer for answer in answers if not isinstance(answer, StoreBusy)] == [[True]] * (50 - len(busy))
    assert await store.record([Write(posts=(post(),))]) == [True]
    await store.close()


async def test_a_call_larger_than_the_queue_goes_when_nothing_waits(url: str, clock: FixedClock) -> None:
    store = await open_store(url, clock=clock, max_waiting=3)
    assert await store.record([Write(posts=(post(),)) for _ in range(2000)]) == [True] * 2000
    await store.close()


async def test_a_full_disk_is_told_and_over_when_there_is_room_again(sqlite_store: SqlStore) -> None:
    store = sqlite_store

    async def limit_pages(number: int) -> None:
        def run(unit: Unit, items: Sequence[int]) -> list[int]:
            pages = unit.connection.execute(text("PRAGMA page_count")).scalar_one()
            unit.connection.execute(text(f"PRAGMA max_page_count = {pages + items[0]}"))
            return [0]

        await store._group.submit(Operation(run), [number])

    await limit_pages(0)
    items = [acceptance(body=b"x" * 60_000) for _ in range(3)]
    answers = await asyncio.gather(*(store.accept([item], NOW) for item in items), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreFull] * 3
    assert len({id(answer) for answer in answers}) == 3
    assert not await store.writable()
    await limit_pages(10_000)
    assert await store.event(items[0].event.id) is None
    assert (await store.accept(items, NOW))[0].event_id == items[0].event.id


async def test_close_finishes_what_waits_and_refuses_what_comes_after(store: SqlStore) -> None:
    items = [acceptance() for _ in range(20)]
    waiting = [asyncio.ensure_future(store.accept([item], NOW)) for item in items]
    await asyncio.sleep(0)
    await store.close()
    assert all([not (await one)[0].duplicate for one in waiting])
    for call in (
        lambda: store.accept(items, NOW),
        lambda: store.posts([]),
        lambda: claim_any(store),
    ):
        with pytest.raises(StoreError, match="closed"):
            await call()
    assert not await store.writable()
    await store.close()


async def test_a_caller_that_gave_up_does_not_harm_the_others(store: SqlStore) -> None:
    calls = [asyncio.ensure_future(store.accept([acceptance()], NOW)) for _ in range(10)]
    await asyncio.sleep(0)
    calls[3].cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [place for place, answer in enumerate(answers) if not isinstance(answer, list)] == [3]


async def test_writable_says_whether_a_write_succeeds(store: SqlStore) -> None:
    assert await store.writable()


async def test_a_lease_has_one_holder_until_it_runs_out(store: SqlStore, clock: FixedClock) -> None:
    assert await store.lease("watch", "a", 10)
    assert not await store.lease("watch", "b", 10)
    assert await store.lease("accounts", "b", 10)
    clock.move(seconds=6)
    assert await store.lease("watch", "a", 10)
    clock.move(seconds=6)
    assert not await store.lease("watch", "b", 10)
    clock.move(seconds=4)
    assert await store.lease("watch", "b", 10)
    assert not await store.lease("watch", "a", 10)


async def test_a_lease_that_was_given_up_is_free_though_the_clock_goes_back(store: SqlStore, clock: FixedClock) -> None:
    assert await store.lease("watch", "a", 10)
    assert await store.lease("watch", "a", 0)
    clock.move(seconds=-60)
    assert await store.lease("watch", "b", 10)


async def test_the_writer_outlives_an_operation_that_ends_the_transaction_itself(store: SqlStore) -> None:
    def rollback(unit: Unit, items: Sequence[int]) -> list[int]:
        unit.connection.exec_driver_sql("ROLLBACK")
        return list(items)

    with pytest.raises(StoreError):
        await store._group.submit(Operation(rollback), [1])
    assert await store.writable()
