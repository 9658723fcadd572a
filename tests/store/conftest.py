"""The store under test: every engine in the list runs the same cases, on files of its own."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bridge.store import open_store
from bridge.store._store import SqlStore
from tests.store.made import NOW

ENGINES = ["sqlite"]


class FixedClock:
    """The store's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database."""
    return {"sqlite": f"sqlite:///{tmp_path / 'bridge.db'}"}[request.param]


@pytest.fixture
async def store(url: str, clock: FixedClock, anyio_backend: str) -> AsyncIterator[SqlStore]:
    opened = await open_store(url, clock=clock)
    yield opened
    await opened.close()
