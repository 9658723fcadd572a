"""Row `fanout`: events that go to ten endpoints each, from recording them to the last settle, against a bare loop.

The pumps run while it records, as they do in a service. The reference posts as many bodies as there are deliveries.
"""

import sys
import time
from collections.abc import Sequence

from bench._engines import Engine
from bench._outbound import BARE, Given, arrived, bare, check_told, record, serve, told, turns, until
from bench._run import Row
from bridge.app import Bridge

ENDPOINTS = 10
EVENTS = 800
WARM_UP = 50
AT_ONCE = 16
"""How many events are recorded in one commit: what a tick that finds some posts changed may record."""


async def ours(bridge: Bridge, url: str, events: int) -> float:
    """Deliveries a second, from the first event's recording to the last durable settle."""
    await arrived(url)
    began = time.perf_counter()
    await record(bridge, events, at_once=AT_ONCE)
    await until(told(bridge, url, events * ENDPOINTS))
    took_s = time.perf_counter() - began
    await check_told(bridge)
    return events * ENDPOINTS / took_s


async def child(given: Given) -> Sequence[Sequence[float]]:
    """Run both, turn by turn, in this process."""
    await ours(given.bridge, given.url, WARM_UP)
    every = EVENTS * ENDPOINTS
    return [
        (await ours(given.bridge, given.url, EVENTS), await bare(given.url, every)) for _ in range(given.repetitions)
    ]


def measure(engine: Engine, repetitions: int) -> Row:
    """Measure in a child process."""
    endpoints = dict.fromkeys((f"to-{place}" for place in range(ENDPOINTS)), "/hook")
    pairs = turns("bench.fanout", engine, repetitions, endpoints=endpoints)
    return Row("fanout", engine.name, "deliveries/s", BARE, [pair[0] for pair in pairs], [pair[1] for pair in pairs])


if __name__ == "__main__":
    serve(child, sys.argv)
