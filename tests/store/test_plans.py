"""What is done at every turn looks at what is due, never at what is over: no plan goes through a table that grows."""

import itertools
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.event import listen, remove

from bridge.core.meters import Meter
from bridge.core.model import WorkState, Write
from bridge.store import open_store
from bridge.store._store import SqlStore
from bridge.store._tables import metadata
from bridge.store.postgresql import register
from tests.postgres import Cluster
from tests.store import history
from tests.store.conftest import ENGINES, FixedClock
from tests.store.filled import connected
from tests.store.made import LEASE, NOW, acceptance, claim_any, next_of, settlement, told_in_full

pytestmark = pytest.mark.anyio

ROWS = 20_000
LOOKED_AT = 400
"""How many rows one statement may look at: ten times what is due."""
WORK = {
    "commands_due",
    "commands_parked",
    "deliveries_due",
    "deliveries_ordered",
    "deliveries_dead",
    "lookups_due",
    "posts_tracked",
}
"""Indexes over what is open alone: to go through one of these is to go through what is open."""
SMALL = {*metadata.tables} - {*history.GROWING} | {"line", "given"}


async def prune(store: SqlStore) -> None:
    old = NOW - history.AGE - timedelta(seconds=ROWS - 50)
    pruning = store.prune(events_before=old, attempts_before=old, posts_before=old, limit=20)
    assert sum([gone async for gone in pruning]) > 0


async def claim_and_settle(store: SqlStore) -> None:
    claimed = await claim_any(store, most=5)
    assert claimed
    await store.renew([], [one.delivery.id for one in claimed], LEASE)
    await store.settle([settlement(one) for one in claimed])


async def claim_and_record(store: SqlStore) -> None:
    claimed = await store.claim_commands(NOW, 5, LEASE, ["genviral", "other"])
    assert claimed
    done = tuple(next_of(one.command, state=WorkState.DONE, settled_at=NOW) for one in claimed)
    seen = tuple(next_of(one.post, partner_id=f"new-{one.post.id}") for one in claimed)
    news = tuple(told_in_full(subject=f"post:{one.post.id}", post_id=one.post.id) for one in claimed)
    assert await store.record([Write(posts=seen, commands=done, events=news)]) == [True]


async def again(store: SqlStore) -> None:
    items = [acceptance(key=f"now-{number}") for number in range(5)]
    assert all(answer.duplicate for answer in await store.accept([*items], NOW))


TURNS: dict[str, Callable[[SqlStore], Awaitable[Any]]] = {
    "claim commands": claim_and_record,
    "claim deliveries": claim_and_settle,
    "accept": lambda store: store.accept([acceptance(key="new", object_id="8")], NOW),
    "accept again": again,
    "tracked": lambda store: store.tracked("genviral", NOW, 10),
    "next_due": lambda store: store.next_due(),
    "due_lookups": lambda store: store.due_lookups(NOW, 10, ["shop"]),
    "objects": lambda store: store.objects("blog", ["7", "8"]),
    "post_ids": lambda store: store.post_ids("genviral", ["theirs_5", "none"]),
    "parked": lambda store: store.parked(10),
    "prune": prune,
    "spend": lambda store: store.spend([Meter("partner:genviral:all", 1.0, 2)]),
    "lease": lambda store: store.lease("tick:accounts", "me", 30),
    "stats": lambda store: store.due_again(NOW),
}


@dataclass
class Said:
    """A statement that was run, with its values."""

    turn: str
    text: str
    values: tuple[Any, ...]

    @property
    def is_read(self) -> bool:
        return not re.match("INSERT|UPDATE|DELETE", self.text)


@dataclass
class Past:
    """A database with a long past, and what a store said to it."""

    url: str
    said: list[Said] = field(default_factory=list)

    @property
    def is_server(self) -> bool:
        return self.url.startswith("postgresql")

    def faults(self, *changes: str, only: str = "") -> list[str]:
        """What is wrong with the plans of what was said, in a database that is changed for as long."""
        with self._changed(changes) as connection:
            said = [one for one in self.said if only in ("", one.turn)]
            return [f"{one.turn}: {fault}: {one.text}" for one in said for fault in self._look(connection, one)]

    def _look(self, connection: Any, said: Said) -> list[str]:
        return (_on_server if self.is_server else _in_file)(connection, said)

    @contextmanager
    def _changed(self, changes: tuple[str, ...]) -> Iterator[Any]:
        if self.is_server:
            with psycopg.connect(self.url) as connection:
                register(connection)
                for change in changes:
                    connection.execute(change.encode())
                yield connection
                connection.rollback()
            return
        file = sqlite3.connect(self.url.removeprefix("sqlite:///"), isolation_level=None)
        file.execute("BEGIN")
        for change in changes:
            file.execute(change)
        yield file
        file.execute("ROLLBACK")
        file.close()


def _in_file(connection: sqlite3.Connection, said: Said) -> list[str]:
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {said.text}", said.values)]
    scans = [re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?$", line) for line in plan]
    wrong = [scan[0] for scan in scans if scan and scan[1] not in SMALL and scan[2] not in WORK]
    return wrong + _steps(connection, said)


def _steps(connection: sqlite3.Connection, said: Said) -> list[str]:
    """Say how many steps of its machine a reading statement takes, where those are many: some 20 are one row."""
    taken = itertools.count()
    connection.set_progress_handler(lambda: next(taken) and None, 20)
    if said.is_read:
        connection.execute(said.text, said.values).fetchall()
    connection.set_progress_handler(None, 0)
    rows = next(taken)
    return [f"as many steps as for {rows} rows"] if rows > LOOKED_AT else []


def _on_server(connection: "psycopg.Connection[Any]", said: Said) -> list[str]:
    [[[plan]]] = connection.execute(f"EXPLAIN (FORMAT JSON, ANALYZE {said.is_read}) {said.text}".encode(), said.values)
    # As the server plans it for a prepared statement that it has seen often.
    numbers = iter(range(1, 100))
    general = re.sub("%s", lambda _: f"${next(numbers)}", said.text)
    [[[generic]]] = connection.execute(f"EXPLAIN (FORMAT JSON, GENERIC_PLAN) {general}".encode(), prepare=False)
    nodes = [*_nodes(plan["Plan"]), *_nodes(generic["Plan"])]
    return [fault for node in nodes if (fault := _fault(node)) is not None]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for one in node.get("Plans", ()):
        yield from _nodes(one)


def _fault(node: dict[str, Any]) -> str | None:
    kind, table, index = (node.get(name, "") for name in ("Node Type", "Relation Name", "Index Name"))
    if table not in history.GROWING or kind == "ModifyTable":
        return None
    if kind == "Seq Scan" or ("Index" in kind and "Index Cond" not in node and index not in WORK):
        return f"{kind} of {table} {index}".rstrip()
    rows = (node.get("Actual Rows", 0) + node.get("Rows Removed by Filter", 0)) * node.get("Actual Loops", 0)
    return f"{rows} rows of {table}" if rows > LOOKED_AT else None


async def lived(url: str, clock: FixedClock, rows: int = ROWS) -> Past:
    """Make a long past, and let all turns be taken once on it; nothing was ever analyzed."""
    past = Past(url)
    store = await open_store(url, clock=clock)
    await history.live(store)
    with connected(url) as connection:
        if past.is_server:
            connection.exec_driver_sql("SET synchronous_commit = off")
        history.repeat(connection, rows)
    await history.begin(store)
    for turn, take in TURNS.items():
        await _listened(past, store, turn, take)
    await store.close()
    return past


async def _listened(past: Past, store: SqlStore, turn: str, take: Callable[[SqlStore], Awaitable[Any]]) -> None:
    def hear(_connection: Any, _cursor: Any, said: str, values: Any, _context: Any, many: bool) -> None:
        if re.match("SELECT|WITH|INSERT|UPDATE|DELETE", said):
            past.said.append(Said(turn, said, tuple(values[0] if many else values)))

    engines = (store._database._writer, store._database._reader)  # type: ignore[attr-defined]
    for engine in engines:
        listen(engine, "before_cursor_execute", hear)
    await take(store)
    for engine in engines:
        remove(engine, "before_cursor_execute", hear)


@pytest.fixture(scope="module", params=ENGINES)
async def past(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> Past:
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        url = cluster.new()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('past') / 'bridge.db'}"
    return await lived(url, FixedClock())


def test_every_turn_was_heard(past: Past) -> None:
    assert {said.turn for said in past.said} == {*TURNS}


def test_no_plan_goes_through_a_table_that_grows(past: Past) -> None:
    """Nor does one that is made before the server has ever looked what is in its tables; pruning can wait for that."""
    found = past.faults()
    assert [fault for fault in found if not (past.is_server and fault.startswith("prune:"))] == []
    assert past.faults("ANALYZE") == []


MISSED = {
    "commands_due": "claim commands",
    "commands_post": "claim commands",
    "deliveries_due": "claim deliveries",
    "posts_tracked": "tracked",
    "lookups_due": "due_lookups",
    "events_key": "accept again",
    "attempts_started": "prune",
    "outbound_created": "prune",
    "messages_event": "prune",
    "messages_until": "prune",
}


@pytest.mark.parametrize("index", MISSED)
def test_without_its_index_a_turn_is_found_out(past: Past, index: str) -> None:
    assert past.faults("ANALYZE", f"DROP INDEX {index}", only=MISSED[index]) != []
