"""The store: every row bridge keeps, behind `bridge.ports.Store`; the database's URL picks the engine.

    sqlite:///bridge.db    one process, one file; the default
    postgresql://...       not yet

`open_store` opens (and brings up to date), `migrate` only brings up to date.
"""

import asyncio
from datetime import UTC, datetime

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from bridge.core.errors import StoreError
from bridge.ports import Clock, Store
from bridge.store._store import SqlStore
from bridge.store.sqlite import SqliteDatabase, migrate_sqlite

__all__ = ["migrate", "open_store"]


async def open_store(
    url: str, *, create: bool = True, clock: Clock | None = None, readers: int = 4, max_waiting: int = 20_000
) -> Store:
    """Open the store of a database URL, in the running event loop.

    Args:
        url: `sqlite:///relative.db` or `sqlite:////absolute.db`.
        create: make the database and bring its tables up to date; without it both must be so already.
        clock: lease time; the system's clock unless a test says otherwise.
        readers: how many reads run at once.
        max_waiting: items that may wait to be written before calls are refused with `StoreBusy`.

    Raises:
        StoreError: with a sentence that says what to do; another process may hold the file.
    """
    parsed = _parse(url)
    database = await asyncio.to_thread(lambda: SqliteDatabase(parsed, create=create, readers=readers))
    store = SqlStore(database, clock or _system_clock, readers=readers, max_waiting=max_waiting)
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
    return migrate_sqlite(_parse(url))


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError("the database URL cannot be read; write sqlite:///PATH") from error
    match parsed.get_backend_name():
        case "sqlite":
            return parsed
        case "postgresql":
            raise StoreError("PostgreSQL is not supported yet; write sqlite:///PATH")
        case other:
            raise StoreError(f"{other} is not supported; write sqlite:///PATH")


def _system_clock() -> datetime:
    return datetime.now(UTC)
