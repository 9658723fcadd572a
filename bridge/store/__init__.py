"""The store: every row bridge keeps, behind `bridge.ports.Store`; the database's URL picks the engine.

    sqlite:///bridge.db    one process, one file; the default
    postgresql://...       one server, any number of processes

`open_store` opens (and brings up to date), `migrate` only brings up to date; `bridge.store.copying` moves to another.
What only PostgreSQL needs is imported with its first URL: a driver of ten megabytes.
"""

import asyncio

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from bridge.core.database_urls import EXAMPLES, is_postgresql
from bridge.core.errors import StoreError
from bridge.ports import Clock, Store
from bridge.store._engine import Database
from bridge.store._store import SqlStore
from bridge.store.sqlite import SqliteDatabase, migrate_sqlite

__all__ = ["is_postgresql", "migrate", "open_store", "parse"]

_REMEDY = f"write {EXAMPLES}"


async def open_store(
    url: str,
    *,
    create: bool = True,
    clock: Clock | None = None,
    readers: int = 4,
    max_waiting: int = 20_000,
    notify: bool = True,
) -> Store:
    """Open the store of a database URL, in the running event loop.

    Args:
        url: `sqlite:///relative.db`, `sqlite:////absolute.db`, or `postgresql://HOST/NAME` as libpq takes it.
        create: make the database and bring its tables up to date; without it both must be so already.
        clock: lease time; the database's own unless a test says otherwise.
        readers: how many reads run at once.
        max_waiting: items that may wait to be written before calls are refused with `StoreBusy`.
        notify: hear by LISTEN what other processes made due; not through a proxy that pools transactions.

    Raises:
        StoreError: with a sentence that says what to do; another process may hold the file.
    """
    database = await asyncio.to_thread(lambda: _open(url, create=create, readers=readers, notify=notify))
    store = SqlStore(database, clock, readers=readers, max_waiting=max_waiting)
    try:
        await store.start()
    except StoreError:
        await store.close()
        raise
    return store


def migrate(url: str) -> bool:
    """Create the database or bring its tables up to date; False when there was nothing to do.

    Raises:
        StoreError: it is in use, was made by a newer bridge, or cannot be opened.
    """
    if is_postgresql(url):
        from bridge.store.postgresql import migrate_postgresql

        return migrate_postgresql(url)
    return migrate_sqlite(parse(url))


def _open(url: str, *, create: bool, readers: int, notify: bool) -> Database:
    if is_postgresql(url):
        from bridge.store.postgresql import PostgresDatabase

        return PostgresDatabase(url, create=create, readers=readers, notify=notify)
    return SqliteDatabase(parse(url), create=create, readers=readers)


def parse(url: str) -> URL:
    """Read the URL of a SQLite file.

    Raises:
        StoreError: it cannot be read, or is for another engine.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise StoreError(f"the database URL cannot be read; {_REMEDY}") from error
    if (name := parsed.get_backend_name()) != "sqlite":
        raise StoreError(f"{name} is not supported; {_REMEDY}")
    return parsed
