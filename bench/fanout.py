"""Row `fanout`: events that go to ten endpoints each, from recording them to the last settle, against a bare loop.

The pumps run while it records, as they do in a service. The reference posts as many bodies as there are deliveries.
"""

import sys
import time
from collections.abc import Sequence
from functools import partial

from bench._outbound import BARE, bare, is_told, record, serve, turns, until
from bench._run import REPETITIONS, Row
from bridge.app import Bridge

ENDPOINTS = 10
EVENTS = 800
WARM_UP = 50
AT_ONCE = 16
"""How many events are recorded in one commit: what a tick that finds some posts changed may record."""


async def ours(bridge: Bridge, events: int) -> float:
    """Deliveries a second, from the first event's recording to the last durable settle."""
    began = time.perf_counter()
    await record(bridge, events, at_once=AT_ONCE)
    await until(partial(is_told, bridge))
    return events * ENDPOINTS / (time.perf_counter() - began)


async def child(bridge: Bridge, url: str, repetitions: int) -> Sequence[Sequence[float]]:
    """Run both, turn by turn, in this process."""
    await ours(bridge, WARM_UP)
    return [(await ours(bridge, EVENTS), await bare(url, EVENTS * ENDPOINTS)) for _ in range(repetitions)]


def measure(repetitions: int = REPETITIONS) -> Row:
    """Measure in a child process."""
    pairs = turns("bench.fanout", repetitions, dict.fromkeys((f"to-{place}" for place in range(ENDPOINTS)), "/hook"))
    return Row("fanout", "deliveries/s", BARE, [pair[0] for pair in pairs], [pair[1] for pair in pairs])


if __name__ == "__main__":
    serve(child, sys.argv)
