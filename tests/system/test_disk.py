"""A disk that is full, refuses writes or does not sync: refused, told, over by itself, and nothing lost."""

import contextlib
import itertools
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any

import httpx
import pytest

from tests.e2e.process import ROOT, SECRETS, Process, running, write_config
from tests.postgres import Cluster, free_port
from tests.system.faults import failing, family, filled, small_disk

HEADERS = {"Authorization": f"Bearer {SECRETS['E2E_TOKEN']}"}
NOBODY = {"kind": "genviral", "token": {"env": "E2E_TOKEN"}, "base_url": "http://127.0.0.1:9/"}
SECTIONS = {
    "partners": {"genviral": NOBODY},
    "accounts": {"brand": {"partner": "genviral", "id": "3e30c8d1-0bc0-42d8-9a1a-bb63fe6c3c16"}},
    "limits": {"free_disk": "1kB"},
}
SOME = 15
REFUSED = 5
PATIENCE_S = 30.0


@dataclass
class Sender:
    """Sends events, each under a key of its own, and remembers what was answered."""

    url: str
    http: httpx.Client
    acknowledged: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    slugs: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def send(self, key: str = "") -> bool:
        """Send one event, again where a key is given; whether it was acknowledged."""
        key = key or f"wish-{next(self._numbers)}"
        body = {
            "caption": f"{key} {'and so on ' * 150}",
            "media": "https://cdn.example.com/v.mp4",
            "accounts": ["brand"],
        }
        answer = self.http.post(f"{self.url}/v1/publish", json=body, headers={"Idempotency-Key": key})
        if answer.is_success:
            assert self.acknowledged.setdefault(key, answer.json()["event_id"]) == answer.json()["event_id"]
            return True
        self._check_refusal(answer)
        self.refused.append(key)
        return False

    def _check_refusal(self, answer: httpx.Response) -> None:
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
        problem = answer.json()
        assert problem["type"] in ("urn:bridge:problem:storage_full", "urn:bridge:problem:storage_unavailable")
        assert "again" in problem["detail"]
        self.slugs.add(problem["type"].rpartition(":")[2])

    def send_some(self) -> None:
        """Send events that are acknowledged, all of them."""
        assert all(self.send() for _ in range(SOME))

    def until_refused(self) -> None:
        """Send until some were refused, one after the other."""
        end, in_line = time.monotonic() + PATIENCE_S, 0
        while in_line < REFUSED:
            in_line = 0 if self.send() else in_line + 1
            assert time.monotonic() < end, "nothing was refused"

    def until_acknowledged(self) -> None:
        """Send the last one that was refused until it is acknowledged."""
        end = time.monotonic() + PATIENCE_S
        while not self.send(self.refused[-1]):
            assert time.monotonic() < end, "it does not work again"
            time.sleep(0.1)

    def ready(self) -> dict[str, Any]:
        """Return the answer of the probe."""
        answer = self.http.get(f"{self.url}/readyz")
        return {"status": answer.status_code, "text": answer.text}

    def refusals_counted(self) -> float:
        """Return how many refusals the metrics tell of."""
        lines = self.http.get(f"{self.url}/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("bridge_storage_errors_total{"))

    def check(self) -> None:
        """Find every acknowledged event with its post, and no event twice."""
        for event_id in self.acknowledged.values():
            found = self.http.get(f"{self.url}/v1/events/{event_id}")
            assert found.status_code == 200, event_id
            assert len(found.json()["posts"]) == 1
        assert len(set(self.acknowledged.values())) == len(self.acknowledged)


def play(
    folder: Path, url: str, fault: Callable[[Process], AbstractContextManager[None]], restart: Callable[[], None]
) -> Sender:
    """Send, let the disk fail and come back, send on, kill the service, and look for all that was acknowledged.

    `restart` starts what does not start by itself after such a fault.
    """
    config = str(write_config(folder, database={"url": url}, **SECTIONS))
    with (
        httpx.Client(headers=HEADERS, trust_env=False, timeout=60) as http,
        running(folder / "log", "serve", "-c", config) as process,
    ):
        [address] = process.addresses()
        sender = Sender(address, http)
        sender.send_some()
        with fault(process):
            sender.until_refused()
            process.until(lambda: sender.ready()["status"] == 503, "a failing probe")
            assert "a write to the database failed" in sender.ready()["text"]
            assert sender.refusals_counted() >= REFUSED
            assert process.said("event.not_stored")["error"]
        began = time.monotonic()
        restart()
        sender.until_acknowledged()
        print(f"{folder.name}: works again after {time.monotonic() - began:.2f} s")
        for key in sender.refused:
            assert sender.send(key), "what was refused is taken when it comes again"
        sender.send_some()
        process.until(lambda: sender.ready()["status"] == 200, "a probe that does not fail")
        process.end(SIGKILL)
        with running(folder / "again", "serve", "-c", config) as again:
            [sender.url] = again.addresses()
            sender.check()
    return sender


def nothing() -> None:
    """Restart nothing."""


SQLITE = {
    "does not sync": ("fsync,fdatasync", "EIO", "storage_unavailable"),
    "refuses writes": ("pwrite64", "EIO", "storage_unavailable"),
    "is full": ("pwrite64", "ENOSPC", "storage_full"),
}


@pytest.mark.parametrize("name", SQLITE)
def test_sqlite_on_a_disk_that(name: str, tmp_path: Path) -> None:
    calls, error, slug = SQLITE[name]
    sender = play(
        tmp_path,
        f"sqlite:///{tmp_path / 'bridge.db'}",
        lambda process: failing(calls, error, [process.pid], tmp_path / "strace"),
        nothing,
    )
    assert sender.slugs == {slug}


def test_sqlite_on_a_disk_that_was_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, "8m"):
        sender = play(tmp_path, f"sqlite:///{disk / 'bridge.db'}", lambda _: filled(disk), nothing)
        assert "storage_full" in sender.slugs


@pytest.fixture
def disk_of_server() -> Iterator[Path]:
    """A folder with a short name, which `nobody` may reach."""
    with tempfile.TemporaryDirectory(prefix="bridge-disk-", dir="/tmp") as folder, small_disk(Path(folder), "192m"):
        yield Path(folder)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Cluster]:
    """A server whose data are in this folder."""
    cluster = Cluster(folder, free_port(), {"max_wal_size": "48MB", "min_wal_size": "32MB"})
    cluster.create()
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


def revived(cluster: Cluster) -> None:
    """Start a server again that has ended, as its supervisor would; one that lives recovers by itself."""
    assert cluster.process is not None
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if cluster.process.poll() is not None:
            cluster.process = None
            cluster.start()
            return
        with contextlib.suppress(Exception):
            cluster.run("SELECT 1")
            return
        time.sleep(0.2)
    raise AssertionError((cluster.folder / "log").read_text())


POSTGRESQL = {
    "does not sync": ("fsync,fdatasync", "EIO"),
    "refuses writes": ("pwrite64,pwritev,fallocate", "EIO"),
    "is full": ("pwrite64,pwritev,fallocate", "ENOSPC"),
}


@pytest.mark.parametrize("name", POSTGRESQL)
def test_postgresql_on_a_disk_that(name: str, tmp_path: Path, disk_of_server: Path) -> None:
    calls, error = POSTGRESQL[name]
    with served(disk_of_server) as cluster:
        assert cluster.process is not None
        server = cluster.process.pid
        play(
            tmp_path,
            cluster.new(),
            lambda _: failing(calls, error, family(server), tmp_path / "strace"),
            lambda: revived(cluster),
        )


def test_postgresql_on_a_disk_that_was_full(tmp_path: Path, disk_of_server: Path) -> None:
    with served(disk_of_server) as cluster:
        play(tmp_path, cluster.new(), lambda _: filled(disk_of_server), lambda: revived(cluster))


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A database with an empty table."""
    path = tmp_path / "notes.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE notes (text BLOB)")
    return path


def copy_without_sync(path: Path, readers: int) -> "subprocess.CompletedProcess[str]":
    """Let a process of its own copy a log into a database file that does not sync."""
    faults = ["-P", str(path), "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO"]
    command = ["strace", "-f", "-qq", "-o", os.devnull, *faults, sys.executable, "-m", "tests.system.half_copied"]
    return subprocess.run([*command, str(path), str(readers)], capture_output=True, text=True, cwd=ROOT, check=False)


def count(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM notes").fetchone()[0])


def test_a_copy_that_did_not_sync_is_made_again_from_where_it_began(notes: Path) -> None:
    done = copy_without_sync(notes, readers=0)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["refused True", "refused True"]), done.stderr
    assert count(notes) > 4_000


def test_a_process_that_cannot_make_a_copy_again_from_where_it_began_ends_and_leaves_the_whole_log(notes: Path) -> None:
    done = copy_without_sync(notes, readers=1)
    [half, told] = done.stdout.splitlines()
    assert (done.returncode, half) == (os.EX_IOERR, "half copied"), done.stderr
    assert "store.sync_failed" in told
    assert notes.with_name("notes.db-wal").stat().st_size > 16_000_000
    assert count(notes) > 4_000
