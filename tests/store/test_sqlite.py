"""What only SQLite has: the file and its lock, and that a commit which was answered survives the process."""

import os
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from bridge.core.errors import StoreBusy, StoreError
from bridge.core.model import Write
from bridge.ports import Acceptance, Find
from bridge.store import migrate, open_store
from bridge.store.sqlite import SqliteDatabase
from tests.store.conftest import FixedClock
from tests.store.made import LEASE, NOW, acceptance, claim_any, endpoint, event, lookup, told

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent


async def test_a_second_opening_is_refused_and_told_who_holds_the_file(path: Path) -> None:
    store = await open_store(f"sqlite:///{path}")
    with pytest.raises(StoreError, match=f"{path} is in use by process {os.getpid()}"):
        await open_store(f"sqlite:///{path}")
    await store.close()
    again = await open_store(f"sqlite:///{path}")
    await again.close()


def test_a_symbolic_link_leads_to_the_lock_and_the_log_of_the_file_itself(path: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "bridge.db"
    link.symlink_to(path)
    database = SqliteDatabase(make_url(f"sqlite:///{link}"), create=True, readers=1)
    with pytest.raises(StoreError, match=f"{path} is in use by process {os.getpid()}"):
        SqliteDatabase(make_url(f"sqlite:///{path}"), create=True, readers=1)
    beside = {one.name.removeprefix(path.name) for one in tmp_path.glob(f"{path.name}*")}
    database.close()
    assert beside == {"", "-shm", "-wal", ".lock"}
    assert list(link.parent.iterdir()) == [link]


def test_symbolic_links_that_go_in_a_circle_are_refused(path: Path) -> None:
    path.symlink_to(path)
    with pytest.raises(StoreError, match="lead to no file"):
        migrate(f"sqlite:///{path}")


def test_leases_go_by_the_time_that_has_passed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = SqliteDatabase(make_url(f"sqlite:///{path}"), create=True, readers=1)
    before, monotonic = database.clock(), time.monotonic
    with monkeypatch.context() as patched:
        patched.setattr(time, "monotonic", lambda: monotonic() + 3600)
        passed = database.clock() - before
    database.close()
    assert 3600 <= passed.total_seconds() < 3660


async def test_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 32, 3))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.32.3")
    with pytest.raises(StoreError, match=r"bridge needs SQLite 3\.33 or newer; this Python has 3\.32\.3"):
        await open_store(f"sqlite:///{path}")


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
