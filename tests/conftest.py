"""What every test stands on: a clean environment, one event loop kind, and no socket but to this machine."""

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from bridge.simulator.receiver import Received, Receiver

_INTEGRATION = ("simulator", "partners", "store", "flows", "web", "crash", "e2e", "fuzz")
"""Folders whose tests need a simulator, a database or processes: none of them is in the fast part."""

_SYSTEM = Path(__file__).parent / "system"
"""What `make test-system` runs, after it has installed what that needs."""

# On a laptop fewer examples, so that the fast part stays fast; CI looks further.
hypothesis.settings.register_profile("quick", max_examples=25, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=100, deadline=None)
hypothesis.settings.load_profile("thorough" if os.environ.get("CI") else "quick")


def _is_integration(path: Path) -> bool:
    here = Path(__file__).parent
    return path.is_relative_to(here) and path.relative_to(here).parts[:1] in [(name,) for name in _INTEGRATION]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import the integration folders for the fast part, nor what needs system tools unless it is named."""
    unasked = collection_path == _SYSTEM and not any("system" in Path(word).parts for word in config.args)
    return True if unasked or (config.option.markexpr == "not slow" and _is_integration(collection_path)) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the integration folders out of the fast part."""
    for item in items:
        if _is_integration(item.path):
            item.add_marker(pytest.mark.slow)


_refused: list[str] = []


def is_loopback(family: int, address: Any) -> bool:
    """Tell whether a connection to `address` stays on this machine."""
    if family not in (socket.AF_INET, socket.AF_INET6):
        return True
    host = str(address[0]).partition("%")[0]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Refuse every connection that would leave this machine, in whatever library it is opened."""

    def guarded(plain: Any) -> Any:
        def connect(sock: socket.socket, address: Any) -> Any:
            if not is_loopback(sock.family, address):
                _refused.append(str(address))
                raise OSError(f"tests may only connect to this machine, not to {address}")
            return plain(sock, address)

        return connect

    plain_connect, plain_connect_ex = socket.socket.connect, socket.socket.connect_ex
    socket.socket.connect = guarded(plain_connect)  # type: ignore[method-assign]  # For the whole session.
    socket.socket.connect_ex = guarded(plain_connect_ex)  # type: ignore[method-assign]
    yield
    socket.socket.connect = plain_connect  # type: ignore[method-assign]
    socket.socket.connect_ex = plain_connect_ex  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def refused_connections() -> Iterator[list[str]]:
    """Fail a test that tried to leave this machine, even where the code under test swallowed the refusal.

    A test that means to try takes this fixture and clears the list.
    """
    _refused.clear()
    yield _refused
    assert not _refused, f"the test tried to connect to {_refused}"


_wrong: list[str] = []


def _judge(received: Received) -> None:
    """Note what is wrong with an event that a receiver got; imported late, for most tests receive none."""
    from tests.schemas import faults_of

    _wrong.extend(faults_of(received))


@pytest.fixture(scope="session", autouse=True)
def _judged_receivers() -> Iterator[None]:
    Receiver.watchers = (_judge,)
    yield
    Receiver.watchers = ()


@pytest.fixture
def unjudged_receivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let receivers take anything: for tests of the receiver itself, or of what others send."""
    monkeypatch.setattr(Receiver, "watchers", ())


@pytest.fixture(autouse=True)
def wrong_bodies() -> Iterator[list[str]]:
    """Fail a test in which a receiver of this process got an event that does not fit the schema of its type.

    A test that sends such an event on purpose takes this fixture and clears the list.
    """
    _wrong.clear()
    yield _wrong
    assert not _wrong, "\n".join(_wrong)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("BRIDGE_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run `@pytest.mark.anyio` tests on asyncio alone: bridge is an asyncio program."""
    return "asyncio"
