"""What only SQLite has: the file and its lock, and that a commit which was answered survives the process."""

import os
import re
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import bindparam, make_url

from bridge.core.errors import StoreBusy, StoreError
from bridge.core.model import Lane, Write
from bridge.ports import Acceptance, Find
from bridge.store import open_store
from bridge.store._claims import due_commands
from bridge.store._counts import _next_command, _next_delivery, _queues
from bridge.store._inbound import Inbound, due_lookups
from bridge.store._lanes import due_deliveries, due_destinations, due_since
from bridge.store._reads import _parked, _tracked
from bridge.store._sql import ListStatement, Sql, Statement
from bridge.store.sqlite import SqliteDatabase
from tests.store.conftest import FixedClock
from tests.store.made import LEASE, NOW, acceptance, claim_any, endpoint, event, lookup, told

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bridge.db"


async def test_a_second_opening_is_refused_and_told_who_holds_the_file(path: Path) -> None:
    store = await open_store(f"sqlite:///{path}")
    with pytest.raises(StoreError, match=f"{path} is in use by process {os.getpid()}"):
        await open_store(f"sqlite:///{path}")
    await store.close()
    again = await open_store(f"sqlite:///{path}")
    await again.close()


async def test_a_start_releases_the_leases_of_the_process_before(path: Path, clock: FixedClock) -> None:
    store = await open_store(f"sqlite:///{path}", clock=clock)
    await store.record([Write(endpoints=(endpoint(),), events=(told(),))])
    await store.accept([acceptance()], NOW)
    [command] = await store.claim_commands(NOW, 10, LEASE, ["genviral"])
    [delivery] = await claim_any(store, NOW, 10)
    assert await store.lease("watch", "before", 60)
    received = event()
    held = lookup(received, lease_until=NOW + LEASE)
    await store.accept([Acceptance(received, Write(lookups=(held,)))], NOW)
    await store.close()
    store = await open_store(f"sqlite:///{path}", clock=clock)
    [again] = await store.claim_commands(NOW, 10, LEASE, ["genviral"])
    assert (again.command.id, again.command.version) == (command.command.id, command.command.version + 1)
    assert [one.delivery.id for one in await claim_any(store, NOW, 10)] == [delivery.delivery.id]
    assert await store.lease("watch", "after", 60)
    assert await store.due_lookups(NOW, 10) == [replace(held, lease_until=None)]
    await store.close()


def accept_and_be_killed(path: Path, after: int) -> list[list[str]]:
    """Run a process that accepts events, kill it in the midst, and return the ids that it said were answered."""
    script = [sys.executable, str(HERE / "accept_until_killed.py"), str(path)]
    with subprocess.Popen(script, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(after)]
        writer.kill()
        lines += writer.stdout.readlines()
    return [line.decode().split() for line in lines if line.endswith(b"\n")]


@pytest.mark.parametrize("after", [1, 5])
async def test_what_was_answered_is_there_after_a_kill(path: Path, after: int) -> None:
    answered = accept_and_be_killed(path, after)
    assert len(answered) >= after
    store = await open_store(f"sqlite:///{path}")
    everything = Find(limit=1_000_000)
    events = {one.id for one in await store.find_events(everything)}
    posts = {one.id: one.event_id for one in await store.find_posts(everything)}
    assert set(posts.values()) == events
    assert [posts[post_id] for _, post_id in answered] == [event_id for event_id, _ in answered]
    assert len(await store.claim_commands(NOW, 1_000_000, LEASE, ["genviral"])) == len(events)
    await store.close()


async def test_a_database_locked_by_another_program_is_busy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules["bridge.store.sqlite"].__dict__["_PRAGMAS"], "busy_timeout", 1)
    store = await open_store(f"sqlite:///{path}")
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        await store.accept([acceptance()], NOW)
    assert not await store.writable()
    assert await store.find_events(Find()) == []
    other.rollback()
    other.close()
    assert await store.writable()
    await store.close()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite://", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
        ("postgresql://u:s3cret@h/d", "PostgreSQL is not supported yet"),
        ("mysql://u:s3cret@h/d", "mysql is not supported"),
        ("not a url", "cannot be read"),
        ("sqlite:////proc/none/bridge.db", "cannot open the lock file"),
    ],
)
async def test_a_url_that_cannot_be_opened_is_refused_in_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence) as caught:
        await open_store(url)
    assert "s3cret" not in str(caught.value)


async def test_without_create_a_missing_database_is_refused(path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        await open_store(f"sqlite:///{path}", create=False)


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"this is a text, not a database" * 100)  # noqa: ASYNC240  # A few bytes.
    with pytest.raises(StoreError, match="cannot open the database"):
        await open_store(f"sqlite:///{path}")


async def test_a_file_of_somebody_else_is_left_alone(path: Path) -> None:
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE notes (text)")
    theirs.close()
    with pytest.raises(StoreError, match="not those of bridge"):
        await open_store(f"sqlite:///{path}")
    with pytest.raises(StoreError, match="not up to date"):
        await open_store(f"sqlite:///{path}", create=False)


def _plans(path: Path, statement: Statement) -> str:
    connection = sqlite3.connect(path)
    values = [None] * len(statement.names)
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement.text}", values).fetchall()
    connection.close()
    return "\n".join(row[3] for row in rows)


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (due_commands(), "commands USING INDEX commands_due (partner=? AND due_at<?)"),
        (_next_command(), "commands USING INDEX commands_due (partner=?)"),
        (due_lookups([bindparam("busy")]), "lookups USING INDEX lookups_due (due_at<?)"),
        (_tracked(), "posts USING INDEX posts_tracked (partner=? AND poll_at<?)"),
        (_parked(), "commands USING INDEX commands_parked (id>?)"),
        *((queue, f"INDEX {name}") for queue, name in zip(
            _queues().values(),
            ("commands_due", "deliveries_due", "commands_parked", "deliveries_dead", "lookups_due"),
            strict=True,
        )),
    ],
)  # fmt: skip
def test_due_work_is_found_by_an_index_and_without_sorting(path: Path, statement: object, index: str) -> None:
    database = SqliteDatabase(make_url(f"sqlite:///{path}"), create=True, readers=1)
    plan = _plans(path, Statement(statement, database.dialect))  # type: ignore[arg-type]
    database.close()
    assert index in plan
    assert "TEMP B-TREE" not in plan
    assert "SCAN posts" not in plan


IN_LANE = "next USING INDEX deliveries_due (lane=?{})"
OF_ONE = "USING INDEX deliveries_due (lane=? AND destination=?{})"
BEFORE = "earlier USING INDEX deliveries_ordered (destination=? AND ordered_by=? AND sequence<?)"


@pytest.mark.parametrize("lane", list(Lane))
def test_deliveries_are_found_by_jumping_along_an_index(path: Path, lane: Lane) -> None:
    database = SqliteDatabase(make_url(f"sqlite:///{path}"), create=True, readers=1)
    made = (due_deliveries(lane), due_since(lane, [bindparam("one")]), _next_delivery(lane), due_destinations(lane))
    due, line, first, names = (_plans(path, Statement(one, database.dialect)) for one in made)
    database.close()
    assert f"deliveries {OF_ONE.format(' AND due_at<?')}" in due
    for plan, bound in ((line, " AND due_at<?"), (first, "")):
        assert IN_LANE.format("") in plan
        assert IN_LANE.format(" AND destination>?") in plan
        assert f"first {OF_ONE.format(bound)}" in plan
    assert "earlier" not in names
    for plan in (due, line, first):
        assert BEFORE in plan
    for plan in (due, line, first, names):
        assert "TEMP B-TREE" not in plan
        assert not re.search("SCAN (next|first|earlier|deliveries)", plan)


def test_objects_are_found_by_an_index(path: Path, clock: FixedClock) -> None:
    database = SqliteDatabase(make_url(f"sqlite:///{path}"), create=True, readers=1)
    inbound = Inbound(Sql(database.dialect), clock)

    def plan_of(found: ListStatement) -> str:
        [(statement, _)] = found._parts(["a", "b"])
        return _plans(path, statement)

    by_key = plan_of(inbound._by_key)
    database.close()
    assert "INDEX sqlite_autoindex_objects_1 (key=?)" in by_key
