"""Claiming deliveries: a lane at a time, of each endpoint as many as there is room for, in order where it is asked."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, make_url

from bridge.core.model import Delivery, Endpoint, Lane, OutboundEvent, WorkState, Write
from bridge.ports import ClaimedDelivery, Rooms, Settled
from bridge.store._counts import Counting
from bridge.store._lanes import LaneClaim, Lanes
from bridge.store._sql import Sql, Unit
from bridge.store._store import SqlStore
from bridge.store._writes import Records
from bridge.store.sqlite import SqliteDatabase
from tests.store.conftest import FixedClock
from tests.store.made import LEASE, NOW, claim_any, endpoint, next_of, settlement, told

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)

Result = TypeVar("Result")


def only(name: str, **given: Any) -> Endpoint:
    """An endpoint that wants the events of the source of its name."""
    return endpoint(name, where={"source": [name]}, **given)


def news(source: str, number: int = 1, **given: Any) -> tuple[OutboundEvent, ...]:
    """Events for one endpoint, a second apart, the oldest first."""
    given = {"created_at": NOW - number * SECOND, **given}
    return tuple(
        told(source=source, **{**given, "created_at": given["created_at"] + place * SECOND}) for place in range(number)
    )


async def claim(store: SqlStore, rooms: Rooms, lane: Lane = Lane.FIRST) -> list[str]:
    return [one.delivery.destination for one in await store.claim_deliveries(NOW, lane, rooms, LEASE)]


async def put_off(store: SqlStore, claimed: ClaimedDelivery, **given: Any) -> None:
    later = settlement(claimed, WorkState.DUE, settled_at=None, lane=Lane.AGAIN, **given)
    assert await store.settle([later]) == [Settled.KEPT]


async def test_of_each_endpoint_no_more_is_taken_than_there_is_room_for(store: SqlStore) -> None:
    names = ("a", "b", "c")
    await store.record([Write(endpoints=tuple(map(only, names)), events=sum((news(name, 5) for name in names), ()))])
    assert sorted(await claim(store, Rooms(9, 2, {"a": 3, "c": 0}))) == ["a"] * 3 + ["b"] * 2
    assert sorted(await claim(store, Rooms(30, 9, {"a": -1}))) == ["b"] * 3 + ["c"] * 5


async def test_a_claim_gives_everybody_in_line_the_same_and_leaves_as_much_over(store: SqlStore) -> None:
    names = ("a", "b", "c")
    await store.record([Write(endpoints=tuple(map(only, names)), events=sum((news(name, 9) for name in names), ()))])
    assert sorted(await claim(store, Rooms(8, 9))) == ["a"] * 2 + ["b"] * 2 + ["c"] * 2
    assert await claim(store, Rooms(8, 6, {"a": 0, "c": 0})) == ["b"] * 6


async def test_whose_turn_it_is_goes_first_however_long_others_have_waited(store: SqlStore) -> None:
    ages = {"a": 9, "b": 5, "c": 1}
    events = [news(name, 2, created_at=NOW - age * SECOND) for name, age in ages.items()]
    await store.record([Write(endpoints=tuple(map(only, ages)), events=sum(events, ()))])
    assert await claim(store, Rooms(2, 9, turns={"a": (0, 4), "b": (1, 0)})) == ["c", "a"]


async def test_what_is_gathered_counts_as_one_and_is_not_cut(store: SqlStore) -> None:
    await store.record([Write(endpoints=tuple(map(only, "ab")), events=news("a", 7) + news("b", 7))])
    assert sorted(await claim(store, Rooms(3, 9, {"a": 100}, gathering={"a"}))) == ["a"] * 7 + ["b"]


async def test_slow_ones_get_no_more_together_than_there_is_room_for_them(store: SqlStore) -> None:
    await store.record([Write(endpoints=tuple(map(only, "abc")), events=sum((news(name, 9) for name in "abc"), ()))])
    rooms = Rooms(12, 9, slow={"a", "b"}, for_slow=4)
    assert sorted(await claim(store, rooms)) == ["a"] * 3 + ["b"] + ["c"] * 3


async def test_the_endpoint_that_waits_longest_is_served_first_and_of_each_the_oldest(store: SqlStore) -> None:
    rows = tuple(map(only, ("a", "b", "c")))
    events = [news(name, 2, created_at=NOW - age * SECOND) for name, age in (("a", 5), ("b", 9), ("c", 7))]
    await store.record([Write(endpoints=rows, events=sum(events, ()))])
    claimed = await store.claim_deliveries(NOW, Lane.FIRST, Rooms(8, 2), LEASE)
    assert [one.delivery.outbound_id for one in claimed] == [one.id for place in (1, 2, 0) for one in events[place]]
    assert await claim(store, Rooms(0, 2)) == []


async def test_what_is_tried_again_stands_in_a_lane_of_its_own(store: SqlStore) -> None:
    await store.record([Write(endpoints=(endpoint(),), events=news("", 2))])
    first, _ = await claim_any(store)
    await put_off(store, first, due_at=NOW)
    assert await claim(store, Rooms(9, 9)) == []
    [again] = await store.claim_deliveries(NOW, Lane.AGAIN, Rooms(9, 9), LEASE)
    assert (again.delivery.id, again.delivery.lane, again.delivery.calls) == (first.delivery.id, Lane.AGAIN, 2)


async def test_how_much_of_the_second_lane_is_due_is_known_by_endpoint(store: SqlStore) -> None:
    await store.record([Write(endpoints=(only("a"), only("b")), events=news("a", 3) + news("b", 2))])
    for place, claimed in enumerate(await claim_any(store)):
        await put_off(store, claimed, due_at=NOW + (place % 2) * SECOND)
    await store.record([Write(events=news("a"))])
    assert await store.due_again(NOW) == {"a": 2, "b": 1}
    assert await store.due_again(NOW + SECOND) == {"a": 3, "b": 2}


async def given_subjects(store: SqlStore, **given: Any) -> list[OutboundEvent]:
    """Events of two posts for an endpoint that keeps each post's in order: two of the first, one of the second."""
    events = [told(subject=f"post:{of}", sequence=at, post_id=of) for of, at in (("p1", 1), ("p2", 1))]
    events.append(told(subject="target:p1:acc", sequence=2, post_id="p1"))
    await store.record([Write(endpoints=(endpoint(ordering="subject", **given),), events=tuple(events))])
    return events


async def test_in_order_an_event_waits_for_those_before_it_and_holds_up_no_other_subject(store: SqlStore) -> None:
    first, other, second = await given_subjects(store)
    claimed = await claim_any(store)
    assert {one.delivery.outbound_id for one in claimed} == {first.id, other.id}
    assert await claim_any(store) == []
    await store.settle([settlement(one) for one in claimed])
    assert [one.delivery.outbound_id for one in await claim_any(store)] == [second.id]


async def test_in_order_an_event_waits_for_one_that_is_put_off(store: SqlStore) -> None:
    first, _, second = await given_subjects(store)
    for one in await claim_any(store):
        if one.delivery.outbound_id == first.id:
            await put_off(store, one, due_at=NOW + SECOND)
        else:
            await store.settle([settlement(one)])
    assert await claim_any(store) == []
    assert await store.next_due() == NOW + SECOND
    [head] = await claim_any(store, NOW + SECOND)
    await store.settle([settlement(head, WorkState.DEAD)])
    assert [one.delivery.outbound_id for one in await claim_any(store)] == [second.id]


async def test_without_order_nothing_waits(store: SqlStore) -> None:
    await store.record([Write(endpoints=(endpoint(),))])
    await store.record([Write(events=tuple(told(subject="post:p1", sequence=at, post_id="p1") for at in (1, 2)))])
    assert len(await claim_any(store)) == 2


async def test_next_due_counts_from_the_end_of_an_endpoints_hold(store: SqlStore) -> None:
    held, later = only("a", held_until=NOW + 9 * SECOND), only("b")
    await store.record([Write(endpoints=(held, later), events=news("a", 2))])
    assert await store.next_due() == NOW + 9 * SECOND
    await store.record([Write(events=news("b", created_at=NOW + 5 * SECOND))])
    assert await store.next_due() == NOW + 5 * SECOND
    await store.record([Write(endpoints=(next_of(held, held_until=None),))])
    assert await store.next_due() == NOW - 2 * SECOND


class Counted:
    """A database whose claims are measured in steps of SQLite's machine."""

    def __init__(self, path: Path) -> None:
        self.clock = FixedClock()
        self.database = SqliteDatabase(make_url(f"sqlite:///{path}"), create=True, readers=1)
        sql = Sql(self.database.dialect)
        self.records, self.lanes = Records(sql, self.clock), Lanes(sql, self.clock)
        self.counting = Counting(sql, self.clock)

    def record(self, write: Write, end: WorkState | None = None) -> None:
        """Write, and let all deliveries that there are end so."""
        with self.database.writing() as connection, connection.begin():
            assert self.records.record(Unit(connection), [write]) == [True]
            if end is not None:
                connection.exec_driver_sql("UPDATE deliveries SET state = ?", (end.value,))

    def claim(self, rooms: Rooms) -> tuple[list[Delivery], int]:
        """Claim, and say how many steps it took; nothing of it is kept."""
        [claimed], steps = self._counted(
            lambda connection: self.lanes.claim(Unit(connection), [LaneClaim(NOW, Lane.FIRST, rooms, LEASE)])
        )
        return [one.delivery for one in claimed], steps

    def next_due(self) -> tuple[datetime | None, int]:
        """Ask when something is due, and say how many steps it took."""
        return self._counted(self.counting.next_due)

    def _counted(self, work: Callable[[Connection], Result]) -> tuple[Result, int]:
        steps = 0

        def step() -> None:
            nonlocal steps
            steps += 1

        with self.database.writing() as connection, connection.begin() as transaction:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.set_progress_handler(step, 1)
            answer = work(connection)
            driver.set_progress_handler(None, 0)
            transaction.rollback()
        return answer, steps


@pytest.mark.parametrize("history", [WorkState.DONE, WorkState.DEAD, WorkState.DUE])
def test_what_a_claim_costs_does_not_grow_with_history_or_with_what_others_have_due(
    tmp_path: Path, history: WorkState
) -> None:
    rooms, took = Rooms(10, 5, {"held": 0}), []
    for number in (5, 300):
        store = Counted(tmp_path / f"{number}.db")
        store.record(Write(endpoints=(only("held"), only("ops")), events=news("held", number)), history)
        store.record(Write(events=news("ops", 20)))
        claimed, steps = store.claim(rooms)
        assert [one.destination for one in claimed] == ["ops"] * 5
        took.append(steps)
        store.database.close()
    assert took[1] <= took[0] + 20


def test_what_a_claim_costs_does_not_grow_with_what_is_due_for_its_endpoint(tmp_path: Path) -> None:
    took = []
    for number in (10, 300):
        store = Counted(tmp_path / f"{number}.db")
        store.record(Write(endpoints=(only("ops"),), events=news("ops", number)))
        claimed, steps = store.claim(Rooms(5, 5))
        assert len(claimed) == 5
        took.append(steps)
        store.database.close()
    assert took[1] <= took[0] + 20


def test_what_waits_in_order_for_an_endpoint_without_room_costs_nobody_anything(tmp_path: Path) -> None:
    rooms, took = Rooms(10, 5, {"held": 0}), []
    for number in (5, 300):
        store = Counted(tmp_path / f"{number}.db")
        held = only("held", ordering="subject", held_until=NOW + 9 * SECOND)
        posts = [{"subject": f"post:{of}", "post_id": str(of)} for of in range(number)]
        waiting = tuple(told(source="held", sequence=at, **post) for post in posts for at in (1, 2))
        store.record(Write(endpoints=(held, only("ops")), events=waiting))
        with store.database.writing() as connection, connection.begin():
            connection.exec_driver_sql("UPDATE deliveries SET lane = 'again' WHERE sequence = 1")
        store.record(Write(events=news("ops", 20)))
        claimed, steps = store.claim(rooms)
        assert [one.destination for one in claimed] == ["ops"] * 5
        due, looked = store.next_due()
        assert due == NOW - 20 * SECOND
        took.append((steps, looked))
        store.database.close()
    assert took[1][0] <= took[0][0] + 20
    assert took[1][1] <= took[0][1] + 20


async def test_a_delivery_that_somebody_holds_is_left_out_until_its_lease_ends(
    store: SqlStore, clock: FixedClock
) -> None:
    await store.record([Write(endpoints=(endpoint(),), events=news("", 3))])
    [held] = await claim_any(store, most=1)
    assert held.delivery.id not in {one.delivery.id for one in await claim_any(store)}
    clock.move(seconds=30)
    assert len(await claim_any(store)) == 3
    assert await store.settle([settlement(replace(held))]) == [Settled.NOT_OURS]


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_becomes_of_deliveries_each_subject_stays_in_order(
    store: SqlStore, clock: FixedClock, seed: int
) -> None:
    """Claimants who die, deliveries that are put off, die or are sent again: no later event ever overtakes."""
    chance = random.Random(seed)
    events = [told(subject=f"post:p{of}", sequence=at, post_id=f"p{of}") for at in range(1, 6) for of in range(4)]
    await store.record([Write(endpoints=(endpoint(ordering="subject"),), events=tuple(events))])
    ended: dict[str | None, list[int]] = {f"post:p{of}": [] for of in range(4)}
    now = NOW
    while sum(map(len, ended.values())) < len(events):
        claimed = await claim_any(store, now, chance.randint(1, 5))
        held = [one.delivery.ordered_by for one in claimed]
        assert len(held) == len(set(held))
        for one in claimed:
            match chance.choice(["done", "done", "dead", "later", "lost"]):
                case "later":
                    await put_off(store, one, due_at=now + SECOND)
                case "lost":
                    pass
                case end:
                    assert await store.settle([settlement(one, WorkState(end))]) == [Settled.KEPT]
                    ended[one.delivery.ordered_by].append(one.delivery.sequence)
        now += SECOND
        clock.move(seconds=10)
    assert all(sequences == [1, 2, 3, 4, 5] for sequences in ended.values())


async def test_what_is_sent_again_goes_before_what_came_after_it(store: SqlStore) -> None:
    first, other, _ = await given_subjects(store)
    done = {one.delivery.outbound_id: one.delivery.id for one in await settle_all(store)}
    assert await store.replay([done[first.id]], NOW) == 1
    assert [one.delivery.outbound_id for one in await claim_any(store)] == [first.id]
    assert other.id in done


async def settle_all(store: SqlStore) -> list[ClaimedDelivery]:
    """Settle the first of each subject."""
    claimed = await claim_any(store)
    assert set(await store.settle([settlement(one) for one in claimed])) == {Settled.KEPT}
    return claimed
