"""Row `deliver`: due deliveries through the real flow to a sink, against a bare aiohttp loop posting the same bytes.

Both loops run in one child process (`python -m bench.deliver`), the sink in another, as they would with one core each.
"""

import sys
from collections.abc import Sequence

from bench._counting import of_deliveries
from bench._engines import Engine
from bench._outbound import BARE, Given, arrived, bare, check_told, halt, record, serve, timed, told, turns
from bench._run import Row
from bridge.app import Bridge

COUNT = 8_000
WARM_UP = 500


async def ours(bridge: Bridge, url: str, count: int) -> float:
    """Deliveries a second, from the first claim to the last durable settle."""
    await record(bridge, count)
    await arrived(url)
    took_s = await timed(bridge, told(bridge, url, count))
    await check_told(bridge)
    return count / took_s


async def child(given: Given) -> Sequence[Sequence[float]]:
    """Run both, turn by turn, in this process."""
    bridge, url = given.bridge, given.url
    await halt(bridge)
    await ours(bridge, url, WARM_UP)
    return [(await ours(bridge, url, COUNT), await bare(url, COUNT)) for _ in range(given.repetitions)]


def measure(engine: Engine, repetitions: int) -> Row:
    """Measure in a child process."""
    pairs = turns("bench.deliver", engine, repetitions)
    more = of_deliveries(engine) if engine.cluster is not None else {}
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return Row("deliver", engine.name, "deliveries/s", BARE, ours, theirs, more)


if __name__ == "__main__":
    serve(child, sys.argv)
