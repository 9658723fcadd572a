"""Erasing: what was said is nowhere in the files any more, what happened still is, and nothing under way breaks."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.core.errors import FailureReason, StoreOvertaken
from bridge.core.model import Attempt, AttemptOutcome, Post, PostState, Target, WorkState, Write
from bridge.ports import Acceptance, Find, Settled
from bridge.store._store import SqlStore
from tests.store.filled import rows_of
from tests.store.made import (
    NOW,
    claim_any,
    command,
    endpoint,
    event,
    lookup,
    next_of,
    post,
    settlement,
    source_object,
    told,
)

pytestmark = pytest.mark.anyio

SECRET = "s3cret-words"
BODY = f'{{"caption": "{SECRET}"}}'.encode()
SAID = {"text": SECRET}
NOTHING_LEFT = dict.fromkeys(
    (
        "events",
        "lookups",
        "messages",
        "posts",
        "commands",
        "attempts",
        "outbound_events",
        "outbound_bodies",
        "deliveries",
    ),
    0,
)


async def given_post(store: SqlStore, event_id: str | None = None, **given: Any) -> Post:
    """A post that has ended, which says its words in every place that has any; two deliveries, one of them due."""
    received = event(body=BODY, request=SAID, warnings=(SAID,), headers=SAID, key="k", key_until=None)
    target = Target("acc-1", "brand", error=SECRET, url="https://x.example/1")
    texts = {"content": SAID, "error": SECRET, "hosted": SAID, "targets": (target,)}
    parent = post(event_id or received.id, **{**texts, "state": PostState.POSTED, "ended_at": NOW, **given})
    parts = {"payload": SAID, "body": BODY, "detail": SECRET, "progress": SAID}
    done = command(parent, state=WorkState.DONE, **parts)
    ended = Attempt(done.id, 1, parent.id, NOW, AttemptOutcome.FAILED, NOW, 500, None, SECRET, SAID)
    thin = lookup(received, wanted=SAID, detail=SECRET, state=WorkState.DONE)
    write = Write(posts=(parent,), commands=(done,), attempts=(ended,), lookups=() if event_id else (thin,))
    if event_id:
        await store.record([write])
    else:
        await store.accept([Acceptance(received, write)], NOW)
    await store.record([Write(endpoints=(endpoint(),)), Write(endpoints=(endpoint("flat", format="flat"),))])
    body = f'{{"type": "post.posted", "timestamp": "", "data": {{"caption": "{SECRET}"}}}}'.encode()
    await store.record([Write(events=(told(subject=f"post:{parent.id}", post_id=parent.id, body=body),))])
    return parent


async def say(store: SqlStore) -> None:
    """Let the delivery to `ops` be answered with our words; the other stays due."""
    claimed = await claim_any(store, flat=0)
    ends = [settlement(one) for one in claimed]
    said = [replace(one, attempt=replace(one.attempt, detail=SECRET, answer={"body": SECRET})) for one in ends]
    assert set(await store.settle(said)) == {Settled.KEPT}


def files_of(path: Path) -> bytes:
    return b"".join(one.read_bytes() for one in sorted(path.iterdir()))


@pytest.mark.parametrize("by", ["post", "event"])
async def test_nothing_of_what_was_said_is_left_in_any_row(store: SqlStore, url: str, by: str) -> None:
    parent = await given_post(store)
    await say(store)
    assert SECRET in repr(rows_of(url))
    erased = await store.erase(parent.id if by == "post" else parent.event_id, NOW)
    assert erased == {**NOTHING_LEFT, "events": 1, "lookups": 1, "posts": 1, "commands": 1, "attempts": 2,
                      "outbound_events": 1, "outbound_bodies": 1, "deliveries": 1}  # fmt: skip
    assert SECRET not in repr(rows_of(url))
    assert await store.erase(parent.id, NOW) == NOTHING_LEFT


async def test_nothing_of_what_was_said_is_left_in_any_file(sqlite_store: SqlStore, tmp_path: Path) -> None:
    parent = await given_post(sqlite_store)
    await say(sqlite_store)
    assert SECRET.encode() in files_of(tmp_path)
    await sqlite_store.erase(parent.id, NOW)
    assert SECRET.encode() not in files_of(tmp_path)


async def test_that_it_was_there_stays(store: SqlStore) -> None:
    parent = await given_post(store)
    await say(store)
    before = await store.timeline(parent.id)
    await store.erase(parent.id, NOW)
    after = await store.timeline(parent.id)
    assert before is not None
    assert after is not None
    gone = {"body": b"", "request": {}, "warnings": (), "headers": None}
    assert after.event == replace(before.event, **gone)  # type: ignore[type-var]
    [target] = parent.targets
    empty = {"content": {}, "error": None, "hosted": {}, "targets": (replace(target, error=None),)}
    assert after.post == next_of(parent, **empty)
    assert [(one.id, one.state, one.body) for one in after.commands] == [(before.commands[0].id, WorkState.DONE, None)]
    assert after.events == tuple(replace(one, body=b"") for one in before.events)
    ends = [(one.subject_id, one.number, one.outcome, one.status) for one in before.attempts]
    assert [(one.subject_id, one.number, one.outcome, one.status) for one in after.attempts] == ends


async def test_what_is_due_of_it_dies_and_what_was_sent_is_not_sent_again(store: SqlStore) -> None:
    parent = await given_post(store)
    await say(store)
    await store.erase(parent.id, NOW)
    dead, done = sorted(await store.find_deliveries(Find()), key=lambda one: one.state)
    assert (dead.state, dead.reason, dead.settled_at) == (WorkState.DEAD, FailureReason.ERASED, NOW)
    assert done.state is WorkState.DONE
    assert await store.replay([dead.id, done.id], NOW) == 0
    assert await store.told(Find()) == []


async def test_a_delivery_that_is_being_made_is_not_ours_to_end_any_more(store: SqlStore) -> None:
    parent = await given_post(store)
    [claimed] = await claim_any(store, flat=0)
    await store.erase(parent.id, NOW)
    late = settlement(claimed)
    assert await store.settle([late]) == [Settled.NOT_OURS]
    stored = await store.delivery(claimed.delivery.id)
    assert stored is not None
    assert [(one.outcome, one.detail, one.answer) for one in stored[2]] == [(AttemptOutcome.LOST, None, None)]


async def test_whoever_read_it_before_writes_nothing_of_it_back(store: SqlStore) -> None:
    parent = await given_post(store)
    await store.erase(parent.id, NOW)
    assert await store.record([Write(posts=(next_of(parent, raw_status="late"),))]) == [False]
    assert (await store.posts([parent.id]))[parent.id].content == {}


@pytest.mark.parametrize("state", [WorkState.DUE, WorkState.PARKED])
async def test_what_is_worked_on_is_not_erased(store: SqlStore, state: WorkState) -> None:
    parent = await given_post(store)
    await store.record([Write(commands=(command(parent, 2, state=state),))])
    before = await store.timeline(parent.id)
    for subject in (parent.id, parent.event_id):
        with pytest.raises(StoreOvertaken):
            await store.erase(subject, NOW)
    assert await store.timeline(parent.id) == before


async def test_an_event_that_has_yet_to_be_fetched_for_is_not_erased(store: SqlStore) -> None:
    received = event(body=BODY)
    await store.accept([Acceptance(received, Write(lookups=(lookup(received),)))], NOW)
    with pytest.raises(StoreOvertaken):
        await store.erase(received.id, NOW)
    assert await store.event(received.id) == (received, [])


async def test_others_are_left_alone(store: SqlStore) -> None:
    first = await given_post(store)
    second = await given_post(store, first.event_id)
    other = post(content=SAID)
    await store.record([Write(posts=(other,))])
    await store.erase(first.id, NOW)
    found = await store.posts([second.id, other.id])
    assert (found[second.id], found[other.id]) == (second, other)
    assert len(await store.told(Find())) == 1
    erased = await store.erase(first.event_id, NOW)
    assert erased is not None
    assert (erased["posts"], erased["events"]) == (1, 0)
    assert (await store.posts([other.id]))[other.id] == other


async def test_what_was_told_of_an_event_without_posts_goes_with_it(store: SqlStore) -> None:
    received = event(body=BODY)
    outbound = told("post.rejected", subject=f"event:{received.id}", event_id=received.id, body=BODY)
    await store.accept([Acceptance(received, Write(events=(outbound,)))], NOW)
    assert await store.erase(received.id, NOW) == {**NOTHING_LEFT, "events": 1, "outbound_events": 1}


async def test_a_request_that_was_erased_is_still_recognised(store: SqlStore) -> None:
    parent = await given_post(store)
    await store.erase(parent.id, NOW)
    again = event(body=BODY, request=SAID, key="k")
    [answer] = await store.accept([Acceptance(again, Write())], NOW)
    assert (answer.duplicate, answer.event_id, answer.post_ids) == (True, parent.event_id, (parent.id,))


async def test_an_unknown_subject_is_none_and_harms_no_neighbour(store: SqlStore) -> None:
    parent = await given_post(store)
    busy = post(content=SAID)
    await store.record([Write(posts=(busy,), commands=(command(busy),))])
    ids = ("post_none", busy.id, parent.id, "ops")
    answers = await asyncio.gather(*(store.erase(one, NOW) for one in ids), return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), StoreOvertaken, dict, type(None)]


async def test_what_was_said_of_the_object_in_later_events_goes_too(store: SqlStore) -> None:
    """Also what came by another name of the object; but not what another object's events say."""
    first = event(source="cms", object_id="7", body=BODY)
    made = post(first.id, source="cms", content=SAID, ended_at=NOW, state=PostState.POSTED)
    rows = tuple(source_object(name, source="cms", event_id=first.id) for name in ("7", "url:blog.example.com/7"))
    change = event(source="cms", object_id="7", body=BODY, request=SAID, reason="caption is 'x', which is long")
    listed = event(source="cms", object_id="url:blog.example.com/7", body=BODY, reason=f"already_posted: {first.id}")
    others = [event(source="cms", object_id="8", body=BODY), event(source="shop", object_id="7", body=BODY)]
    others.append(event(source="cms", body=BODY))
    refused = told("post.rejected", subject=f"event:{change.id}", event_id=change.id, body=BODY)
    thin = lookup(change, wanted=SAID, state=WorkState.DONE)
    await store.accept([Acceptance(first, Write(posts=(made,), objects=rows))], NOW)
    await store.accept([Acceptance(change, Write(lookups=(thin,), events=(refused,)))], NOW)
    await store.accept([Acceptance(one, Write()) for one in (listed, *others)], NOW)
    assert await store.concerned(change.id) == [made]
    assert await store.erase(made.id, NOW) == {
        **NOTHING_LEFT, "events": 3, "lookups": 1, "posts": 1, "outbound_events": 1
    }  # fmt: skip
    found = [await store.event(one.id) for one in (first, change, listed, *others)]
    assert [pair and pair[0].body for pair in found] == [b"", b"", b"", BODY, BODY, BODY]
    assert [pair and pair[0].reason for pair in found[:3]] == [None, "erased", listed.reason]


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_all_posts_of_an_object_go_with_any_event_of_it(store: SqlStore, place: int) -> None:
    """It was posted twice, the second time after a change that made nothing."""
    ended = {"source": "cms", "content": SAID, "ended_at": NOW, "state": PostState.CANCELED}
    said = [event(source="cms", object_id="7", body=BODY) for _ in range(3)]
    made = [post(said[0].id, **ended), post(said[2].id, **ended)]
    await store.accept([Acceptance(one, Write()) for one in said], NOW)
    row = source_object("7", source="cms", event_id=said[2].id)
    await store.record([Write(posts=tuple(made), objects=(row,))])
    assert await store.concerned(said[place].id) == made
    assert await store.erase(said[place].id, NOW) == {**NOTHING_LEFT, "events": 3, "posts": 2}


async def test_a_later_event_that_has_yet_to_be_fetched_for_keeps_the_post(store: SqlStore) -> None:
    first, change = (event(source="cms", object_id="7", body=BODY) for _ in range(2))
    made = post(first.id, source="cms", content=SAID, ended_at=NOW, state=PostState.POSTED)
    await store.accept([Acceptance(first, Write(posts=(made,)))], NOW)
    await store.accept([Acceptance(change, Write(lookups=(lookup(change),)))], NOW)
    for subject in (made.id, first.id, change.id):
        with pytest.raises(StoreOvertaken):
            await store.erase(subject, NOW)
    assert await store.event(first.id) == (first, [made])
