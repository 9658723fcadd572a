"""A rollout on PostgreSQL: pods of the next release bring the schema up to date while those of this one work."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from bridge.ports import Find
from bridge.store import migrate, open_store
from bridge.store._schema import HEAD
from bridge.store.postgresql import _SCHEMA_LOCK
from tests.store.conftest import FixedClock
from tests.store.made import NOW, acceptance

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

NEXT = "0004_since_0003"
EXPANSION = (
    "ALTER TABLE events ADD COLUMN later TEXT",
    "ALTER TABLE posts ADD COLUMN later TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX posts_later ON posts (later)",
    f"UPDATE alembic_version SET version_num = '{NEXT}'",
)


@contextmanager
def next_release(url: str) -> Iterator[None]:
    """Change the schema as a migration of the next release does, and keep its transaction open for as long as told."""
    with psycopg.connect(url) as connection:
        connection.execute(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})".encode())
        for statement in EXPANSION:
            connection.execute(statement.encode())
        yield


async def test_a_migration_that_takes_a_while_keeps_writers_waiting_and_loses_nothing(empty: str) -> None:
    store = await open_store(empty, clock=FixedClock())
    stop, taken = asyncio.Event(), asyncio.Queue[str]()

    async def work() -> None:
        while not stop.is_set():
            [accepted] = await store.accept([acceptance()], NOW)
            taken.put_nowait(accepted.event_id)

    working = [asyncio.create_task(work()) for _ in range(4)]
    kept = [await taken.get() for _ in range(20)]
    done, release = threading.Event(), threading.Event()

    def migrating() -> None:
        with next_release(empty):
            done.set()
            release.wait(10)

    thread = asyncio.create_task(asyncio.to_thread(migrating))
    await asyncio.to_thread(done.wait, 10)
    await asyncio.to_thread(until_waiting, empty, 1)
    kept += rest(taken)
    release.set()
    await thread
    kept += [await taken.get() for _ in range(20)]
    stop.set()
    await asyncio.gather(*working)
    kept += rest(taken)
    assert {one.id for one in await store.find_events(Find(limit=100_000))} == set(kept)
    await store.close()


def rest(taken: asyncio.Queue[str]) -> list[str]:
    return [taken.get_nowait() for _ in range(taken.qsize())]


def until_waiting(url: str, count: int) -> None:
    """Wait until so many connections wait for a lock."""
    ask = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(url, autocommit=True) as connection:
        deadline = time.monotonic() + 10
        while connection.execute(ask).fetchone() != (count,):
            assert time.monotonic() < deadline, "nobody waits"


def test_pods_that_start_meanwhile_wait_and_change_nothing(empty: str) -> None:
    """Those of this release see, once it is done, that the schema still serves them: an older pod may come back."""
    migrate(empty)
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ''")
    with ThreadPoolExecutor(3) as pool:
        with psycopg.connect(empty) as migrating:
            migrating.execute(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})".encode())
            starting = [pool.submit(migrate, empty) for _ in range(3)]
            until_waiting(empty, 3)
            assert not any(one.done() for one in starting)
            migrating.execute(f"UPDATE alembic_version SET version_num = '{NEXT}'".encode())
        assert [one.result(10) for one in starting] == [False, False, False]
    with psycopg.connect(empty) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert row == (NEXT,)
    assert HEAD.startswith("0003"), "NEXT is the release after this one"
