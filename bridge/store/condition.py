"""How a database stands, looked at beside whoever works on it: nothing is made, changed or locked."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from bridge.core.errors import StoreError
from bridge.store import is_postgresql, parse
from bridge.store._schema import HEAD, serves, stored_version
from bridge.store.sqlite import located

_WAIT_S = 5.0


class Schema(StrEnum):
    """What the tables are to this bridge."""

    PRESENT = "present"
    EMPTY = "empty"
    OLDER = "older"
    NEWER = "newer"
    COPYING = "copying"
    STRANGE = "strange"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a look at a database found.

    `engine` names it with its version. `version` is the schema's revision. `path` is the file of SQLite, `log` how it
    keeps its log (`wal`), `free` the bytes that are free beside it. `ahead` is how far the server's clock is ahead of
    ours. `unsafe` says what of its settings may lose what was acknowledged.
    """

    engine: str
    schema: Schema
    version: str = ""
    path: Path | None = None
    log: str = ""
    ahead: timedelta | None = None
    unsafe: tuple[str, ...] = ()


def condition(url: str) -> Condition:
    """Look at a database; a file of SQLite that is not there is an empty one.

    Raises:
        StoreError: it cannot be read, with a sentence that says why.
    """
    return _of_postgresql(url) if is_postgresql(url) else _of_sqlite(url)


def _of_sqlite(url: str) -> Condition:
    _, path = located(parse(url))
    engine = f"SQLite {sqlite3.sqlite_version}"
    if not path.exists():
        return Condition(engine=engine, schema=Schema.EMPTY, path=path)
    try:
        with _reading(path) as connection:
            schema, version = _schema_of(connection)
        log = _log_of(path)
    except DBAPIError as error:
        raise StoreError(f"cannot read the database {path}: {error.orig}") from None
    except OSError as error:
        raise StoreError(f"cannot read the database {path}: {error.strerror}") from None
    return Condition(engine=engine, schema=schema, version=version, path=path, log=log)


@contextmanager
def _reading(path: Path) -> Iterator[Connection]:
    """Open a file for reading, beside whoever writes to it.

    Where nobody has it open there is no log to read, and SQLite would make one, which the service may not be allowed to
    write to: it is told that the file does not change.
    """
    alone = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"{path.as_uri()}?mode=ro{alone}", uri=True, timeout=_WAIT_S, isolation_level=None)

    with _connected(create_engine("sqlite://", creator=connect, poolclass=NullPool)) as connection:
        yield connection


def _log_of(path: Path) -> str:
    """Read from the head of a file how it keeps its log (https://www.sqlite.org/fileformat2.html, read 2026-11)."""
    with path.open("rb") as file:
        return "wal" if file.read(20)[18:19] == b"\2" else "delete"


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _of_postgresql(url: str) -> Condition:
    import psycopg

    from bridge.store.postgresql import dsn_of, explained

    dsn = dsn_of(url, limits=True)
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool)
    with explained(dsn), _connected(engine) as connection:
        schema, version = _schema_of(connection)
        ask = (
            "SELECT clock_timestamp(), current_setting('server_version'), current_setting('synchronous_commit'), "
            "current_setting('fsync'), current_setting('server_encoding')"
        )
        before = datetime.now(UTC)
        now, release, commit, sync, encoding = connection.exec_driver_sql(ask).one()
        middle = before + (datetime.now(UTC) - before) / 2
    unsafe = [f"synchronous_commit is {commit}"] if commit == "off" else []
    unsafe += [f"fsync is {sync}"] if sync == "off" else []
    unsafe += [f"it is in {encoding}, not UTF8"] if encoding != "UTF8" else []
    return Condition(
        engine=f"PostgreSQL {release}", schema=schema, version=version, ahead=now - middle, unsafe=tuple(unsafe)
    )


def _schema_of(connection: Connection) -> tuple[Schema, str]:
    """Say what the tables are to this bridge, and the revision that they name."""
    stored = stored_version(connection)
    if stored is None:
        return (Schema.STRANGE if inspect(connection).get_table_names() else Schema.EMPTY), ""
    if stored.startswith("copying"):
        return Schema.COPYING, stored
    if serves(stored, HEAD):
        return Schema.PRESENT, stored
    return (Schema.NEWER if stored > HEAD else Schema.OLDER), stored
