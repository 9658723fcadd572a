"""The store under test: every engine in the list runs the same cases, on an empty database each."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bridge.store import migrate, open_store
from bridge.store._schema import HEAD
from bridge.store._store import SqlStore
from bridge.store._tables import metadata
from tests.postgres import Cluster
from tests.store.made import NOW

ENGINES = ["sqlite", "postgresql"]

_OTHERS = "datname = current_database() AND pid != pg_backend_pid()"
_CUT = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OTHERS}"
_EMPTY = "; ".join([_CUT, *(f'DELETE FROM "{table.name}"' for table in reversed(metadata.sorted_tables))])


class FixedClock:
    """The store's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Emptied:
    """One database that is emptied for each test: in 3 ms, where a copy of a template takes a hundred times that."""

    def __init__(self, cluster: Cluster) -> None:
        self.url = cluster.new()
        migrate(self.url)
        self._connection: psycopg.Connection[Any] = psycopg.connect(self.url, autocommit=True)

    def empty(self) -> str:
        """Leave no row and nobody who is connected, and return the URL."""
        self._connection.execute(_EMPTY.encode())
        row = self._connection.execute("SELECT version_num FROM alembic_version").fetchone()
        assert row == (HEAD,), "a test that changes the schema needs a database of its own: cluster.new()"
        return self.url

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One PostgreSQL for all tests of a process; it is never killed, so it need not sync."""
    with Cluster.made(settings={"fsync": "off", "full_page_writes": "off"}) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def emptied(cluster: Cluster) -> Iterator[Emptied]:
    kept = Emptied(cluster)
    yield kept
    kept.close()


@pytest.fixture
def empty(cluster: Cluster) -> str:
    """A database that has no table yet."""
    return cluster.new()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database file is to be."""
    return tmp_path / "bridge.db"


@pytest.fixture
def sqlite_url(path: Path) -> str:
    """The URL of a file that is not there yet: for what only SQLite has."""
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(emptied: Emptied) -> str:
    """The URL of an empty database on a server: for what only PostgreSQL has."""
    return emptied.empty()


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, of each engine."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
async def store(url: str, clock: FixedClock, anyio_backend: str) -> AsyncIterator[SqlStore]:
    opened = await open_store(url, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_store(sqlite_url: str, clock: FixedClock, anyio_backend: str) -> AsyncIterator[SqlStore]:
    opened = await open_store(sqlite_url, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def postgresql_store(postgresql_url: str, clock: FixedClock, anyio_backend: str) -> AsyncIterator[SqlStore]:
    opened = await open_store(postgresql_url, clock=clock)
    yield opened
    await opened.close()
