"""`bridge VERB ...` as a process of its own, over a configuration in a temporary folder."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import yaml

from bridge.core.mounts import lost_with_pod

ROOT = Path(__file__).parents[2]
SECRETS = {"E2E_TOKEN": "e2e-token-0123456789"}
PATIENCE_S = 30.0
_MOUNTS = Path("/proc/self/mountinfo")
_IN_A_POD = _MOUNTS.exists() and lost_with_pod(_MOUNTS.read_text(), str(Path(tempfile.gettempdir()).resolve()))


def clean_environ() -> dict[str, str]:
    """Return the environment without what would change bridge; tests that run in a pod may lose databases with it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    return clean | ({"BRIDGE_DATABASE__EPHEMERAL": "true"} if _IN_A_POD else {})


class Process:
    """One that runs. `log` is what it says, on both streams; `lines` are those of it that are JSON.

    `before` are words before its command, of a program that becomes it.
    """

    def __init__(
        self,
        log: Path,
        *arguments: str,
        environ: Mapping[str, str] = SECRETS,
        module: str = "bridge",
        before: Sequence[str] = (),
    ) -> None:
        self.log = log
        with log.open("wb") as file:
            command = [*before, sys.executable, "-m", module, *arguments]
            # What one that is killed leaves among the temporary files goes with the test's own.
            environ = clean_environ() | {"TMPDIR": str(log.parent)} | dict(environ)
            self._popen = subprocess.Popen(command, stdout=file, stderr=file, cwd=ROOT, env=environ)
        self.pid = self._popen.pid

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.log.read_bytes().splitlines(keepends=True) if line.endswith(b"}\n")]

    def until(self, holds: Callable[[], Any], what: str) -> Any:
        """Wait until something holds while the process runs, and return it."""
        deadline = time.monotonic() + PATIENCE_S
        while not (held := holds()):
            if self._popen.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{what} did not come:\n{self.log.read_text()}")
            time.sleep(0.01)
        return held

    def said(self, event: str) -> dict[str, Any]:
        """Wait for a line of the log."""
        found = self.until(lambda: [line for line in self.lines if line["event"] == event], event)
        return dict(found[0])

    def addresses(self) -> list[str]:
        """Wait until the service has started, and return the URLs of its listeners."""
        return [f"http://{address}" for address in self.said("service.started")["listening"]]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, if it still runs, and return the exit status."""
        self.send(number)
        return self.status()

    def send(self, number: int) -> None:
        """Send a signal, if it still runs."""
        self._popen.send_signal(number)

    def stand_still(self) -> None:
        """Stop it, and return once none of its threads runs: until then one may finish what it was about to send."""
        self.send(signal.SIGSTOP)
        os.waitid(os.P_PID, self._popen.pid, os.WSTOPPED)

    def status(self) -> int:
        """Wait for the end and return the exit status."""
        return self._popen.wait(PATIENCE_S)


@contextlib.contextmanager
def running(log: Path, *arguments: str, environ: Mapping[str, str] = SECRETS) -> Iterator[Process]:
    """Run `bridge` with these arguments; on leaving it is killed if it still runs."""
    process = Process(log, *arguments, environ=environ)
    try:
        yield process
    finally:
        process.end(signal.SIGKILL)


def run(*arguments: str, environ: Mapping[str, str] = SECRETS, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run `bridge` with these arguments to its end."""
    command = [sys.executable, "-m", "bridge", *arguments]
    options = {"capture_output": True, "text": True, "cwd": ROOT, "timeout": 90, **more}
    return subprocess.run(command, check=False, env=clean_environ() | dict(environ), **options)


def write_config(folder: Path, **sections: Any) -> Path:
    """Write a configuration that stands on its own: a caller, a partner that nobody plays, a new database."""
    tree = {
        "server": {"host": "127.0.0.1", "port": 0},
        "database": {"url": f"sqlite:///{folder / 'bridge.db'}"},
        "tokens": [{"name": "e2e", "token": {"env": "E2E_TOKEN"}, "scopes": ["publish", "read"]}],
        "log": {"format": "json"},
    }
    path = folder / "bridge.yaml"
    path.write_text(yaml.safe_dump(tree | sections))
    return path
