"""Starting and ending the processes that a row needs, and what a row's result is."""

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

REPETITIONS = 3
TOKEN = "bench-token-0123456789"
HOOK_SECRET = "bench-hook-0123456789"
ACCOUNT = "3e30c8d1-0bc0-42d8-9a1a-bb63fe6c3c16"


@dataclass(frozen=True)
class Row:
    """One measured row: values of ours and of the reference, repetition by repetition; `more` is what else was seen."""

    row: str
    engine: str
    unit: str
    reference: str
    ours: Sequence[float]
    theirs: Sequence[float]
    more: Mapping[str, float] = field(default_factory=dict)

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
            **{name: round(value, 4) for name, value in self.more.items()},
        }


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def process(*command: str, environ: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python module as a process; it is killed, for nobody needs what it has not finished."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    running = subprocess.Popen(
        [sys.executable, "-m", *command], env={**clean, **(environ or {})}, stdout=subprocess.DEVNULL
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def asked(url: str) -> bytes:
    """Return what a GET answers."""
    with urllib.request.urlopen(url, timeout=5) as answer:
        return bytes(answer.read())


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
    database: str,
    *,
    port: int,
    partner_port: int,
    sink_port: int,
    endpoints: Mapping[str, str] | None = None,
    events: Sequence[str] = ("*",),
    **sections: Mapping[str, Any],
) -> tuple[Path, dict[str, str]]:
    """Write a configuration with one of each; returns its path and the environment that holds its secrets.

    `endpoints` are the paths at the sink, by the endpoint's name, `events` what they get; `sections` are further parts
    of the file.
    """
    sink = f"http://127.0.0.1:{sink_port}"
    tree = {
        "server": {"host": "127.0.0.1", "port": port},
        "database": {"url": database},
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
            name: {"url": sink + path, "secret": {"env": "BENCH_SECRET"}, "events": list(events)}
            for name, path in (endpoints or {"ops": "/hook"}).items()
        },
        "network": {"allow": ["127.0.0.0/8"], "allow_http": True, "ports": []},
        "limits": {"queue": 10_000_000},
        "log": {"format": "json"},
        **sections,
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


@contextlib.contextmanager
def service(
    database: str,
    *,
    sink_port: int | None = None,
    **given: Any,
) -> Iterator[tuple[int, int]]:
    """Run a real `bridge serve` on a database, beside a simulated partner; gives its port and process id when ready.

    `given` is what `config` takes besides.
    """
    port, partner_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        sink = sink_port or free_port()
        path, environ = config(Path(name), database, port=port, partner_port=partner_port, sink_port=sink, **given)
        with process("bridge", "simulate", "genviral", "--port", str(partner_port)):
            until_listens(partner_port)
            with process("bridge", "serve", "--config", str(path), environ=environ) as running:
                until_answers(port)
                yield port, running.pid
