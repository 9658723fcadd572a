"""Row `accept`: `POST /v1/publish` through the real service, against a bare endpoint that reads the body."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import orjson
import uvloop

from bench._counting import of_accepts
from bench._engines import Engine
from bench._load import Load, post
from bench._run import ACCOUNT, TOKEN, Row, free_port, process, service, until_listens

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


def measure(engine: Engine, repetitions: int) -> Row:
    """Measure both, turn by turn."""
    row = measured("accept", engine, requests, status=202, repetitions=repetitions)
    return replace(row, more=of_accepts(engine, load)) if engine.cluster is not None else row


def load(tag: str, port: int, count: int) -> float:
    """Send so many publish requests to a service; answered ones a second."""
    return uvloop.run(rate(port, requests(tag, count), count, 202))


def measured(
    row: str,
    engine: Engine,
    make: Callable[[str, int], Iterable[bytes]],
    *,
    status: int,
    repetitions: int,
    **given: Any,
) -> Row:
    """Send what `make` gives for a tag and a count to a bare endpoint and to a service configured like this."""
    ours, theirs = [], []
    bare_port = free_port()
    with (
        process("bench._servers", "bare", str(bare_port)),
        service(engine.database(), **given) as (port, _),
    ):
        until_listens(bare_port)
        for turn in range(repetitions + 1):
            count = REQUESTS if turn else WARM_UP
            other = uvloop.run(rate(bare_port, make(f"bare{turn}", count), count, 202))
            mine = uvloop.run(rate(port, make(f"ours{turn}", count), count, status))
            if turn:
                theirs.append(other)
                ours.append(mine)
    reference = "bare Starlette endpoint that reads the body and answers 202"
    return Row(row, engine.name, "events/s", reference, ours, theirs)
