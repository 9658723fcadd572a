"""The two sides of a copy: a database that is held alone, read in one snapshot, and written in lists.

What differs by engine is here: how others are kept out, how many rows go in at once, and what text an engine can keep.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import URL, Connection, Engine, Table, create_engine, func, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError

from bridge.core.errors import StoreError
from bridge.store._tables import leases
from bridge.store._wal import WriteAheadLog
from bridge.store.postgresql import ISOLATION, dsn_of, prepare, refuse_encoding, without_values
from bridge.store.sqlite import FileLock, engine_of, located

_ALIVE_S = 30
"""A session in which nothing was done for so long is one that a proxy keeps: bridge looks for work each second."""
_LEAVES_S = 2.0
"""The session of a process that has just ended is there for a moment more."""

Row = tuple[Any, ...]


class Side(Protocol):
    """One database of a copy; as text it is its address, without what may be secret."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a connection that reads one snapshot and changes nothing."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """Open a connection in a transaction, which is committed at the end."""
        ...

    def as_kept(self, row: Row) -> Row:
        """Return a row as this engine can keep it."""
        ...

    def add(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows of all columns."""
        ...

    def prepare(self) -> None:
        """Make the tables where several may try to at once."""
        ...

    def refuse_users(self) -> None:
        """Refuse a database on which others work.

        Raises:
            StoreError: they do.
        """
        ...

    def settle(self) -> None:
        """Do what the engine wants done after very many rows came."""
        ...


@contextmanager
def held_file(url: URL, *, new: bool) -> Iterator[Side]:
    """Hold a file of SQLite by its lock; `new` is for one that is written, and made when it is not there.

    Raises:
        StoreError: another process has it, or it cannot be opened.
    """
    place, path = located(url)
    if not new and not path.exists():
        raise StoreError(f"there is no database {url.database}")
    lock = FileLock(path)
    lock.take(wait_s=0)
    log = WriteAheadLog(path) if new else None
    engine = engine_of(place, "BEGIN IMMEDIATE" if new else "BEGIN", connections=1, cache_kib=32_768, log=log)
    try:
        yield _File(path, engine)
    finally:
        engine.dispose()
        lock.release()


class _File:
    """A file of SQLite, whose lock this process has."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self._path = path
        self._engine = engine

    def __str__(self) -> str:
        return str(self._path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with _explained(self, self._engine), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with _explained(self, self._engine), self._engine.begin() as connection:
            yield connection

    def prepare(self) -> None:
        """Do nothing: the tables are made in the transaction that notes the copy."""

    def as_kept(self, row: Row) -> Row:
        return row

    def add(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        connection.exec_driver_sql(str(insert(table).compile(connection)), list(rows))

    def refuse_users(self) -> None:
        """Do nothing: whoever has the lock is alone."""

    def settle(self) -> None:
        """Do nothing: the plans of SQLite do not depend on what is there."""


@contextmanager
def held_server(url: str, *, alone: bool = False) -> Iterator[Side]:
    """Take a database of PostgreSQL on which no bridge works; `alone`: and nobody else with the same role.

    Raises:
        StoreError: one does, or it cannot be reached.
    """
    # No prepared statements, and a name of its own: so it is not taken for a running bridge.
    dsn = make_conninfo(dsn_of(url, limits=False), application_name="bridge migrate")
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(dsn, prepare_threshold=None),
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        isolation_level=ISOLATION,
    )
    side = _Server(dsn, engine, alone=alone)
    try:
        side.refuse_users()
        yield side
    finally:
        engine.dispose()


def _shown(dsn: str) -> str:
    known = conninfo_to_dict(dsn)
    who = f"{known['user']}@" if known.get("user") else ""
    port = f":{known['port']}" if known.get("port") else ""
    return f"postgresql://{who}{known.get('host') or ''}{port}/{known.get('dbname') or ''}"


class _Server:
    """A database of PostgreSQL."""

    def __init__(self, dsn: str, engine: Engine, *, alone: bool) -> None:
        self._dsn = dsn
        self._alone = alone
        self._engine = engine

    def __str__(self) -> str:
        return _shown(self._dsn)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with _explained(self, self._engine, self._dsn), self._engine.execution_options(**options).begin() as connection:
            yield _patient(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with _explained(self, self._engine, self._dsn), self._engine.begin() as connection:
            yield _patient(connection)

    def prepare(self) -> None:
        """Make the tables, unless another process does so at the same time."""
        with _explained(self, self._engine, self._dsn):
            prepare(self._engine, create=True)

    def as_kept(self, row: Row) -> Row:
        """Put what stands for a sign that cannot be shown in the place of each NUL: this engine's text has none."""
        return tuple(value.replace("\0", "\ufffd") if type(value) is str and "\0" in value else value for value in row)

    def add(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        names = ", ".join(connection.dialect.identifier_preparer.format_column(column) for column in table.columns)
        with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN".encode()) as lines:
            for row in rows:
                lines.write_row(self.as_kept(row))

    def refuse_users(self) -> None:
        """Refuse a database on which a bridge works: it is connected, or has a lease; or one that is not in UTF-8."""
        deadline = time.monotonic() + _LEAVES_S
        while (sessions := self._sessions()) and self._alone and time.monotonic() < deadline:
            time.sleep(0.05)
        with self.reading() as connection:
            refuse_encoding(connection)
            now = connection.scalar(text("SELECT clock_timestamp()"))
            until = inspect(connection).has_table(leases.name) and connection.scalar(select(func.max(leases.c.until)))
        if sessions:
            raise StoreError(f"{self} is in use by a running bridge ({sessions} sessions); stop every one of them")
        if until and until > now:
            killed = f"one that was killed counts until {until:%H:%M:%S} UTC"
            raise StoreError(f"{self} is in use by a running bridge; stop every one of them ({killed})")

    def _sessions(self) -> int:
        with self.reading() as connection:
            return int(connection.scalar(_USERS, {"alive": _ALIVE_S, "alone": self._alone}) or 0)

    def settle(self) -> None:
        """Let the planner know at once what came; the server itself looks only after a minute."""
        with self.writing() as connection:
            connection.execute(text("ANALYZE"))


# A bridge is called as its URL says. What another role does, such as a monitor's, is none of a bridge.
_USERS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid != pg_backend_pid() "
    "AND (application_name = 'bridge' OR (:alone AND usename = current_user)) "
    "AND state_change > clock_timestamp() - make_interval(secs => :alive)"
)


def _patient(connection: Connection) -> Connection:
    """Let a transaction take its time, whatever the role's limits are for others."""
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        connection.exec_driver_sql(f"SET LOCAL {name} = 0")
    return connection


@contextmanager
def _explained(side: Side, engine: Engine, dsn: str = "") -> Iterator[None]:
    """Turn a driver's error into a sentence: its first line, for further ones may have values of a row."""
    try:
        yield
    except (DBAPIError, engine.dialect.loaded_dbapi.Error) as error:
        cause = getattr(error, "orig", None) or error
        # Without its cause, whose words have those values.
        raise StoreError(f"{side} refused: {without_values(str(cause).partition(chr(10))[0], dsn)}") from None
