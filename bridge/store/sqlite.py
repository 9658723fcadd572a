"""SQLite: the engine, its pragmas, the lock that keeps a second process out, and what its errors mean.

WAL with `synchronous=FULL`: a commit that returned has been synced. Writers begin with `BEGIN IMMEDIATE`, so a
transaction never has to be given up half-way because another one wrote first.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Engine,
    PoolProxiedConnection,
    create_engine,
    delete,
    event,
    null,
    update,
)
from sqlalchemy.exc import DBAPIError

from bridge.core.errors import StoreBusy, StoreError, StoreFull
from bridge.core.model import WorkState
from bridge.ports import Due
from bridge.store._engine import Clash
from bridge.store._restoring import last, reconcile
from bridge.store._schema import is_usable, make_current
from bridge.store._tables import commands, deliveries, in_state, leases, lookups, messages
from bridge.store._wal import LONG, WriteAheadLog

# Of what is neither text nor a number the driver asks each time how to adapt it, which takes longer than to bind it.
sqlite3.register_adapter(type(None), {}.get)  # type: ignore[arg-type]  # A builtin: a function of ours costs as much.
sqlite3.register_adapter(bytes, bytes)

_OLDEST = (3, 33, 0)
"""The first SQLite that has UPDATE ... FROM."""
_LOCK_WAIT_S = 30.0
_PRAGMAS = {
    "busy_timeout": 5_000,
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "temp_store": "MEMORY",
    # What is deleted is overwritten: else the free places of the file would keep what somebody had erased.
    "secure_delete": "ON",
    "journal_size_limit": LONG,
}
_MEANINGS: dict[int, type[StoreError | Clash]] = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: Clash,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: Clash,
    sqlite3.SQLITE_BUSY: StoreBusy,
    sqlite3.SQLITE_LOCKED: StoreBusy,
    sqlite3.SQLITE_FULL: StoreFull,
}


class SqliteDatabase:
    """One database file, held by this process until `close`; leases left by an earlier process are released.

    Args:
        url: `sqlite:///relative.db` or `sqlite:////absolute.db`.
        create: make the file and bring its tables up to date; without it both must be so already.
        readers: how many reading connections are kept.

    Raises:
        StoreError: another process holds the file; it is missing or not up to date and `create` is False; it was made
            by a newer bridge; it cannot be opened; SQLite is too old.
    """

    shared = False

    def __init__(self, url: URL, *, create: bool, readers: int) -> None:
        place, path = located(url)
        if not create and not path.exists():
            raise StoreError(f"there is no database {url.database}")
        self._opened_at, self._opened_s = datetime.now(UTC), time.monotonic()
        self._lock = FileLock(path)
        self._lock.take(wait_s=0)
        self._log = WriteAheadLog(path)
        self._writer = engine_of(place, "BEGIN IMMEDIATE", connections=1, cache_kib=32_768, log=self._log)
        self._reader = engine_of(place, "BEGIN", connections=readers, cache_kib=4_096)
        self.dialect: Dialect = self._writer.dialect
        try:
            self._prepare(path, create=create)
        except BaseException:
            self.close()
            raise

    def clock(self) -> datetime:
        """Return the wall's time at the opening and what has passed since.

        A lease ends by this clock and is renewed by the monotonic one: if the wall's clock were put forward, work that
        is under way would count as given up, and be taken again. No other process looks at this clock, and what has a
        lease in the file is released at the opening.
        """
        return self._opened_at + timedelta(seconds=time.monotonic() - self._opened_s)

    def writing(self) -> AbstractContextManager[Connection]:
        """Open the writer's connection."""
        return self._writer.connect()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Borrow a reading connection in one snapshot; while reads keep the log from being cut, after a wait."""
        with self._log.gate.passed(), self._reader.connect() as connection, connection.begin():
            yield connection

    def translate(self, error: DBAPIError) -> StoreError | Clash:
        """Say what an error means, by SQLite's extended code, else by its primary one."""
        return _meaning(error.orig)

    def is_transient(self, _error: DBAPIError) -> bool:
        """Say no: nobody else writes."""
        return False

    def notify(self, _connection: Connection, _due: Due) -> None:
        """Do nothing: nobody else works."""

    async def listen(self, _woken: Callable[[Due], None]) -> None:
        """Return at once: nobody else works."""

    def scrub(self) -> None:
        """Write the log into the file and cut it, for it has pages as they were before something was deleted.

        Raises:
            StoreBusy: a long read or write was in the way.
            StoreError: the disk is full, or refused.
        """
        connection = self._reader.raw_connection()
        try:
            # Pragmas of its own, outside any transaction.
            is_cut = self._log.cut(_driver(connection))
        except sqlite3.DatabaseError as error:
            raise _meaning(error) from error
        finally:
            connection.close()
        if not is_cut:
            raise StoreBusy("the log of the database could not be cut, because it is in use")

    def close(self) -> None:
        """Close all connections and let other processes in."""
        self._reader.dispose()
        self._writer.dispose()
        self._lock.release()

    def _prepare(self, path: Path, *, create: bool) -> None:
        with _explained(path), self._writer.begin() as connection:
            if create:
                make_current(connection)
            elif not is_usable(connection):
                raise StoreError(f"{path} is not up to date; run `bridge migrate`")
            for table in (commands, deliveries, lookups):
                leased = in_state(table.c.state, WorkState.DUE), table.c.lease_until.is_not(None)
                connection.execute(update(table).where(*leased).values(lease_until=null()))
            held = messages.c.lease_until.is_not(None)
            connection.execute(update(messages).where(held).values(lease_until=null()))
            connection.execute(delete(leases))
            reconciled, self.restored = reconcile(connection), last(connection)
        if reconciled is not None:
            reconciled.tell()


def migrate_sqlite(url: URL) -> bool:
    """Create or migrate the file; False when there was nothing to do.

    A second one that runs at once waits for the first. A file that is up to date is not locked, so this is safe beside
    a running bridge.

    Raises:
        StoreError: as `SqliteDatabase`.
    """
    place, path = located(url)
    engine, lock = engine_of(place, "BEGIN IMMEDIATE", connections=1, cache_kib=4_096), FileLock(path)
    try:
        with _explained(path):
            if path.exists() and _has_present_schema(engine):
                return False
            lock.take(wait_s=_LOCK_WAIT_S)
            with engine.begin() as connection:
                changed = not is_usable(connection)
                make_current(connection)
            return changed
    finally:
        engine.dispose()
        lock.release()


def _has_present_schema(engine: Engine) -> bool:
    with engine.begin() as connection:
        return is_usable(connection)


def located(url: URL) -> tuple[URL, Path]:
    """Find the file itself: SQLite keeps its log beside that, and whoever comes by another name must meet our lock.

    Raises:
        StoreError: the URL names no file; SQLite is too old for any.
    """
    if sqlite3.sqlite_version_info < _OLDEST:
        raise StoreError(f"bridge needs SQLite 3.33 or newer; this Python has {sqlite3.sqlite_version}")
    if not url.database or url.database == ":memory:":
        raise StoreError("the database must be a file: sqlite:///PATH")
    try:
        path = Path(url.database).resolve()
    except RuntimeError as error:
        raise StoreError(f"the symbolic links of {url.database} lead to no file") from error
    return url.set(database=str(path)), path


def _meaning(error: BaseException | None) -> StoreError | Clash:
    code = getattr(error, "sqlite_errorcode", 0)
    meaning = _MEANINGS.get(code) or _MEANINGS.get(code & 0xFF) or StoreError
    return meaning(f"the database refused: {error}")


def _driver(connection: PoolProxiedConnection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.driver_connection)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn a driver's error while opening into a sentence that names the file."""
    try:
        yield
    except DBAPIError as error:
        raise StoreError(f"cannot open the database {path}: {error.orig}") from error


def engine_of(url: URL, begin: str, *, connections: int, cache_kib: int, log: WriteAheadLog | None = None) -> Engine:
    """Make an engine whose transactions begin with the given words, not where the driver guesses.

    With `log` it is kept short before each of them, and by nobody else.
    """
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "cached_statements": 512},
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        for name, value in _PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {value}")
        connection.execute(f"PRAGMA cache_size = -{cache_kib}")
        if log is not None:
            connection.execute("PRAGMA wal_autocheckpoint = 0")

    @event.listens_for(engine, "begin")
    def emit_begin(connection: Connection) -> None:
        if log is not None:
            _keep_short(log, _driver(connection.connection))
        connection.exec_driver_sql(begin)

    @event.listens_for(engine, "commit")
    def check_commit(connection: Connection) -> None:
        # The driver commits without a word even when SQLite has ended the transaction by itself and kept nothing.
        driver = connection.connection.driver_connection
        if driver is None or not driver.in_transaction:
            raise StoreError("the database ended the transaction by itself")

    return engine


def _keep_short(log: WriteAheadLog, connection: sqlite3.Connection) -> None:
    """Refuse writes while the log cannot be copied: it must not grow for ever, and what fails must be seen."""
    try:
        log.keep_short(connection)
    except sqlite3.DatabaseError as error:
        raise _meaning(error) from error


class FileLock:
    """A lock file beside the database; the operating system frees it when its holder ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def take(self, *, wait_s: float) -> None:
        """Take the lock and leave our process id in it.

        Raises:
            StoreError: somebody else still has it after `wait_s` seconds.
        """
        lock_path = self._path.with_name(self._path.name + ".lock")
        try:
            file = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(f"cannot open the lock file {lock_path}: {error.strerror}") from error
        own(file, self._path)
        deadline = time.monotonic() + wait_s
        while not _try_lock(file):
            if time.monotonic() >= deadline:
                holder = os.read(file, 32).decode(errors="replace").strip() or "unknown"
                os.close(file)
                raise StoreError(f"the database {self._path} is in use by process {holder}; stop it first")
            time.sleep(0.05)
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file

    def release(self) -> None:
        """Let others in. The file stays: removing it would let two processes lock two files of one name."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def own(file: int | Path, path: Path) -> None:
    """Let a file belong to whom the database, or else its folder, belongs to: root may work for a service that is not.

    SQLite itself does so with its log.
    """
    owner = (path if path.exists() else path.parent).stat()
    with suppress(PermissionError):
        if os.stat(file).st_uid != owner.st_uid:  # noqa: PTH116  # It may be an open file.
            os.chown(file, owner.st_uid, owner.st_gid)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
