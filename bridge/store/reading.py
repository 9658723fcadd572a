"""Reads a database beside whoever works on it: what was received, and what was made of it. Nothing is written.

On SQLite the file is opened for reading alone, whoever holds it; on PostgreSQL every transaction is READ ONLY.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, bindparam, create_engine, event, func, select
from sqlalchemy.exc import DBAPIError

from bridge.core.errors import StoreError
from bridge.core.model import ADOPTED, Account, Command, Event, Key, Post
from bridge.ports import Find
from bridge.store import is_postgresql, parse
from bridge.store._reads import Reads
from bridge.store._rows import EVENTS
from bridge.store._schema import is_usable
from bridge.store._sql import Sql
from bridge.store._tables import events
from bridge.store._types import to_micros
from bridge.store.sqlite import located

_WAIT_S = 10.0


class History:
    """What a database holds of the past. Made by `reading`; each call sees one snapshot, and holds up nobody."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._sql = engine, Sql(engine.dialect)
        self._reads = Reads(self._sql)

    def count(self, since: datetime, source: str = "") -> int:
        """Count the events that were received since an instant, of a source or of all."""
        found = self._sql.one(select(func.count()).select_from(events).where(*_received(source)))
        with self._engine.begin() as connection:
            return int(found.rows(connection, since=to_micros(since), **_named(source))[0][0])

    def events(self, since: datetime, source: str = "", *, page: int = 200) -> Iterator[Sequence[Event]]:
        """Yield the events that were received since an instant, oldest first, a page at a time."""
        chosen = select(*EVENTS.columns).where(*_received(source), events.c.id > bindparam("after"))
        found = self._sql.one(chosen.order_by(events.c.id).limit(bindparam("most")))
        after = ""
        while True:
            values = {"since": to_micros(since), "after": after, "most": page, **_named(source)}
            with self._engine.begin() as connection:
                rows = [EVENTS.decode(row) for row in found.rows(connection, **values)]
            if not rows:
                return
            yield rows
            after = rows[-1].id

    def made(self, event_id: str) -> list[tuple[Post, list[Command]]]:
        """Return the posts of an event with their commands, in the order they were made in."""
        with self._engine.begin() as connection:
            found = self._reads.event(connection, event_id)
            return [(post, self._reads.commands(connection, post.id)) for post in (found[1] if found else ())]

    def is_edited(self, post: Post) -> bool:
        """Say whether what a post says was changed after it was accepted."""
        with self._engine.begin() as connection:
            return bool(self._reads.told(connection, Find(1, type="post.updated", subject=f"post:{post.id}")))

    def accounts(self) -> tuple[list[Account], list[Key]]:
        """Return all accounts and all keys."""
        with self._engine.begin() as connection:
            return self._reads.accounts(connection), list(self._reads.keys(connection).values())


def _received(source: str) -> list[ColumnElement[bool]]:
    named = [events.c.source == bindparam("source")] if source else [events.c.source != ADOPTED]
    return [events.c.received_at >= bindparam("since"), *named]


def _named(source: str) -> dict[str, str]:
    return {"source": source} if source else {}


@contextmanager
def reading(url: str) -> Iterator[History]:
    """Open a database for reading.

    Raises:
        StoreError: it is not there, cannot be reached, or is not of this bridge.
    """
    name = parse(url).database if not is_postgresql(url) else "of PostgreSQL"
    engine = _postgresql(url) if is_postgresql(url) else _sqlite(located(parse(url))[1])
    try:
        with engine.begin() as connection:
            _refuse_other(connection)
        yield History(engine)
    except DBAPIError as error:
        # The text of an error of PostgreSQL may have values of rows.
        told = type(error.orig).__name__ if is_postgresql(url) else error.orig
        raise StoreError(f"the database {name} cannot be read: {told}") from error
    finally:
        engine.dispose()


def _refuse_other(connection: Connection) -> None:
    if not is_usable(connection):
        raise StoreError("the database is not up to date, or not one of bridge; run `bridge migrate`")


def _sqlite(path: Path) -> Engine:
    if not path.is_file():
        raise StoreError(f"there is no database {path}")

    def connect() -> sqlite3.Connection:
        uri = f"{path.as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, timeout=_WAIT_S, check_same_thread=False, isolation_level=None)

    engine = create_engine("sqlite://", creator=connect, hide_parameters=True)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _postgresql(url: str) -> Engine:
    import psycopg

    from bridge.store.postgresql import dsn_of, register

    def connect() -> "psycopg.Connection[Any]":
        connection = psycopg.connect(dsn_of(url, limits=True), autocommit=True, prepare_threshold=None)
        register(connection)
        return connection

    engine = create_engine("postgresql+psycopg://", creator=connect, paramstyle="format", hide_parameters=True)
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine
