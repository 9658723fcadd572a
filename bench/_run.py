"""Starting and ending the processes that a row needs, and what a row's result is."""

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPETITIONS = 5
TOKEN = "bench-token-0123456789"
HOOK_SECRET = "bench-hook-0123456789"
ACCOUNT = "3e30c8d1-0bc0-42d8-9a1a-bb63fe6c3c16"


@dataclass(frozen=True)
class Row:
    """One measured row: values of ours and of the reference, repetition by repetition."""

    row: str
    unit: str
    reference: str
    ours: Sequence[float]
    theirs: Sequence[float]
    engine: str = "sqlite"

    @property
    def ratios(self) -> list[float]:
        """Ours through the reference's, each repetition by itself."""
        return [mine / other for mine, other in zip(self.ours, self.theirs, strict=True)]

    def wire(self) -> dict[str, Any]:
        """The row as it stands in results.json."""
        return {
            "row": self.row,
            "engine": self.engine,
            "ratio": round(statistics.median(self.ratios), 4),
            "ratio_min": round(min(self.ratios), 4),
            "ratio_max": round(max(self.ratios), 4),
            "median": round(statistics.median(self.ours), 2),
            "unit": self.unit,
            "reference": self.reference,
            "reference_median": round(statistics.median(self.theirs), 2),
        }


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def process(*command: str, environ: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python module as a process, ended by its id."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    running = subprocess.Popen(
        [sys.executable, "-m", *command], env={**clean, **(environ or {})}, stdout=subprocess.DEVNULL
    )
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(15)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def until_answers(port: int, path: str = "/readyz", limit_s: float = 30.0) -> None:
    """Wait until a server answers with a success."""
    end = time.perf_counter() + limit_s
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1):
                return
        except (OSError, urllib.error.URLError):
            if time.perf_counter() > end:
                raise
            time.sleep(0.005)


def until_listens(port: int, limit_s: float = 10.0) -> None:
    """Wait until something listens."""
    end = time.perf_counter() + limit_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.perf_counter() > end:
                raise
            time.sleep(0.01)
        else:
            return


def config(
    folder: Path,
    *,
    port: int,
    partner_port: int,
    sink_port: int,
    queue: int = 10_000_000,
    sources: Mapping[str, Any] | None = None,
    endpoints: Mapping[str, str] | None = None,
) -> tuple[Path, dict[str, str]]:
    """Write a configuration with one of each; returns its path and the environment that holds its secrets.

    `endpoints` are the paths at the sink, by the endpoint's name.
    """
    sink = f"http://127.0.0.1:{sink_port}"
    tree = {
        "server": {"host": "127.0.0.1", "port": port},
        "database": {"url": f"sqlite:///{folder / 'bridge.db'}"},
        "tokens": [{"name": "bench", "token": {"env": "BENCH_TOKEN"}, "scopes": ["publish", "read"]}],
        "partners": {
            "genviral": {
                "kind": "genviral",
                "token": {"env": "BENCH_KEY"},
                "base_url": f"http://127.0.0.1:{partner_port}/api/partner/v1",
            }
        },
        "accounts": {"brand": {"partner": "genviral", "id": ACCOUNT}},
        "endpoints": {
            name: {"url": sink + path, "secret": {"env": "BENCH_SECRET"}}
            for name, path in (endpoints or {"ops": "/hook"}).items()
        },
        "network": {"allow": ["127.0.0.0/8"], "allow_http": True, "ports": []},
        "sources": dict(sources or {}),
        "limits": {"queue": queue},
        "log": {"format": "json"},
    }
    path = folder / "bridge.yaml"
    path.write_text(yaml.safe_dump(tree))
    environ = {
        "BENCH_TOKEN": TOKEN,
        "BENCH_HOOK": HOOK_SECRET,
        "BENCH_KEY": "gva_live_demo.simulator-secret",
        "BENCH_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    }
    return path, environ
