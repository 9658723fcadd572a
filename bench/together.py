"""Row `together`: events accepted while the endpoint is told of each, against a bare relay that keeps nothing.

Posts are held (`publish.hold`), so that each accept tells `post.parked` at once and no partner has a part in it.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from bench._engines import Engine
from bench._run import Row, asked, free_port, process, service, until_listens
from bench.accept import load

COUNT = 4_000
WARM_UP = 500
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """A running service whose accepts are told to a sink, by the ports of both."""

    port: int
    sink_port: int

    def arrivals(self) -> list[tuple[str, float]]:
        """Which events arrived since this was asked last, by `external_id`, and when (ms since 1970)."""
        return [(name, at) for name, at in orjson.loads(asked(f"http://127.0.0.1:{self.sink_port}/arrivals"))]

    def count(self) -> int:
        """How many requests arrived since this was asked last."""
        return int(asked(f"http://127.0.0.1:{self.sink_port}/count"))


@contextlib.contextmanager
def place(engine: Engine) -> Iterator[Place]:
    """Run a service that tells `post.parked` of each accept, and a sink that notes it."""
    sink_port = free_port()
    with process("bench._servers", "sink", str(sink_port)):
        until_listens(sink_port)
        told = {"endpoints": {"ops": "/note"}, "events": ["post.parked"], "publish": {"hold": "24h"}}
        # Each tick would look through all that is held, and in a usual service next to nothing is.
        with service(engine.database(), sink_port=sink_port, **told, watch={"tick": "1h"}) as (port, _):
            yield Place(port, sink_port)


def rate(where: Place, tag: str, count: int) -> float:
    """Events a second, from the first request until the last event has arrived at the sink."""
    where.arrivals(), where.count()
    began, left = time.perf_counter(), count
    load(tag, where.port, count)
    while (left := left - where.count()) > 0:
        if time.perf_counter() - began > PATIENCE_S:
            raise RuntimeError(f"{left} of {count} events never arrived")
        time.sleep(0.01)
    return count / (time.perf_counter() - began)


def measure(engine: Engine, repetitions: int) -> Row:
    """Measure both, turn by turn."""
    ours, theirs = [], []
    relay_port = free_port()
    with place(engine) as where, process("bench._servers", "relay", str(relay_port), str(where.sink_port)):
        until_listens(relay_port)
        for turn in range(repetitions + 1):
            count = COUNT if turn else WARM_UP
            other = rate(Place(relay_port, where.sink_port), f"bare{turn}", count)
            mine = rate(where, f"ours{turn}", count)
            if turn:
                theirs.append(other)
                ours.append(mine)
    reference = "bare Starlette endpoint that posts each body on with aiohttp and keeps nothing"
    return Row("together", engine.name, "events/s", reference, ours, theirs)
