"""Settling a delivery together with what else follows from it: the endpoint's health, and what is told."""

import asyncio
from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import Endpoint, Lane, WorkState, Write
from bridge.ports import ClaimedDelivery, Due, Find, Settled, Settlement
from bridge.store._store import SqlStore
from tests.store.conftest import FixedClock
from tests.store.made import NOW, claim_any, endpoint, next_of, settlement, told

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(minutes=5)


async def given_claimed(store: SqlStore, number: int = 1) -> tuple[Endpoint, list[ClaimedDelivery]]:
    row = endpoint("ops", "post.*")
    await store.record([Write(endpoints=(row,), events=tuple(told() for _ in range(number)))])
    return row, await claim_any(store)


def failed(claimed: ClaimedDelivery, write: Write) -> Settlement:
    ended = settlement(claimed, WorkState.DUE, due_at=LATER, settled_at=None, lane=Lane.AGAIN)
    return Settlement(ended.delivery, ended.attempt, write)


async def test_the_write_is_kept_with_the_delivery(store: SqlStore) -> None:
    row, [claimed] = await given_claimed(store)
    failing = next_of(row, failing_since=NOW)
    item = failed(claimed, Write(endpoints=(failing,), events=(told("post.failed"),)))
    assert await store.settle([item]) == [Settled.KEPT]
    assert await store.endpoints() == {"ops": failing}
    found = await store.find_deliveries(Find())
    assert sorted(one.state for one in found) == [WorkState.DUE, WorkState.DUE]
    assert len(await store.told(Find(type="post.failed"))) == 1


async def test_of_a_write_that_does_not_fit_nothing_is_kept(store: SqlStore) -> None:
    row, [claimed] = await given_claimed(store)
    await store.record([Write(endpoints=(next_of(row, description="changed"),))])
    item = failed(claimed, Write(endpoints=(next_of(row, failing_since=NOW),), events=(told(),)))
    assert await store.settle([item]) == [Settled.OVERTAKEN]
    assert await store.delivery(claimed.delivery.id) == (claimed.delivery, *(await seen(store, claimed)))
    assert len(await store.told(Find())) == 1
    again = failed(claimed, Write(endpoints=(next_of(next_of(row), failing_since=NOW),)))
    assert await store.settle([again]) == [Settled.KEPT]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("sequence", [0, 7])
async def test_what_was_decided_on_an_endpoint_that_is_gone_is_not_about_its_namesake(
    store: SqlStore, together: bool, sequence: int
) -> None:
    former = endpoint("ops", created_at=NOW, sequence=sequence)
    namesake = endpoint("ops", "account.*", owner="bob", sealed=b"new", created_at=LATER)
    await store.record([Write(endpoints=(former,))])
    stale = Write(endpoints=(next_of(former, failing_since=NOW, sequence=sequence + 1),))
    writes = [Write(drop_endpoints=("ops",)), Write(endpoints=(namesake,)), stale]
    answers = await record_all(store, writes, together=together)
    assert answers == [True, True, False]
    assert await store.endpoints() == {"ops": namesake}
    assert await store.record([stale, Write(endpoints=(next_of(namesake, description="its own"),))]) == [False, True]
    gone = Write(drop_endpoints=("ops",))
    assert await record_all(store, [gone, Write(endpoints=(former,)), stale], together=together) == [True] * 3


async def record_all(store: SqlStore, writes: list[Write], *, together: bool) -> list[bool]:
    """Record in one transaction, or in one each."""
    if together:
        return await store.record(writes)
    return [answer for write in writes for answer in await store.record([write])]


async def seen(store: SqlStore, claimed: ClaimedDelivery) -> tuple[object, object]:
    """The event of a delivery, and its attempts, which must still be under way."""
    found = await store.delivery(claimed.delivery.id)
    assert found is not None
    assert [attempt.finished_at for attempt in found[2]] == [None]
    return found[1], found[2]


async def test_nothing_of_the_write_is_kept_when_the_claim_is_not_ours(store: SqlStore, clock: FixedClock) -> None:
    row, [claimed] = await given_claimed(store)
    clock.move(seconds=30)
    await claim_any(store)
    assert await store.settle([failed(claimed, Write(endpoints=(next_of(row),)))]) == [Settled.NOT_OURS]
    assert await store.endpoints() == {"ops": row}


async def test_of_many_that_note_the_same_one_wins_and_its_neighbours_are_kept(store: SqlStore) -> None:
    row, claimed = await given_claimed(store, 4)
    items = [failed(one, Write(endpoints=(next_of(row, failing_since=NOW),))) for one in claimed[:3]]
    answers = await store.settle([*items, settlement(claimed[3])])
    assert answers == [Settled.KEPT, Settled.OVERTAKEN, Settled.OVERTAKEN, Settled.KEPT]


async def test_a_taken_sequence_overtakes_its_own_settlement_alone(store: SqlStore) -> None:
    _, claimed = await given_claimed(store, 3)
    taken = told("endpoint.failing", subject="endpoint:ops")
    await store.record([Write(events=(taken,))])
    rival = told("endpoint.failing", subject="endpoint:ops")
    calls = [[settlement(claimed[0])], [failed(claimed[1], Write(events=(rival,)))], [settlement(claimed[2])]]
    answers = await asyncio.gather(*(store.settle(items) for items in calls))
    assert answers == [[Settled.KEPT], [Settled.OVERTAKEN], [Settled.KEPT]]


async def test_disabling_an_endpoint_takes_the_settled_delivery_along(store: SqlStore) -> None:
    row, [claimed, other] = await given_claimed(store, 2)
    await store.record([Write(events=(told(),))])
    off = next_of(row, enabled=False, reason=FailureReason.FAILING)
    await store.settle([failed(claimed, Write(endpoints=(off,), kill_deliveries_of=("ops",)))])
    dead = await store.find_deliveries(Find(state="dead"))
    assert {one.reason for one in dead} == {FailureReason.ENDPOINT_DISABLED}
    assert len(dead) == 2
    assert await store.settle([settlement(other)]) == [Settled.KEPT]


async def test_what_a_write_makes_due_wakes(store: SqlStore) -> None:
    _, [claimed] = await given_claimed(store)
    woken: list[Due] = []
    store.on_commit(woken.append)
    done = settlement(claimed)
    assert await store.settle([Settlement(done.delivery, done.attempt, Write(events=(told(),)))]) == [Settled.KEPT]
    assert woken == [Due.DELIVERIES]
