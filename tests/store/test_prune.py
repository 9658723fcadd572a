"""Retention: what has ended and is old goes, children first; nothing of a live post does."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count, groupby
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.event import listen

from bridge.core.model import Attempt, FeedState, Post, PostState, Replay, SourceObject, WorkState, Write
from bridge.ports import Acceptance, Find
from bridge.store import open_store
from bridge.store._store import SqlStore
from tests.store.filled import connected
from tests.store.history import live, repeat
from tests.store.made import (
    NOW,
    claim_any,
    command,
    endpoint,
    event,
    lookup,
    new_id,
    next_of,
    post,
    settlement,
    source_object,
    told,
    told_in_full,
)

pytestmark = pytest.mark.anyio

OLD = NOW - timedelta(days=40)
ANCIENT = NOW - timedelta(days=400)
SAME = {"events_before": NOW - timedelta(days=30), "attempts_before": NOW - timedelta(days=30)}


async def prune(
    store: SqlStore, posts_before: datetime = NOW - timedelta(days=180), limit: int = 100, **given: Any
) -> int:
    return sum([gone async for gone in store.prune(**{**SAME, **given}, posts_before=posts_before, limit=limit)])


async def given_post(store: SqlStore, at: datetime, settle: bool = True, **given: Any) -> Post:
    """A post with an event, a settled command, two attempts, and a delivered outbound event."""
    received = event(received_at=at, key=new_id("key"), key_until=at + timedelta(hours=72))
    made = {"created_at": at, "ended_at": at, "state": PostState.POSTED, **given}
    parent = post(received.id, **made)
    one = command(parent, state=WorkState.DONE, created_at=at, due_at=at)
    tries = (Attempt(one.id, 1, parent.id, at),)
    outbound = told(subject=f"post:{parent.id}", created_at=at, post_id=parent.id)
    await store.record([Write(endpoints=(endpoint(),))])
    await store.accept([Acceptance(received, Write(posts=(parent,), commands=(one,), attempts=tries))], at)
    await store.record([Write(events=(outbound,))])
    if settle:
        await store.settle([settlement(claimed) for claimed in await claim_any(store, at, 9)])
    return parent


async def shape(store: SqlStore, parent: Post) -> tuple[int, ...] | None:
    """How many commands, attempts, events and deliveries a post still has, and whether its event is there."""
    found = await store.timeline(parent.id)
    if found is None:
        assert await store.commands(parent.id) == []
        return None
    lists = (found.commands, found.attempts, found.events, found.deliveries)
    return (*map(len, lists), int(found.event is not None))


async def test_nothing_young_goes(store: SqlStore) -> None:
    young = await given_post(store, NOW - timedelta(days=1))
    assert await prune(store) == 0
    assert await shape(store, young) == (1, 2, 1, 1, 1)


async def test_an_old_post_stays_without_its_old_attempts_and_outbound_events(store: SqlStore) -> None:
    parent = await given_post(store, OLD)
    assert await prune(store) == 4
    assert await shape(store, parent) == (1, 0, 0, 0, 1)


async def test_an_ancient_post_goes_with_all_that_is_its(store: SqlStore) -> None:
    parent, kept = await given_post(store, ANCIENT), await given_post(store, NOW)
    assert await prune(store) == 7
    assert await shape(store, parent) is None
    assert [one.id for one in await store.find_events(Find())] == [kept.event_id]
    assert len(await store.find_deliveries(Find())) == 1


@pytest.mark.parametrize("alive", [{"ended_at": None}, {"poll_at": NOW}], ids=["not ended", "still read"])
async def test_nothing_of_a_live_post_goes(store: SqlStore, alive: dict[str, Any]) -> None:
    parent = await given_post(store, ANCIENT, **alive)
    assert await prune(store) == 0
    assert await shape(store, parent) == (1, 2, 1, 1, 1)


@pytest.mark.parametrize("state", [WorkState.DUE, WorkState.PARKED])
async def test_a_post_with_an_open_command_is_alive(store: SqlStore, state: WorkState) -> None:
    parent = await given_post(store, ANCIENT)
    await store.record([Write(commands=(command(parent, 2, state=state),))])
    assert await prune(store) == 0


async def test_an_open_delivery_keeps_its_event_and_post(store: SqlStore) -> None:
    parent = await given_post(store, ANCIENT, settle=False)
    await prune(store)
    assert await shape(store, parent) == (0, 0, 1, 1, 1)


async def test_an_event_stays_while_it_has_posts_or_its_key_counts(store: SqlStore) -> None:
    kept = event(received_at=ANCIENT, key="k", key_until=NOW)
    lone = event(received_at=ANCIENT)
    await store.accept([Acceptance(kept, Write()), Acceptance(lone, Write())], ANCIENT)
    assert await prune(store) == 1
    assert await store.find_events(Find()) == [kept]


@pytest.mark.parametrize(
    ("ended", "left"),
    [
        ({"state": WorkState.DONE, "settled_at": OLD}, 0),
        ({"state": WorkState.DEAD, "settled_at": OLD}, 0),
        ({"state": WorkState.DEAD, "settled_at": NOW}, 1),
        ({"state": WorkState.DUE}, 1),
    ],
)
async def test_a_lookup_goes_when_it_was_settled_long_ago_and_its_event_after_it(
    store: SqlStore, ended: dict[str, Any], left: int
) -> None:
    thin = event(received_at=ANCIENT)
    await store.accept([Acceptance(thin, Write(lookups=(lookup(thin, **ended),)))], ANCIENT)
    assert await prune(store) == 2 * (1 - left)
    assert len(await store.find_events(Find())) == left
    again = lookup(thin, version=2)
    assert await store.record([Write(lookups=(again,))]) == [bool(left)]


async def test_a_lookup_goes_before_an_event_that_its_posts_keep(store: SqlStore) -> None:
    parent = await given_post(store, OLD)
    received, _ = await store.event(parent.event_id) or (None, None)
    assert received is not None
    done = lookup(received, state=WorkState.DONE, settled_at=OLD)
    await store.record([Write(lookups=(done,))])
    assert await prune(store) == 5
    assert await shape(store, parent) == (1, 0, 0, 0, 1)
    assert await store.record([Write(lookups=(next_of(done),))]) == [False]


async def test_bodies_of_other_formats_go_with_their_events(store: SqlStore) -> None:
    await store.record([Write(endpoints=(endpoint("flat", format="flat"), endpoint("far", format="flat")))])
    await store.record([Write(events=(told_in_full(created_at=at),)) for at in (OLD, NOW)])
    await store.settle([settlement(claimed) for claimed in await claim_any(store, OLD)])
    assert await prune(store) == 2 + 2 + 1 + 1
    assert (len(await store.told(Find())), len(await store.find_deliveries(Find()))) == (1, 2)
    assert len(await claim_any(store)) == 2


@pytest.mark.parametrize(
    ("ended", "left"),
    [
        ({"state": WorkState.DONE, "settled_at": OLD}, 0),
        ({"state": WorkState.DEAD, "settled_at": NOW}, 1),
        ({"state": WorkState.DUE}, 1),
    ],
)
async def test_a_replay_goes_when_it_ended_long_ago(store: SqlStore, ended: dict[str, Any], left: int) -> None:
    await store.record([Write(replays=(Replay("rpl_1", {}, OLD, OLD, **ended),))])
    assert await prune(store) == 1 - left
    assert len(await store.replays(Find())) == left


async def test_objects_and_feeds_are_kept_for_good(store: SqlStore) -> None:
    known, feed = source_object(seen_at=ANCIENT), FeedState("blog", "https://a.example/feed", swept_at=ANCIENT)
    await store.record([Write(objects=(known,), feeds=(feed,))])
    assert await prune(store, posts_before=NOW) == 0
    assert (await store.objects("blog", ["1"]), await store.feeds()) == ([known], {"blog": feed})


async def test_posts_kept_for_a_shorter_time_take_their_young_history_along(store: SqlStore) -> None:
    parent = await given_post(store, NOW - timedelta(days=2))
    assert await prune(store, posts_before=NOW) == 6
    assert await shape(store, parent) is None
    assert len(await store.find_events(Find())) == 1


async def test_events_that_belong_to_no_post_go_when_they_are_old(store: SqlStore) -> None:
    await store.record([Write(endpoints=(endpoint(),))])
    await store.record([Write(events=(told("account.removed", created_at=at),)) for at in (OLD, OLD, NOW)])
    [first] = await claim_any(store, OLD, 1)
    await store.settle([settlement(first)])
    assert await prune(store) == 3
    assert len(await store.find_deliveries(Find())) == 2


async def test_it_takes_at_most_the_limit_at_a_time_and_may_be_left(store: SqlStore) -> None:
    for _ in range(3):
        await given_post(store, ANCIENT)
    async for gone in store.prune(**SAME, posts_before=OLD, limit=1):
        assert gone == 1
        break
    steps = [gone async for gone in store.prune(**SAME, posts_before=OLD, limit=2)]
    assert (sum(steps), max(steps)) == (20, 2)


async def test_one_table_is_done_before_the_next_and_is_looked_at_no_more_than_it_gives(store: SqlStore) -> None:
    for _ in range(3):
        await given_post(store, ANCIENT)
    look, looked = store._prune.find, []

    def find(connection: Any, table: str, *args: Any) -> Any:
        looked.append(table)
        return look(connection, table, *args)

    store._prune.find = find  # type: ignore[method-assign]
    assert await prune(store, limit=2) == 21
    assert [table for table, _ in groupby(looked)] == [*store._prune.tables]
    assert max(Counter(looked).values()) == 2


@pytest.mark.parametrize("posts", [NOW - timedelta(days=170), NOW - timedelta(days=1)], ids=["kept", "old"])
async def test_twice_as_much_history_is_not_much_more_than_twice_the_work(tmp_path: Path, posts: datetime) -> None:
    """Also where much that is old stays, because it belongs to posts that are kept longer."""
    once, twice = [await steps_to_prune(tmp_path / f"{rows}.db", rows, posts) for rows in (60, 120)]
    assert once < twice < 2.4 * once


async def steps_to_prune(path: Path, rows: int, posts_before: datetime) -> int:
    """How many steps of its machine SQLite takes to look for what may go, in tens."""
    store, taken = await open_store(f"sqlite:///{path}", clock=lambda: NOW), count()
    await live(store)
    with connected(f"sqlite:///{path}") as connection:
        repeat(connection, rows)

    def begin(connection: Any, *_: Any) -> None:
        connection.connection.driver_connection.set_progress_handler(lambda: next(taken) and None, 10)

    listen(store._database._reader, "before_cursor_execute", begin)  # type: ignore[attr-defined]
    day = NOW - timedelta(days=1)
    assert await prune(store, posts_before, limit=5, events_before=day, attempts_before=day) > 4 * rows
    await store.close()
    return next(taken)


async def test_what_came_back_to_life_between_look_and_delete_stays(store: SqlStore) -> None:
    parent = await given_post(store, ANCIENT)
    look = store._prune.find
    revived = next_of(parent, ended_at=None)

    def find_then_revive(connection: Any, table: str, *args: Any) -> Any:
        doomed = look(connection, table, *args)
        if table == "command_attempts":
            write = store.record([Write(posts=(revived,))])
            asyncio.run_coroutine_threadsafe(write, store._loop).result()
        return doomed

    store._prune.find = find_then_revive  # type: ignore[method-assign]
    assert await prune(store) == 0
    assert await shape(store, revived) == (1, 2, 1, 1, 1)


VOID = {"state": PostState.REJECTED}


async def given_object(store: SqlStore, *given: dict[str, Any]) -> SourceObject:
    """An object whose event made these posts, known under two names; returns the first."""
    received = event(received_at=ANCIENT)
    parents = [post(received.id, created_at=ANCIENT, **{"ended_at": ANCIENT, **one}) for one in given]
    rows = tuple(source_object(name, event_id=received.id) for name in ("1", "url:a.example/1"))
    await store.accept([Acceptance(received, Write(posts=tuple(parents), objects=rows))], ANCIENT)
    return rows[0]


async def event_of(store: SqlStore) -> list[str | None]:
    return [row.event_id for row in await store.objects("blog", ["1", "url:a.example/1"])]


async def test_an_object_of_which_nothing_went_out_loses_its_event_with_its_posts(store: SqlStore) -> None:
    row = await given_object(store, VOID, {"state": PostState.CANCELED})
    await prune(store)

    assert await event_of(store) == [None, None]
    assert await store.record([Write(objects=(replace(row, version=2),))]) == [False]


async def test_an_object_of_which_something_went_out_keeps_its_event(store: SqlStore) -> None:
    row = await given_object(store, VOID, {"state": PostState.POSTED})
    await prune(store)

    assert await event_of(store) == [row.event_id] * 2


@pytest.mark.parametrize("first", ["out", "void"])
async def test_which_of_its_posts_went_first_does_not_matter(store: SqlStore, first: str) -> None:
    ended = {"state": PostState.POSTED, "ended_at": ANCIENT if first == "out" else OLD}
    row = await given_object(store, ended, {**VOID, "ended_at": OLD if first == "out" else ANCIENT})
    await prune(store)
    await prune(store, posts_before=NOW)

    assert await event_of(store) == [f"gone:{row.event_id}" if first == "out" else row.event_id] * 2


async def test_an_object_keeps_its_event_while_a_post_of_it_is_kept(store: SqlStore) -> None:
    row = await given_object(store, VOID, {**VOID, "ended_at": NOW})
    await prune(store)

    assert await event_of(store) == [row.event_id] * 2
