"""One process to fork services from, and a town for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.crash.town import Starter, Town, open_town


@pytest.fixture(scope="session")
def starter() -> Iterator[Starter]:
    started = Starter()
    yield started
    started.close()


@pytest.fixture
async def town(tmp_path: Path, starter: Starter, anyio_backend: str) -> AsyncIterator[Town]:
    """A town whose service has not been started yet."""
    async with open_town(tmp_path, starter) as opened:
        yield opened
