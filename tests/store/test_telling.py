"""What an event becomes: one delivery for each endpoint that wants it, with the body of that endpoint's format."""

from typing import Any

import orjson
import pytest

from bridge.core import formats
from bridge.core.errors import FailureReason
from bridge.core.model import Delivery, Lane, OutboundEvent, WorkState, Write
from bridge.ports import Find, Rooms, Settled
from bridge.store._store import SqlStore
from tests.store.made import LEASE, NOW, claim_any, endpoint, next_of, settlement, told, told_in_full

pytestmark = pytest.mark.anyio


async def made(store: SqlStore, **find: str) -> list[Delivery]:
    return await store.find_deliveries(Find(limit=1000, **find))


async def names(store: SqlStore) -> list[str]:
    return sorted(one.destination for one in await made(store))


async def test_conditions_are_asked_of_each_event(store: SqlStore) -> None:
    rows = (endpoint("all"), endpoint("x", where={"platform": ["x"]}), endpoint("brand", allowed=("brand-*",)))
    await store.record([Write(endpoints=rows)])
    await store.record([Write(events=(told(platforms=("x", "tiktok"), accounts=("other",)),))])
    assert await names(store) == ["all", "x"]
    await store.record([Write(events=(told(platforms=("tiktok",), accounts=("brand-1",)),))])
    assert await names(store) == ["all", "all", "brand", "x"]


async def test_an_endpoint_is_never_told_of_itself_and_of_tests_only_its_own(store: SqlStore) -> None:
    await store.record([Write(endpoints=(endpoint("a"), endpoint("b", "post.*")))])
    await store.record([Write(events=(told("endpoint.failing", endpoint="a"), told("webhook.test", endpoint="b")))])
    assert [(one.destination, one.type) for one in await made(store)] == [("b", "webhook.test")]


async def test_a_subscription_is_sent_to_like_an_endpoint(store: SqlStore) -> None:
    await store.record([Write(endpoints=(endpoint("sub_1", kind="subscription"),), events=(told(),))])
    [sent] = await made(store)
    assert (sent.destination_kind, sent.destination) == ("subscription", "sub_1")
    await store.record([Write(kill_deliveries_of=("sub_1",))])
    assert [one.state for one in await made(store)] == [WorkState.DEAD]


async def test_what_is_claimed_has_the_body_of_the_endpoints_format(store: SqlStore) -> None:
    rows = (endpoint("plain"), endpoint("clouds", format="cloudevents"), endpoint("flat", format="flat"))
    event = told_in_full()
    await store.record([Write(endpoints=rows, events=(event,))])
    claimed = {one.delivery.destination: (one.delivery.format, one.body) for one in await claim_any(store)}
    assert claimed == {row.name: (row.format, formats.body(row.format, event)) for row in rows}
    assert orjson.loads(claimed["clouds"][1])["specversion"] == "1.0"


async def test_a_body_is_stored_once_for_all_endpoints_of_a_format(store: SqlStore) -> None:
    rows = tuple(endpoint(name, format="flat") for name in "abc")
    await store.record([Write(endpoints=rows, events=(told_in_full(),))])
    with store._database.reading() as connection:
        assert connection.exec_driver_sql("SELECT format FROM outbound_bodies").fetchall() == [("flat",)]
    assert len({one.body for one in await claim_any(store)}) == 1


async def test_what_a_format_has_nothing_to_say_of_is_not_sent(store: SqlStore) -> None:
    retrying = told_in_full("post.retrying")
    assert formats.body("slack", retrying) is None
    await store.record([Write(endpoints=(endpoint("chat", format="slack"), endpoint()), events=(retrying,))])
    assert await names(store) == ["ops"]


async def test_events_of_one_window_are_due_together_at_its_end(store: SqlStore) -> None:
    await store.record([Write(endpoints=(endpoint(group_s=30.0),))])
    await store.record([Write(events=(told(), told(created_at=NOW.replace(second=20))))])
    assert {one.due_at for one in await made(store)} == {NOW.replace(second=30, microsecond=0)}


async def test_an_endpoint_that_is_dropped_goes_and_its_due_deliveries_die(store: SqlStore) -> None:
    await store.record([Write(endpoints=(endpoint(), endpoint("other"))), Write(events=(told(), told()))])
    rooms = Rooms(1, 1, {"other": 0})
    [under_way] = await store.claim_deliveries(NOW, Lane.FIRST, rooms, LEASE)
    assert await store.record([Write(drop_endpoints=("ops", "none"), events=(told(),))]) == [True]
    assert set(await store.endpoints()) == {"other"}
    [dead] = await made(store, state="dead")
    assert (dead.destination, dead.reason) == ("ops", FailureReason.ENDPOINT_DISABLED)
    assert len(await made(store, destination="other")) == 3
    assert await store.settle([settlement(under_way)]) == [Settled.KEPT]


async def test_what_is_killed_is_what_was_told_before(store: SqlStore) -> None:
    row = endpoint()
    off, on = next_of(row, enabled=False), next_of(next_of(row))
    before, between, after = told(), told(), told()
    kill = Write(endpoints=(off,), kill_deliveries_of=("ops",), events=(between,))
    await store.record(
        [Write(endpoints=(row,)), Write(events=(before,)), kill, Write(endpoints=(on,), events=(after,))]
    )
    assert [one.delivery.outbound_id for one in await claim_any(store)] == [after.id]


async def test_a_dropped_endpoint_can_be_made_again_at_once_but_not_changed(store: SqlStore) -> None:
    first = endpoint()
    await store.record([Write(endpoints=(first,))])
    again = endpoint(description="new")
    writes = [
        Write(endpoints=(next_of(first, enabled=False),)),
        Write(drop_endpoints=("ops",)),
        Write(endpoints=(next_of(next_of(first)),)),
        Write(endpoints=(again,)),
        Write(events=(told(),)),
    ]
    assert await store.record(writes) == [True, True, False, True, True]
    assert await store.endpoints() == {"ops": again}
    assert [one.state for one in await made(store)] == [WorkState.DUE]


async def test_an_endpoint_of_a_name_that_was_there_goes_on_with_its_sequence(store: SqlStore) -> None:
    row = endpoint(sequence=2)
    disabled = [told("endpoint.disabled", "endpoint:ops", number) for number in (1, 2, 3)]
    await store.record([Write(endpoints=(row,), events=tuple(disabled[:2]))])
    await store.record([Write(drop_endpoints=("ops",))])
    await store.record([Write(endpoints=(endpoint(), endpoint("other")))])
    found = await store.endpoints()
    assert {name: one.sequence for name, one in found.items()} == {"ops": 2, "other": 0}
    assert await store.record([Write(events=(disabled[2],))]) == [True]


async def test_a_change_of_an_endpoint_counts_from_the_next_event(store: SqlStore) -> None:
    row = endpoint("ops", "post.posted")
    await store.record([Write(endpoints=(row,))])
    for events in (("account.*",), ("*",), ("post.posted",)):
        row = next_of(row, events=events)
        await store.record([Write(events=(told(),)), Write(endpoints=(row,))])
    await store.record([Write(events=(told(),))])
    assert len(await made(store)) == 3


async def test_outbound_events_are_listed_newest_first_by_filter(store: SqlStore) -> None:
    first = told("post.posted", subject="post:a", partner="p1", accounts=('say "hi"',))
    second, third = told("post.failed", accounts=("b", "c")), told("post.failed")
    await store.record([Write(events=(first, second, third))])
    finds: list[tuple[dict[str, Any], list[OutboundEvent]]] = [
        ({}, [third, second, first]),
        ({"limit": 1}, [third]),
        ({"before": third.id}, [second, first]),
        ({"type": "post.failed"}, [third, second]),
        ({"partner": "p1"}, [first]),
        ({"subject": "post:a"}, [first]),
        ({"account": 'say "hi"'}, [first]),
        ({"account": "c"}, [second]),
        ({"account": "hi"}, []),
    ]
    for find, expected in finds:
        assert await store.told(Find(**find)) == expected, find


async def test_settled_deliveries_are_found_by_reason(store: SqlStore) -> None:
    await store.record([Write(endpoints=(endpoint(),)), Write(events=(told(), told()))])
    one, _ = await claim_any(store)
    await store.settle([settlement(one, WorkState.DEAD, reason=FailureReason.EXHAUSTED)])
    assert [found.id for found in await made(store, reason="exhausted")] == [one.delivery.id]
