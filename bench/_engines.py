"""The engines a row is measured on: where its new, empty databases are, and the server behind them."""

import contextlib
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.postgres import Cluster

ENGINES = ("sqlite", "postgresql")
_SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track_utility": "on",
}
"""Of the server's own choice is what matters most: `fsync` and `synchronous_commit` are on."""


@dataclass
class Engine:
    """One engine. `cluster` is its server, where it has one: on this machine, so it shares the cores."""

    name: str
    folder: Path
    cluster: Cluster | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def database(self) -> str:
        """Make a new, empty database and return its URL."""
        if self.cluster is not None:
            return self.cluster.new()
        return f"sqlite:///{self.folder / f'bridge-{next(self._numbers)}.db'}"

    @property
    def server(self) -> int:
        """The process id of the server; 0 where there is none."""
        return self.cluster.process.pid if self.cluster is not None and self.cluster.process is not None else 0


@contextlib.contextmanager
def started(name: str) -> Iterator[Engine]:
    """Start an engine, and leave nothing of it."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(Cluster.made(settings=_SETTINGS)) if name == "postgresql" else None
        if cluster is not None:
            cluster.run("CREATE EXTENSION pg_stat_statements")
        yield Engine(name, folder, cluster)


def server_cpu_s(server: int) -> float:
    """Return the processor time that the living processes of a server have used; 0 without a server."""
    if not server:
        return 0.0
    total = 0.0
    for process in psutil.Process(server).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total
