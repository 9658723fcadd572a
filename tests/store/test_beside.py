"""What one process does while another is in the middle of a transaction, on PostgreSQL: nothing falls in between."""

import asyncio
import random
import string
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from bridge.core.errors import StoreBusy, StoreError
from bridge.core.model import Lane, Post, PostState, Replay, Write
from bridge.ports import Acceptance, Due, Rooms
from bridge.store import open_store
from bridge.store._store import SqlStore
from bridge.store._writes import _ENDS
from tests.store.conftest import FixedClock
from tests.store.made import (
    LEASE,
    NOW,
    acceptance,
    claim_any,
    endpoint,
    event,
    lookup,
    next_of,
    post,
    settlement,
    source_object,
    told,
    told_in_full,
)

pytestmark = pytest.mark.anyio

_WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
_LISTENING = "SELECT 1 FROM pg_stat_activity WHERE query = 'LISTEN bridge' AND datname = current_database()"


@pytest.fixture
async def stranger(postgresql_url: str, anyio_backend: str) -> AsyncIterator["psycopg.AsyncConnection[Any]"]:
    """Another process, in the middle of a transaction."""
    async with await psycopg.AsyncConnection.connect(postgresql_url) as connection:
        yield connection


async def seen(url: str, question: str) -> None:
    """Wait until the server says so."""
    async with asyncio.timeout(10), await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while not (await (await connection.execute(question.encode())).fetchall()):  # noqa: ASYNC110  # It tells nothing.
            await asyncio.sleep(0.005)


async def given_ended(store: SqlStore, **given: Any) -> Post:
    """A post that has ended, so that it may be erased."""
    received = event(**given)
    ended = post(received.id, content={"text": "words"}, state=PostState.POSTED, ended_at=NOW)
    row = source_object(source="api", event_id=received.id)
    await store.accept([Acceptance(received, Write(posts=(ended,), objects=(row,)))], NOW)
    return ended


@pytest.mark.parametrize("by", ["post", "event"])
async def test_what_is_written_while_it_is_erased_is_erased_too(
    postgresql_store: SqlStore, postgresql_url: str, stranger: Any, by: str
) -> None:
    store = postgresql_store
    made = await given_ended(store)
    await stranger.execute("UPDATE posts SET version = version + 1, error = 'secret' WHERE id = %s", (made.id,))
    erasing = asyncio.ensure_future(store.erase(made.id if by == "post" else made.event_id, NOW))
    await seen(postgresql_url, _WAITING)
    await stranger.commit()
    assert (await erasing or {})["posts"] == 1
    stored = (await store.posts([made.id]))[made.id]
    assert (stored.content, stored.error) == ({}, None)


async def test_a_later_event_of_the_object_that_comes_meanwhile_is_erased_too(
    postgresql_store: SqlStore, postgresql_url: str, stranger: Any, clock: FixedClock
) -> None:
    other = await open_store(postgresql_url, clock=clock)
    made = await given_ended(postgresql_store, object_id="1")
    await stranger.execute("SELECT 1 FROM posts FOR UPDATE")
    erasing = asyncio.ensure_future(postgresql_store.erase(made.event_id, NOW))
    await seen(postgresql_url, _WAITING)
    later = event(object_id="1", body=b"secret")
    await other.accept([Acceptance(later, Write())], NOW)
    await stranger.commit()
    assert (await erasing or {})["events"] == 2
    found = await other.event(later.id)
    assert found is not None
    assert found[0].body == b""
    await other.close()


async def test_what_a_job_sends_again_while_it_is_erased_is_not_sent(
    postgresql_store: SqlStore, postgresql_url: str, stranger: Any
) -> None:
    store = postgresql_store
    made = await given_ended(store)
    await store.record([Write(endpoints=(endpoint(),))])
    await store.record([Write(events=(told(subject=f"post:{made.id}", post_id=made.id),))])
    [claimed] = await claim_any(store)
    done = {"state": "done", "lease": None, "id": claimed.delivery.id}
    await stranger.execute("UPDATE deliveries SET state = %(state)s, lease_until = %(lease)s WHERE id = %(id)s", done)
    await stranger.commit()
    await stranger.execute("UPDATE deliveries SET state = 'due', version = version + 1")
    erasing = asyncio.ensure_future(store.erase(made.id, NOW))
    await seen(postgresql_url, _WAITING)
    await stranger.commit()
    assert (await erasing or {})["deliveries"] == 1
    assert await claim_any(store) == []


async def test_what_is_being_erased_is_not_sent_again(
    postgresql_store: SqlStore, postgresql_url: str, stranger: Any
) -> None:
    store = postgresql_store
    await store.record([Write(endpoints=(endpoint(),), events=(told(),))])
    [claimed] = await claim_any(store)
    await store.settle([settlement(claimed)])
    await stranger.execute("UPDATE outbound_events SET body = ''")
    await stranger.execute("SELECT 1 FROM deliveries FOR UPDATE")
    replaying = asyncio.ensure_future(store.replay([claimed.delivery.id], NOW))
    await seen(postgresql_url, _WAITING)
    await stranger.commit()
    assert await replaying == 0


async def test_a_job_makes_nothing_for_an_endpoint_that_is_being_disabled(
    postgresql_store: SqlStore, postgresql_url: str, stranger: Any
) -> None:
    store = postgresql_store
    await store.record([Write(events=(told_in_full(),))])
    await store.record([Write(endpoints=(endpoint("ops", created_at=None),))])
    find = {"destination": "ops", "since": (NOW - timedelta(days=1)).isoformat()}
    job = Replay("rpl_1", find, NOW + timedelta(seconds=5), NOW + timedelta(days=1), missed=True)
    await store.record([Write(replays=(job,))])
    await stranger.execute("SELECT pg_advisory_xact_lock(%s)", (_ENDS,))
    await stranger.execute("UPDATE endpoints SET enabled = false, version = version + 1")
    running = asyncio.ensure_future(store.replay_some(job, NOW, 100))
    await seen(postgresql_url, _WAITING)
    await stranger.commit()
    assert await running is None
    assert await claim_any(store) == []


async def test_a_lease_of_a_clock_that_is_gone_is_over(
    postgresql_store: SqlStore, postgresql_url: str, clock: FixedClock
) -> None:
    """After a failover to a server that is an hour behind, what a dead process held is free at once."""
    ahead = FixedClock()
    ahead.move(hours=1)
    dead = await open_store(postgresql_url, clock=ahead)
    received = event()
    thin = lookup(received, lease_until=ahead.now + LEASE)
    await dead.accept([acceptance(), Acceptance(received, Write(lookups=(thin,)))], NOW)
    await dead.record([Write(endpoints=(endpoint(),), events=(told(),))])
    [command] = await dead.claim_commands(NOW, 10, LEASE, ["genviral"])
    assert len(await dead.claim_deliveries(NOW, Lane.FIRST, Rooms(9, 9), LEASE)) == 1
    assert await dead.lease("tick:x", "dead", 30)
    assert await dead.lease("feed:x", "dead", 30, longest=86_400)
    await dead.close()

    [taken] = await postgresql_store.claim_commands(NOW, 10, LEASE, ["genviral"])
    assert taken.command.version == command.command.version + 1
    assert taken.command.lease_until == clock.now + LEASE
    assert len(await claim_any(postgresql_store)) == 1
    assert len(await postgresql_store.due_lookups(NOW, 10)) == 1
    assert await postgresql_store.record([Write(lookups=(next_of(thin, lease_until=NOW + LEASE),))]) == [True]
    assert await postgresql_store.due_lookups(NOW, 10) == []
    assert await postgresql_store.lease("tick:x", "alive", 30)
    assert not await postgresql_store.lease("feed:x", "alive", 30, longest=86_400)


async def test_who_lives_goes_on_with_a_lease_of_a_clock_that_is_gone(
    postgresql_store: SqlStore, postgresql_url: str, clock: FixedClock
) -> None:
    await postgresql_store.accept([acceptance()], NOW)
    clock.move(hours=1)
    [command] = await postgresql_store.claim_commands(NOW, 10, LEASE, ["genviral"])
    clock.move(hours=-1)
    await postgresql_store.renew([command.command.id], [], LEASE)
    assert await postgresql_store.claim_commands(NOW, 10, LEASE, ["genviral"]) == []
    clock.move(seconds=31)
    assert len(await postgresql_store.claim_commands(NOW, 10, LEASE, ["genviral"])) == 1


async def test_what_the_server_cannot_index_is_refused_to_its_caller_alone(postgresql_store: SqlStore) -> None:
    long = "".join(random.Random(1).choices(string.ascii_letters + string.digits, k=4_000))
    bad = Write(objects=(source_object(long),))
    answers = await asyncio.gather(
        *(postgresql_store.record([one]) for one in (Write(posts=(post(),)), bad, Write(posts=(post(),)))),
        return_exceptions=True,
    )
    assert (answers[0], answers[2]) == ([True], [True])
    assert isinstance(answers[1], StoreError)
    assert not isinstance(answers[1], StoreBusy)


@pytest.mark.parametrize("word", ["64", "9" * 5_000, "\N{SUPERSCRIPT TWO}", "due", ""])
async def test_what_nobody_knows_is_not_listened_to(postgresql_store: SqlStore, postgresql_url: str, word: str) -> None:
    heard = asyncio.Queue[Due]()
    postgresql_store.on_commit(heard.put_nowait)
    await seen(postgresql_url, _LISTENING)
    with capture_logs() as logs:
        async with await psycopg.AsyncConnection.connect(postgresql_url, autocommit=True) as newer:
            for said in (word, str(64 + Due.DELIVERIES.value)):
                await newer.execute("SELECT pg_notify('bridge', %s)", (f"newer {said}",))
        assert Due.DELIVERIES in await asyncio.wait_for(heard.get(), 5)
    assert logs == []
