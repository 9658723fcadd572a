"""A service that answers as told, for the verbs of the client, and a home without profiles."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.counter import TOKEN, Counter, open_counter


@pytest.fixture(scope="session")
def _counter() -> Iterator[Counter]:
    with open_counter() as counter:
        yield counter


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the profiles are."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "bridge" / "profiles.toml"


@pytest.fixture
def counter(_counter: Counter, home: Path, monkeypatch: pytest.MonkeyPatch) -> Counter:
    """The service that BRIDGE_URL and BRIDGE_TOKEN mean."""
    _counter.answers.clear()
    _counter.asked.clear()
    monkeypatch.setenv("BRIDGE_URL", _counter.url)
    monkeypatch.setenv("BRIDGE_TOKEN", TOKEN)
    monkeypatch.setenv("TZ", "UTC")
    return _counter
