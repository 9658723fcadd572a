"""Row `accept`: `POST /v1/publish` through the real service, against a bare endpoint that reads the body."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import uvloop

from bench._load import Load, post
from bench._run import ACCOUNT, REPETITIONS, TOKEN, Row, config, free_port, process, until_answers, until_listens

CONNECTIONS = 64
REQUESTS = 6_000
WARM_UP = 500


def requests(tag: str, count: int) -> Iterator[bytes]:
    """Distinct publish requests: none is a repetition of another."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    for number in range(count):
        body = {
            "caption": f"Holiday drops start Monday! {tag} {number}",
            "media": {"type": "video", "url": "https://cdn.example.com/holidays.mp4"},
            "accounts": [{"id": ACCOUNT}],
            "external_id": f"{tag}-{number}",
        }
        yield post("/v1/publish", "127.0.0.1", headers, orjson.dumps(body))


async def rate(port: int, made: Iterable[bytes], count: int, status: int) -> float:
    """Answered requests a second; any other status is a fault of the benchmark."""
    load = Load(iter(made), CONNECTIONS)
    speed = await load.run("127.0.0.1", port)
    if load.statuses != {status: count}:
        raise RuntimeError(f"expected {count} times {status}, got {load.statuses}")
    return speed


def measure(repetitions: int = REPETITIONS) -> Row:
    """Measure both, turn by turn."""
    return measured("accept", requests, status=202, repetitions=repetitions)


def measured(
    row: str,
    make: Callable[[str, int], Iterable[bytes]],
    *,
    status: int,
    repetitions: int,
    sources: Mapping[str, Any] | None = None,
) -> Row:
    """Send what `make` gives for a tag and a count to a bare endpoint and to a service with these sources."""
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as name:
        port, bare_port, partner_port = free_port(), free_port(), free_port()
        ports = {"port": port, "partner_port": partner_port, "sink_port": free_port()}
        path, environ = config(Path(name), **ports, sources=sources)
        with (
            process("bridge", "simulate", "genviral", "--port", str(partner_port)),
            process("bench._servers", "bare", str(bare_port)),
        ):
            until_listens(partner_port)
            with process("bridge", "serve", "--config", str(path), environ=environ):
                until_answers(port)
                until_listens(bare_port)
                for turn in range(repetitions + 1):
                    count = REQUESTS if turn else WARM_UP
                    other = uvloop.run(rate(bare_port, make(f"bare{turn}", count), count, 202))
                    mine = uvloop.run(rate(port, make(f"ours{turn}", count), count, status))
                    if turn:
                        theirs.append(other)
                        ours.append(mine)
    return Row(row, "events/s", "bare Starlette endpoint that reads the body and answers 202", ours, theirs)
