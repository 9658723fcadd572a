"""Deliveries: made from events and endpoints, claimed with their attempt, settled once, sent again on demand."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import Attempt, AttemptOutcome, Delivery, OutboundEvent, WorkState, Write
from bridge.ports import Due, Find, Settled, Settlement
from bridge.store._store import SqlStore
from tests.store.conftest import FixedClock
from tests.store.made import LEASE, NOW, claim_any, endpoint, next_of, settlement, told

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(minutes=5)


async def given_deliveries(store: SqlStore, number: int = 1) -> list[OutboundEvent]:
    events = [told(body=f"body {place}".encode()) for place in range(number)]
    await store.record([Write(endpoints=(endpoint(),)), *(Write(events=(event,)) for event in events)])
    return events


async def all_of(store: SqlStore, **find: str) -> list[Delivery]:
    return await store.find_deliveries(Find(limit=1000, **find))


async def test_each_event_goes_to_each_endpoint_that_wants_its_type(store: SqlStore) -> None:
    wanted = [endpoint("all"), endpoint("failures", "post.failed", "attention.*"), endpoint("none", "account.*")]
    await store.record([Write(endpoints=tuple(wanted))])
    failed, opened = told("post.failed"), told("attention.opened")
    await store.record([Write(events=(failed, told("post.posted"), opened))])
    made = {(one.destination, one.type) for one in await all_of(store)}
    both = {(name, kind) for name in ("all", "failures") for kind in ("post.failed", "attention.opened")}
    assert made == both | {("all", "post.posted")}


async def test_a_delivery_has_what_its_event_has(store: SqlStore) -> None:
    [event] = await given_deliveries(store)
    [made] = await all_of(store)
    assert made.id.startswith("dlv_")
    assert made == Delivery(made.id, event.id, event.type, "endpoint", "ops", event.subject, 1, NOW, NOW)
    assert await store.delivery(made.id) == (made, event, [])
    assert await store.delivery("dlv_none") is None


async def test_a_disabled_endpoint_gets_dead_deliveries(store: SqlStore) -> None:
    ops = endpoint()
    await store.record([Write(endpoints=(ops,))])
    off = next_of(ops, enabled=False)
    await store.record([Write(endpoints=(off,), events=(told(),)), Write(events=(told(),))])
    await store.record([Write(endpoints=(next_of(off, enabled=True),), events=(told(),))])
    made = [(one.state, one.reason, one.settled_at) for one in reversed(await all_of(store))]
    dead = (WorkState.DEAD, FailureReason.ENDPOINT_DISABLED, NOW)
    assert sorted(made, key=str) == sorted([dead, dead, (WorkState.DUE, None, None)], key=str)


async def test_killing_ends_due_deliveries_but_not_those_under_way(store: SqlStore) -> None:
    await given_deliveries(store, 3)
    [claimed] = await claim_any(store, NOW, 1)
    await store.record([Write(kill_deliveries_of=("ops", "other"))])
    dead = await all_of(store, state="dead")
    assert [(one.reason, one.settled_at) for one in dead] == [(FailureReason.ENDPOINT_DISABLED, NOW)] * 2
    assert await store.settle([settlement(claimed)]) == [Settled.KEPT]


async def test_a_claim_counts_the_call_and_writes_its_attempt(store: SqlStore) -> None:
    [event] = await given_deliveries(store)
    [claimed] = await claim_any(store, NOW + LEASE, 10)
    assert (claimed.body, claimed.event_created_at) == (event.body, NOW)
    stored = await store.delivery(claimed.delivery.id)
    assert stored is not None
    assert stored[0] == claimed.delivery
    assert (claimed.delivery.calls, claimed.delivery.version, claimed.delivery.lease_until) == (1, 2, NOW + LEASE)
    assert stored[2] == [Attempt(claimed.delivery.id, 1, None, NOW + LEASE)]


async def test_the_oldest_due_come_first_up_to_the_limit(store: SqlStore) -> None:
    events = [told(created_at=NOW - timedelta(minutes=minutes)) for minutes in (1, 3, -1, 2)]
    await store.record([Write(endpoints=(endpoint(),), events=tuple(events))])
    claimed = await claim_any(store, NOW, 2)
    assert [one.delivery.outbound_id for one in claimed] == [events[1].id, events[3].id]
    assert [one.delivery.outbound_id for one in await claim_any(store, NOW, 9)] == [events[0].id]


async def test_an_attempt_that_never_ended_is_marked_lost(store: SqlStore, clock: FixedClock) -> None:
    await given_deliveries(store)
    [first] = await claim_any(store, NOW, 10)
    clock.move(seconds=30)
    [second] = await claim_any(store, LATER, 10)
    assert await store.settle([settlement(first)]) == [Settled.NOT_OURS]
    assert await store.settle([settlement(second)]) == [Settled.KEPT]
    stored = await store.delivery(first.delivery.id)
    assert stored is not None
    lost, ended = stored[2]
    assert (lost.outcome, lost.reason, lost.finished_at) == (AttemptOutcome.LOST, FailureReason.LOST, LATER)
    assert (ended.number, ended.outcome) == (2, AttemptOutcome.OK)


async def test_a_settled_delivery_is_stored_with_its_attempt(store: SqlStore) -> None:
    await given_deliveries(store)
    [claimed] = await claim_any(store, NOW, 10)
    item = settlement(claimed, attempts=1)
    assert await store.settle([item, item]) == [Settled.KEPT, Settled.NOT_OURS]
    stored = await store.delivery(claimed.delivery.id)
    assert stored is not None
    assert (stored[0], stored[2]) == (replace(item.delivery, lease_until=None), [item.attempt])
    assert await claim_any(store, LATER, 10) == []


async def test_a_delivery_put_off_comes_again_at_its_time(store: SqlStore) -> None:
    woken: list[Due] = []
    await given_deliveries(store)
    store.on_commit(woken.append)
    [claimed] = await claim_any(store, NOW, 10)
    later = settlement(claimed, WorkState.DUE, due_at=LATER, settled_at=None, reason=FailureReason.TIMEOUT)
    assert await store.settle([later]) == [Settled.KEPT]
    assert (await store.next_due(), woken) == (LATER, [Due.DELIVERIES])
    assert await claim_any(store, NOW, 10) == []
    [again] = await claim_any(store, LATER, 10)
    assert again.delivery.calls == 2


async def test_no_delivery_is_ever_with_two_claimants(store: SqlStore) -> None:
    await given_deliveries(store, 100)
    claims = await asyncio.gather(*(claim_any(store, NOW, 7) for _ in range(20)))
    ids = [one.delivery.id for claimed in claims for one in claimed]
    assert len(ids) == len(set(ids)) == 100


async def settled(store: SqlStore, number: int = 3) -> list[Delivery]:
    await given_deliveries(store, number)
    ends = [settlement(one, attempts=4) for one in await claim_any(store, NOW, 10)]
    await store.settle(ends)
    return [end.delivery for end in ends]


async def test_replay_makes_named_deliveries_due_again_and_goes_on_counting_calls(store: SqlStore) -> None:
    first, second, _ = await settled(store)
    woken: list[Due] = []
    store.on_commit(woken.append)
    assert await store.replay([first.id, second.id, "dlv_none"], LATER) == 2
    assert woken == [Due.DELIVERIES]
    claimed = await claim_any(store, LATER, 10)
    assert {one.delivery.id for one in claimed} == {first.id, second.id}
    assert [(one.delivery.calls, one.delivery.attempts, one.delivery.settled_at) for one in claimed] == [
        (2, 0, None)
    ] * 2


async def test_a_replay_fences_an_older_claim(store: SqlStore) -> None:
    [done] = await settled(store, 1)
    await store.replay([done.id], NOW)
    late = Settlement(next_of(done), Attempt(done.id, done.calls, None, NOW))
    assert await store.settle([late]) == [Settled.NOT_OURS]
