"""What only PostgreSQL has: a server that others use too, that can go away, and that tells what others did."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
import pytest

from bridge.core.errors import StoreAway, StoreBusy, StoreError
from bridge.core.model import Lane, Write
from bridge.ports import Acceptance, Due, Find, Rooms
from bridge.store import open_store
from bridge.store._group import Operation
from bridge.store._schema import write_version
from bridge.store._sql import Unit
from bridge.store._store import SqlStore
from tests.postgres import Cluster
from tests.store.conftest import FixedClock
from tests.store.filled import connected
from tests.store.made import LEASE, NOW, acceptance, claim_any, endpoint, event, lookup, next_of, post, told

pytestmark = pytest.mark.anyio


@pytest.fixture
async def other(
    postgresql_store: SqlStore, postgresql_url: str, clock: FixedClock, anyio_backend: str
) -> AsyncIterator[SqlStore]:
    """A second process, as it were."""
    opened = await open_store(postgresql_url, clock=clock)
    yield opened
    await opened.close()


def change(url: str, statement: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(statement.encode())
        return found.fetchall() if found.description else []


async def until(happened: Any) -> None:
    """Wait until something is so; what never comes is cut off by the limit of the test."""
    async with asyncio.timeout(10):
        while not await happened():  # noqa: ASYNC110  # Another process tells nothing.
            await asyncio.sleep(0.005)


async def test_leases_outlive_the_process_and_end_by_the_stores_clock(
    postgresql_store: SqlStore, other: SqlStore, clock: FixedClock
) -> None:
    store = postgresql_store
    await store.record([Write(endpoints=(endpoint(),), events=(told(),))])
    await store.accept([acceptance()], NOW)
    received = event()
    held = lookup(received, lease_until=NOW + LEASE)
    await store.accept([Acceptance(received, Write(lookups=(held,)))], NOW)
    [command] = await store.claim_commands(NOW, 10, LEASE, ["genviral"])
    [delivery] = await claim_any(store)
    assert await store.lease("tick", "before", 30)
    await store.close()

    async def left() -> list[Any]:
        rooms = Rooms(9, 9)
        return [
            *await other.claim_commands(NOW, 10, LEASE, ["genviral"]),
            *await other.claim_deliveries(NOW, Lane.FIRST, rooms, LEASE),
            *await other.due_lookups(NOW, 10),
        ]

    assert await left() == []
    assert not await other.lease("tick", "after", 30)
    clock.move(seconds=31)
    taken, sent, asked = await left()
    assert (taken.command.id, taken.command.version) == (command.command.id, command.command.version + 1)
    assert (sent.delivery.id, sent.delivery.calls) == (delivery.delivery.id, 2)
    assert asked == held
    assert await other.lease("tick", "after", 30)


async def test_without_a_clock_of_ours_leases_go_by_the_servers(postgresql_url: str) -> None:
    store = await open_store(postgresql_url)
    [[now]] = change(postgresql_url, "SELECT clock_timestamp()")
    assert abs((store._clock() - now).total_seconds()) < 5  # type: ignore[attr-defined]
    await store.close()


async def test_two_stores_wake_each_other_but_not_themselves(postgresql_store: SqlStore, other: SqlStore) -> None:
    """What one does is heard by itself at once, through no server."""
    woken: dict[str, list[Due]] = {"store": [], "other": []}
    postgresql_store.on_commit(woken["store"].append)
    other.on_commit(woken["other"].append)
    await until(lambda: _listens(postgresql_store))

    async def heard() -> bool:
        return bool(woken["other"])

    await postgresql_store.accept([acceptance()], NOW)
    assert woken["store"] == [Due.COMMANDS]
    await until(heard)
    assert woken["other"] == [Due.COMMANDS]
    await other.accept([acceptance(key="late")], NOW)
    assert woken["other"] == [Due.COMMANDS] * 2
    assert len(woken["store"]) <= 2


async def _listens(store: SqlStore, number: int = 2) -> bool:
    ask = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    with store._database.reading() as connection:
        return bool(connection.exec_driver_sql(ask.replace("%", "%%")).scalar_one() >= number)


async def test_behind_a_proxy_nothing_is_kept_between_transactions(postgresql_url: str, clock: FixedClock) -> None:
    """A proxy that pools transactions keeps neither LISTEN nor prepared statements, nor takes options."""
    store = await open_store(postgresql_url, clock=clock, notify=False)
    for _ in range(12):
        await store.accept([acceptance()], NOW)
        assert len(await store.claim_commands(NOW, 10, LEASE, ["genviral"])) == 1
    assert len(await store.find_posts(Find())) == 12
    with store._database.reading() as connection:  # type: ignore[attr-defined]
        ask = "SELECT count(*), current_setting('statement_timeout') FROM pg_prepared_statements"
        assert connection.exec_driver_sql(ask).one() == (0, "0")
    assert not await _listens(store, 1)  # type: ignore[arg-type]
    await store.close()


_CUT_ALL = (
    "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'bridge'"
)


async def test_a_connection_that_was_cut_while_nobody_used_it_costs_nothing(
    postgresql_store: SqlStore, postgresql_url: str
) -> None:
    store = postgresql_store
    await store.accept([acceptance()], NOW)
    assert len(await store.find_posts(Find())) == 1
    assert len(change(postgresql_url, _CUT_ALL)) == 3
    assert len(await store.find_posts(Find())) == 1
    assert not (await store.accept([acceptance()], NOW))[0].duplicate


async def test_a_write_that_is_cut_is_refused_or_run_again_whole(
    postgresql_store: SqlStore, postgresql_url: str
) -> None:
    """Cut in the middle of its transaction, it leaves nothing half done."""
    store = postgresql_store
    calls = [store.accept([acceptance(key=f"k{number}")], NOW) for number in range(40)]
    tasks = [asyncio.ensure_future(call) for call in calls]
    await asyncio.sleep(0)
    await asyncio.to_thread(change, postgresql_url, _CUT_ALL)
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert {type(one) for one in refused} <= {StoreAway}
    kept = {one.id for one in await store.find_events(Find(limit=100))}
    assert {answer[0].event_id for answer in answers if isinstance(answer, list)} <= kept
    assert len(await store.find_posts(Find(limit=100))) == len(kept)
    assert await store.writable()


async def test_what_is_listened_to_is_listened_to_again(
    postgresql_store: SqlStore, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was missed in between may be due."""
    monkeypatch.setattr("bridge.store.postgresql._AGAIN_S", 0.01)
    woken: list[Due] = []
    postgresql_store.on_commit(woken.append)
    await until(lambda: _listens(postgresql_store, 1))
    change(postgresql_url, _CUT_ALL)

    async def heard() -> bool:
        return bool(woken)

    await until(heard)
    assert woken == [~Due.NOTHING]


async def test_tables_of_somebody_else_are_left_alone(empty: str) -> None:
    change(empty, "CREATE TABLE notes (text text)")
    with pytest.raises(StoreError, match="not those of bridge"):
        await open_store(empty)
    with pytest.raises(StoreError, match="not up to date"):
        await open_store(empty, create=False)


async def test_two_that_want_the_same_rows_in_another_order_both_get_them(
    postgresql_store: SqlStore, other: SqlStore
) -> None:
    """A deadlock is ended by the server, and run again; versions say who came second."""
    first, second = post(), post()
    await postgresql_store.record([Write(posts=(first, second))])
    for _ in range(20):
        rows = [(await postgresql_store.posts([first.id, second.id]))[one.id] for one in (first, second)]
        there = [Write(posts=(next_of(rows[0]),)), Write(posts=(next_of(rows[1]),))]
        answers = await asyncio.gather(postgresql_store.record(there), other.record([*reversed(there)]))
        assert sorted(answers[0] + answers[1]) == [False, False, True, True]


async def test_who_stands_in_the_way_for_long_is_waited_for_again(
    postgresql_store: SqlStore, postgresql_url: str, clock: FixedClock
) -> None:
    mine = post()
    await postgresql_store.record([Write(posts=(mine,))])
    store = await open_store(postgresql_url + "&options=-clock_timeout%3D20", clock=clock)
    with psycopg.connect(postgresql_url) as stranger:
        stranger.execute("SELECT * FROM posts FOR UPDATE")
        waiting = asyncio.ensure_future(store.record([Write(posts=(next_of(mine),))]))
        await until(lambda: _waits(postgresql_store))
        # Longer than one turn: it was refused its lock, and asked again.
        await asyncio.sleep(0.03)
        stranger.rollback()
    assert await waiting == [True]
    await store.close()


async def _waits(store: SqlStore) -> bool:
    with store._database.reading() as connection:
        ask = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return bool(connection.exec_driver_sql(ask).scalar_one())


@pytest.mark.parametrize(
    ("version", "usable"), [("9999", False), ("0004_since_0003", True), ("0005_since_0004", False)]
)
async def test_a_newer_schema_is_used_where_it_still_serves(empty: str, version: str, usable: bool) -> None:
    await (await open_store(empty)).close()
    with connected(empty) as connection:
        write_version(connection, version)
    if usable:
        store = await open_store(empty, create=False)
        assert await store.writable()
        await store.close()
        return
    with pytest.raises(StoreError, match="newer bridge"):
        await open_store(empty)


@pytest.mark.parametrize(
    ("does", "kind"),
    [
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)", StoreBusy),
        ("SET LOCAL lock_timeout = 1; LOCK TABLE posts", StoreBusy),
        ("SET LOCAL transaction_read_only = on; DELETE FROM posts", StoreAway),
        ("SELECT pg_terminate_backend(pg_backend_pid())", StoreAway),
    ],
)
async def test_a_server_that_is_slow_is_told_from_one_that_takes_no_writes(
    postgresql_store: SqlStore, postgresql_url: str, does: str, kind: type[StoreError]
) -> None:
    def run(unit: Unit, items: Sequence[int]) -> list[int]:
        for statement in does.split(";"):
            unit.connection.exec_driver_sql(statement)
        return [*items]

    with psycopg.connect(postgresql_url) as stranger:
        stranger.execute("SELECT * FROM posts FOR UPDATE")
        with pytest.raises(StoreError) as caught:
            await postgresql_store._group.submit(Operation(run), [1])
    assert type(caught.value) is kind


async def test_a_server_that_dies_is_missed_at_once_and_used_again_when_it_is_back(clock: FixedClock) -> None:
    with Cluster.made() as own:
        store = await open_store(own.new(), clock=clock)
        woken: list[Due] = []
        await until(lambda: _listens(store, 1))  # type: ignore[arg-type]
        kept = (await store.accept([acceptance()], NOW))[0].event_id
        store.on_commit(woken.append)
        own.kill()
        gone = time.monotonic()
        for call in (store.accept([acceptance()], NOW), store.find_posts(Find()), store.next_due()):
            with pytest.raises(StoreAway):
                await call
        assert not await store.writable()
        assert time.monotonic() - gone < 2
        assert woken == []
        await asyncio.to_thread(own.start)
        back = time.monotonic()
        await until(store.writable)
        assert [one.id for one in await store.find_events(Find())] == [kept]

        async def heard() -> bool:
            return bool(woken)

        await until(heard)
        assert woken == [~Due.NOTHING]
        assert time.monotonic() - back < 5
        await store.close()
