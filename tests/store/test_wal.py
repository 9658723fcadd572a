"""SQLite's log is copied into the file and cut by bridge itself, and what that meets is told."""

import os
import resource
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import pytest

from bridge.core.errors import StoreBusy, StoreError
from bridge.store import migrate, open_store
from bridge.store._gate import Gate
from bridge.store._wal import LONG, TOO_LONG, WriteAheadLog
from tests.store.made import NOW, acceptance

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bridge.db"


@pytest.fixture
def reader(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that looks at the database in one snapshot."""
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        yield connection


@pytest.fixture
def file_limit() -> Iterator[Callable[[int], None]]:
    """Let this process write no file beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda most: resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def connected(path: Path) -> Iterator[Callable[[], sqlite3.Connection]]:
    """Open connections of this process to a file with notes."""
    opened: list[sqlite3.Connection] = []

    def connect() -> sqlite3.Connection:
        opened.append(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
        for pragma in ("journal_mode = WAL", "wal_autocheckpoint = 0", "busy_timeout = 0"):
            opened[-1].execute(f"PRAGMA {pragma}")
        return opened[-1]

    connect().execute("CREATE TABLE notes (text)")
    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def look(reader: sqlite3.Connection) -> None:
    """Begin a read that goes on."""
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM notes").fetchone()


def length(path: Path) -> int:
    return path.with_name(f"{path.name}-wal").stat().st_size


async def test_what_a_process_left_in_the_log_is_copied_before_anything_is_written(path: Path) -> None:
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as killed:
        killed.execute("PRAGMA wal_autocheckpoint = 0")
        killed.executemany("INSERT INTO meters VALUES (?, 0, 0)", [(f"m{number}",) for number in range(20_000)])
        killed.commit()
        left = length(path)
        store = await open_store(f"sqlite:///{path}")
        assert length(path) < left / 2
        await store.close()


async def test_what_a_reader_kept_in_the_log_at_the_start_is_cut_as_soon_as_he_has_gone(
    path: Path, reader: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules["bridge.store.sqlite"].__dict__["_PRAGMAS"], "busy_timeout", 1)
    with closing(sqlite3.connect(path)) as killed:
        killed.execute("PRAGMA wal_autocheckpoint = 0")
        killed.executemany("INSERT INTO meters VALUES (?, 0, 0)", [(f"m{number}",) for number in range(20_000)])
        killed.commit()
        reader.execute("SELECT count(*) FROM meters").fetchone()
        left = length(path)
        store = await open_store(f"sqlite:///{path}")
        await store.accept([acceptance()], NOW)
        assert length(path) > left
        reader.execute("COMMIT")
        await store.accept([acceptance()], NOW)
        assert length(path) < left / 2
        await store.close()


async def test_the_log_is_copied_when_it_is_long_and_then_begun_anew(path: Path) -> None:
    store = await open_store(f"sqlite:///{path}")
    lengths = []
    for _ in range(30):
        await store.accept([acceptance(body=bytes(range(250)) * 250) for _ in range(20)], NOW)
        lengths.append(length(path))
    await store.close()
    assert LONG < max(lengths) < LONG + 3_000_000


async def test_a_reader_in_the_way_keeps_the_log_long_but_nobody_waiting(
    path: Path, reader: sqlite3.Connection
) -> None:
    reader.execute("SELECT count(*) FROM events").fetchone()
    store = await open_store(f"sqlite:///{path}")
    for _ in range(40):
        await store.accept([acceptance(body=bytes(range(250)) * 250) for _ in range(20)], NOW)
    assert length(path) > 2 * LONG
    reader.execute("COMMIT")
    for _ in range(2):
        await store.accept([acceptance()], NOW)
    assert length(path) == LONG
    await store.close()


async def test_a_log_that_cannot_be_copied_is_left_whole_and_nothing_is_written(
    path: Path, file_limit: Callable[[int], None]
) -> None:
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as killed:
        killed.execute("PRAGMA wal_autocheckpoint = 0")
        killed.executemany("INSERT INTO meters VALUES (?, 0, 0)", [(f"m{number}",) for number in range(20_000)])
        killed.commit()
        left = length(path)
        file_limit(4096)
        with pytest.raises(StoreError, match="the database refused"):
            await open_store(f"sqlite:///{path}")
        assert length(path) == left
        file_limit(resource.RLIM_INFINITY)
        store = await open_store(f"sqlite:///{path}")
        assert killed.execute("SELECT count(*) FROM meters").fetchone() == (20_000,)
        await store.close()


async def test_erasing_says_when_a_reader_keeps_the_log_from_being_cut(
    path: Path, reader: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules["bridge.store.sqlite"].__dict__["_PRAGMAS"], "busy_timeout", 1)
    store = await open_store(f"sqlite:///{path}")
    item = acceptance(posts=0)
    await store.accept([item], NOW)
    reader.execute("SELECT count(*) FROM events").fetchone()
    with pytest.raises(StoreBusy, match="could not be cut"):
        await store.erase(item.event.id, NOW)
    await store.close()


def test_new_reads_wait_until_a_log_is_cut_that_others_kept_too_long(
    path: Path, connected: Callable[[], sqlite3.Connection], pool: ThreadPoolExecutor
) -> None:
    log, writer, reader = WriteAheadLog(path), connected(), connected()
    log.keep_short(writer)

    def read() -> int:
        with log.gate.passed():
            return length(path)

    with log.gate.passed():
        look(reader)
        writer.execute("INSERT INTO notes VALUES ('new')")
        os.truncate(f"{path}-wal", TOO_LONG + 1)
        log.keep_short(writer)
        assert length(path) > TOO_LONG
        waiting = pool.submit(read)
        reader.execute("COMMIT")
    log.keep_short(writer)
    assert waiting.result(5) == 0


def test_a_long_read_lets_writes_go_on_while_the_log_is_to_be_cut(
    path: Path, connected: Callable[[], sqlite3.Connection], pool: ThreadPoolExecutor
) -> None:
    log, writer, reader, cutter = WriteAheadLog(path), connected(), connected(), connected()
    look(reader)
    writer.execute("INSERT INTO notes VALUES ('new')")
    writer.execute("PRAGMA busy_timeout = 100")
    cutter.execute("PRAGMA busy_timeout = 200")
    cutting, written = pool.submit(log.cut, cutter), 0
    while not wait([cutting], 0.01).done:
        writer.execute("INSERT INTO notes VALUES ('newer')")
        written += 1
    assert not cutting.result()
    assert written
    assert cutter.execute("PRAGMA busy_timeout").fetchone() == (200,)


def test_a_shut_gate_opens_by_itself_and_is_not_shut_again_at_once() -> None:
    gate = Gate(shut_s=0.01, open_s=60)
    with gate.passed():
        gate.shut(since=time.monotonic())
        with gate.passed():
            gate.shut(since=time.monotonic())
            with gate.passed():
                pass


def test_reads_are_not_held_back_for_what_others_are_in_the_way_of() -> None:
    gate = Gate(shut_s=60)
    with gate.passed():
        pass
    gate.shut(since=time.monotonic())
    with gate.passed():
        gate.shut(since=time.monotonic())
    gate.shut(since=time.monotonic())
    with gate.passed():
        pass
