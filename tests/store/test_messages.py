"""Messages in chats: each follows an event, and what is told of that makes deliveries that bring it up to date."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.event import listen

from bridge.core.endpoints import WANTED, destination_of, message_key
from bridge.core.errors import FailureReason
from bridge.core.inbound import STEP
from bridge.core.model import Endpoint, Lane, Message, OutboundEvent, PostState, Replay, ReplyTo, WorkState, Write
from bridge.core.replies import begin
from bridge.core.step import Moment, Step
from bridge.ports import Acceptance, Due, Find, Rooms, Settled
from bridge.store import open_store
from bridge.store._store import SqlStore
from tests.store.conftest import FixedClock
from tests.store.made import (
    LEASE,
    NOW,
    chat,
    claim_any,
    endpoint,
    event,
    message,
    new_id,
    next_of,
    post,
    settlement,
    told,
)

pytestmark = pytest.mark.anyio

OLD = NOW - timedelta(days=40)
LIMITS = dict.fromkeys(("events_before", "attempts_before", "posts_before"), NOW - timedelta(days=30))


async def prune(store: SqlStore) -> int:
    return sum([gone async for gone in store.prune(**LIMITS, limit=10)])


def wanted(of: Message) -> Write:
    """What asks that a message be brought up to date."""
    step = Step(Moment(NOW, new_id, lambda: 0.0))
    step.want_reply(of)
    return step.write()


async def follow(store: SqlStore, *messages: Message) -> None:
    assert all(await store.record([Write(endpoints=(chat(),)), Write(messages=messages)]))


async def tell(store: SqlStore, event_id: str | None = "evt_1", **given: object) -> OutboundEvent:
    made = told(event_id=event_id, **given)
    assert await store.record([Write(events=(made,))]) == [True]
    return made


async def replies(store: SqlStore, **find: str) -> list[tuple[str, str | None]]:
    """What was made for the chat, oldest first: the type, and which message it is for."""
    found = await store.find_deliveries(Find(destination="reply:team", limit=100, **find))
    return sorted((one.type, one.ordered_by) for one in found)


async def test_a_message_is_found_by_its_id_and_by_its_event(store: SqlStore) -> None:
    first, second, other = message(address="https://x.example/1"), message(), message("evt_2")
    await follow(store, second, first, other)
    assert await store.messages([first.id, other.id, "rpl_none"]) == {first.id: first, other.id: other}
    assert await store.messages_of("evt_1") == [first, second]
    assert await store.messages_of("evt_3") == []


async def test_whoever_leases_a_message_first_keeps_others_off(store: SqlStore) -> None:
    mine = message()
    await follow(store, mine)
    leased = next_of(mine, lease_until=NOW)
    assert await store.record([Write(messages=(leased,)), Write(messages=(next_of(mine, ts="1"),))]) == [True, False]
    assert await store.messages([mine.id]) == {mine.id: leased}


async def test_a_transition_makes_a_delivery_for_each_message_that_follows_its_event(store: SqlStore) -> None:
    first, second, other = message(), message(), message("evt_2")
    await follow(store, first, second, other)
    made = await tell(store, post_id="post_1")
    await tell(store, None)
    assert await replies(store) == sorted([(made.type, message_key(one.id)) for one in (first, second)])
    [one, _] = await store.find_deliveries(Find(destination=destination_of("team")))
    facts = (one.destination_kind, one.format, one.outbound_id, one.subject, one.sequence, one.due_at, one.state)
    assert facts == ("reply", "standard", made.id, made.subject, 1, NOW, WorkState.DUE)


async def test_what_begins_and_is_told_in_one_step_is_told_to_what_began(store: SqlStore) -> None:
    received, dues = event(), list[Due]()
    store.on_commit(dues.append)
    await store.record([Write(endpoints=(chat(),))])
    step = Step(Moment(NOW, new_id, lambda: 0.0))
    made = step.add(post(received.id))
    begun = begin(step, received.id, "team", ReplyTo(channel="C1"))
    step.tell_post(made, "post.parked", PostState.ACCEPTED)
    await store.accept([Acceptance(received, step.write())], NOW)
    assert await replies(store) == [("post.parked", message_key(begun.id)), (WANTED, message_key(begun.id))]
    assert dues[-1] & Due.DELIVERIES
    assert await store.messages_of(received.id) == [begun]


async def test_a_message_that_is_not_stored_gets_nothing(store: SqlStore) -> None:
    await store.record([Write(endpoints=(chat(),))])
    stale = Write(messages=(message(version=2),))
    assert await store.record([stale, Write(events=(told(event_id="evt_1"),))]) == [False, True]
    assert await replies(store) == []


async def test_what_is_wanted_of_one_message_goes_to_it_alone(store: SqlStore) -> None:
    first, second = message(), message()
    await follow(store, first, second)
    await store.record([Write(endpoints=(endpoint("all"),))])
    assert await store.record([wanted(second)]) == [True]
    [made] = await store.find_deliveries(Find())
    assert (made.type, made.destination, made.ordered_by) == (WANTED, "reply:team", message_key(second.id))
    assert await store.told(Find()) == []
    assert (await store.messages([second.id]))[second.id].sequence == 1


@pytest.mark.parametrize("rows", [(), (chat("others"),), (replace(chat(), kind="endpoint"),)])
async def test_without_the_row_of_their_chat_messages_get_nothing(store: SqlStore, rows: tuple[Endpoint, ...]) -> None:
    mine = message()
    await store.record([Write(endpoints=rows, messages=(mine,))])
    await tell(store)
    await store.record([wanted(mine)])
    assert await replies(store) == []


async def test_a_chat_that_is_disabled_gets_dead_deliveries(store: SqlStore) -> None:
    mine = message()
    await store.record([Write(endpoints=(chat(enabled=False),), messages=(mine,))])
    await tell(store)
    await store.record([wanted(mine)])
    found = await store.find_deliveries(Find())
    assert {(one.state, one.reason, one.settled_at) for one in found} == {
        (WorkState.DEAD, FailureReason.ENDPOINT_DISABLED, NOW)
    }
    assert len(found) == 2


async def test_all_that_is_due_for_a_message_is_claimed_together(store: SqlStore) -> None:
    await follow(store, message())
    for sequence in (3, 1, 2):
        await tell(store, sequence=sequence, subject="post:post_1")
    assert await store.next_due() == NOW
    assert len(await claim_any(store)) == 3


async def test_what_has_to_wait_is_taken_again_from_its_lane(store: SqlStore) -> None:
    await follow(store, message())
    await tell(store)
    [claimed] = await claim_any(store)
    later = NOW + timedelta(seconds=1)
    waits = settlement(claimed, WorkState.DUE, due_at=later, settled_at=None)
    assert await store.settle([waits]) == [Settled.KEPT]
    assert await claim_any(store) == []
    [again] = await claim_any(store, later)
    assert (again.delivery.lane, again.delivery.attempts, again.delivery.calls) == (Lane.FIRST, 0, 2)


async def test_a_chat_has_missed_nothing(store: SqlStore) -> None:
    await follow(store)
    await tell(store)
    find = {"destination": "reply:team", "since": (NOW - timedelta(hours=1)).isoformat()}
    job = Replay("rep_1", find, NOW, NOW + timedelta(hours=1), missed=True)
    assert await store.count_replay(job) == 0


async def test_a_dead_reply_can_be_sent_again(store: SqlStore) -> None:
    await follow(store, message())
    await tell(store)
    [claimed] = await claim_any(store)
    await store.settle([settlement(claimed, WorkState.DEAD, reason=FailureReason.FORBIDDEN)])
    assert await store.replay([claimed.delivery.id], NOW) == 1
    [again] = await claim_any(store)
    assert again.delivery.ordered_by == claimed.delivery.ordered_by


async def test_erasing_takes_where_to_answer_and_leaves_what_is_asked_of_the_message(store: SqlStore) -> None:
    received = event()
    ended = post(received.id, state=PostState.POSTED, ended_at=NOW)
    mine = message(received.id, address="https://x.example/s3cret", address_until=NOW)
    await store.accept([Acceptance(received, Write(posts=(ended,)))], NOW)
    await follow(store, mine)
    await store.record([wanted(mine)])
    await tell(store, received.id, post_id=ended.id, subject=f"post:{ended.id}")
    erased = await store.erase(ended.id, NOW)
    assert erased is not None
    assert (erased["messages"], erased["deliveries"]) == (1, 1)
    [left] = (await store.messages([mine.id])).values()
    assert (left.address, left.address_until, left.version) == ("", None, 3)
    assert await replies(store, state="due") == [(WANTED, message_key(mine.id))]
    assert await replies(store, reason="erased") == [("post.posted", message_key(mine.id))]


async def test_erasing_leaves_the_token_that_ends_a_step(store: SqlStore) -> None:
    received = event()
    ended = post(received.id, state=PostState.POSTED, ended_at=NOW)
    step = message(received.id, kind=STEP, address="xwfp-s3cret", execution="Fx1")
    await store.accept([Acceptance(received, Write(posts=(ended,)))], NOW)
    await follow(store, step)
    assert (await store.erase(ended.id, NOW) or {})["messages"] == 0
    [left] = (await store.messages([step.id])).values()
    assert left.address == "xwfp-s3cret"


@pytest.mark.parametrize(("until", "left"), [(OLD, ""), (NOW + timedelta(days=4000), "https://x.example/s3cret")])
async def test_where_nobody_can_be_answered_any_more_is_forgotten(store: SqlStore, until: datetime, left: str) -> None:
    mine = message(address="https://x.example/s3cret", address_until=until)
    step = message(id="rpl_step", kind=STEP, address="xwfp-s3cret", execution="Fx1")
    await follow(store, mine, step)
    await prune(store)
    found = await store.messages([mine.id, step.id])
    assert (found[mine.id].address, found[step.id].address) == (left, "xwfp-s3cret")


@pytest.mark.parametrize(("at", "gone"), [(OLD, 2), (NOW, 0)])
async def test_messages_go_with_their_event_and_never_after_it(store: SqlStore, at: object, gone: int) -> None:
    received = event(received_at=at)
    await store.accept([Acceptance(received, Write(messages=(message(received.id),)))], NOW)
    assert await prune(store) == gone
    assert (await store.event(received.id) is None) == (await store.messages_of(received.id) == []) == bool(gone)


async def test_messages_stay_while_a_post_of_their_event_does(store: SqlStore) -> None:
    received = event(received_at=OLD)
    alive = post(received.id, created_at=OLD)
    await store.accept([Acceptance(received, Write(posts=(alive,), messages=(message(received.id),)))], NOW)
    assert await prune(store) == 0
    assert len(await store.messages_of(received.id)) == 1


async def test_a_lease_of_a_message_ends_with_the_process_that_had_it(
    sqlite_store: SqlStore, sqlite_url: str, clock: FixedClock
) -> None:
    mine = message(lease_until=NOW + LEASE)
    await follow(sqlite_store, mine)
    await tell(sqlite_store)
    assert len(await claim_any(sqlite_store)) == 1
    await sqlite_store.close()
    opened = await open_store(sqlite_url, clock=clock)
    try:
        assert await opened.messages([mine.id]) == {mine.id: replace(mine, lease_until=None)}
        [again] = await opened.claim_deliveries(NOW, Lane.FIRST, Rooms(9, 9), LEASE)
        assert again.delivery.calls == 2
    finally:
        await opened.close()


async def test_without_chats_nobody_looks_for_messages(store: SqlStore) -> None:
    """What bridges without a chat write must cost what it did."""
    statements: list[str] = []
    engine = store._database._writer  # type: ignore[attr-defined]
    listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: statements.append(statement))
    await store.record([Write(endpoints=(endpoint(),))])
    await tell(store)
    assert not any("messages" in one for one in statements)
    await store.record([Write(endpoints=(chat(),))])
    del statements[:]
    await store.record([Write(events=(told(event_id="evt_1"),)), Write(events=(told(event_id="evt_2"),))])
    assert sum("messages" in one for one in statements) == 1
