"""A town for each test; `build_town` makes one with other rules.

Opening a store and putting every metric to zero take longer than most tests: a module shares both, and each test begins
with empty tables. Tests that count ask for `metrics`.
"""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from bridge.core.rules import DeliverRules
from bridge.metrics import Metrics
from bridge.store import SqlStore, open_store
from tests.flows.sending import RULES, Office, an_office
from tests.flows.town import LOOPBACK, NOON, Clock, Town, a_town, fresh_metrics

BuildTown = Callable[..., Awaitable[Town]]
BuildOffice = Callable[..., Awaitable[Office]]


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store") / "bridge.db"


@pytest.fixture(scope="module")
async def open_file(file: Path, clock: Clock, anyio_backend: str) -> AsyncIterator[SqlStore]:
    store = await open_store(f"sqlite:///{file}", clock=clock)
    yield store
    await store.close()


@pytest.fixture
def store(open_file: SqlStore, file: Path, clock: Clock) -> SqlStore:
    """The module's store, emptied."""
    clock.at = NOON
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'alembic%'")
        for (table,) in tables.fetchall():
            connection.execute(f"DELETE FROM {table}")
    return open_file


@pytest.fixture(scope="module")
def shared_metrics() -> Metrics:
    return fresh_metrics()


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of this test's own."""
    return fresh_metrics()


@pytest.fixture
async def build_town(
    store: SqlStore, clock: Clock, shared_metrics: Metrics, request: pytest.FixtureRequest
) -> AsyncIterator[BuildTown]:
    own = request.getfixturevalue("metrics") if "metrics" in request.fixturenames else shared_metrics
    async with AsyncExitStack() as stack:

        async def build(**given: Any) -> Town:
            return await stack.enter_async_context(a_town(store, clock, metrics=own, **given))

        yield build


@pytest.fixture
async def town(build_town: BuildTown) -> Town:
    return await build_town()


@pytest.fixture
async def build_office(build_town: BuildTown) -> AsyncIterator[BuildOffice]:
    async with AsyncExitStack() as stack:

        async def build(rules: DeliverRules = RULES, allow: Any = LOOPBACK, reply: Any = None) -> Office:
            return await stack.enter_async_context(an_office(await build_town(), rules, allow, reply))

        yield build


@pytest.fixture
async def office(build_office: BuildOffice) -> Office:
    """One endpoint, `hook`, that wants what is told of posts."""
    made = await build_office()
    await made.endpoint("hook", "post.*")
    return made
