"""Rows `open_p50` and `open_p99`: how long from sending a request until its event has arrived at the receiver.

Requests come at a fixed rate, half of what the service takes as fast as it can (found in the same run), and do not wait
for one another (`open_model.js`, run by k6). Beside it a bare request at the same rate, until it is answered.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from bench._engines import Engine
from bench._run import ACCOUNT, TOKEN, Row, free_port, process, until_listens
from bench.together import COUNT, WARM_UP, Place, place, rate

SECONDS = 10
PATIENCE_S = 30.0
_K6 = Path(sys.executable).parent / "k6"
_SCRIPT = Path(__file__).with_suffix(".js")


def measure(engine: Engine, repetitions: int) -> list[Row]:
    """Measure both, turn by turn."""
    bare_port = free_port()
    with place(engine) as where, process("bench._servers", "bare", str(bare_port)):
        until_listens(bare_port)
        rate(where, "warm", WARM_UP)
        half = int(rate(where, "most", COUNT) / 2)
        turns = [(_bare(bare_port, half), _ours(where, half)) for _ in range(repetitions)]
    said = f"a bare request at the same rate, answered: {half} a second"
    return [
        Row(
            f"open_{word}",
            engine.name,
            "ms",
            said,
            [ours[word] for _, ours in turns],
            [bare[word] for bare, _ in turns],
        )
        for word in ("p50", "p99")
    ]


def _bare(port: int, per_s: int) -> dict[str, float]:
    answered = _sent(port, per_s)["http_req_duration"]
    return {"p50": answered["p(50)"], "p99": answered["p(99)"]}


def _ours(where: Place, per_s: int) -> dict[str, float]:
    """Milliseconds from sending to arrival; the sender's clock has whole ones, cut off, so this is never too little."""
    where.arrivals()
    sent = int(_sent(where.port, per_s)["iterations"]["count"])
    found: dict[str, float] = {}
    end = time.monotonic() + PATIENCE_S
    while len(found) < sent and time.monotonic() < end:
        for name, at in where.arrivals():
            found.setdefault(name, at - int(name.partition("-")[2]))
        time.sleep(0.1)
    if len(found) != sent:
        raise RuntimeError(f"{sent} were sent, {len(found)} have arrived")
    late = sorted(found.values())
    return {"p50": late[sent // 2], "p99": late[sent * 99 // 100]}


def _sent(port: int, per_s: int) -> dict[str, Any]:
    """Send at a fixed rate; a request that could not be sent in time, or was not answered with 202, fails the row."""
    url = f"http://127.0.0.1:{port}/v1/publish"
    said = {"URL": url, "TOKEN": TOKEN, "ACCOUNT": ACCOUNT, "RATE": per_s, "SECONDS": SECONDS}
    with tempfile.TemporaryDirectory() as name:
        summary = Path(name) / "summary.json"
        words = [word for key, value in said.items() for word in ("--env", f"{key}={value}")]
        quiet = ("--no-usage-report", "--quiet", "--address=", f"--summary-export={summary}")
        command = [str(_K6), "run", *quiet, *words, str(_SCRIPT)]
        environ = {"PATH": os.environ["PATH"], "HOME": name}
        subprocess.run(command, check=True, env=environ, stdout=subprocess.DEVNULL)
        metrics: dict[str, Any] = orjson.loads(summary.read_bytes())["metrics"]
    dropped = metrics.get("dropped_iterations", {}).get("count", 0)
    failed = metrics["http_req_failed"]["passes"]
    if dropped or failed:
        raise RuntimeError(f"at {per_s} a second {dropped} requests were not sent in time, {failed} failed")
    return metrics
