"""Row `deliver`: due deliveries through the real flow to a sink, against a bare aiohttp loop posting the same bytes.

Both loops run in one child process (`python -m bench.deliver`), the sink in another, as they would with one core each.
"""

import sys
from collections.abc import Sequence
from functools import partial

from bench._outbound import BARE, bare, halt, is_told, record, serve, timed, turns
from bench._run import REPETITIONS, Row
from bridge.app import Bridge

COUNT = 8_000
WARM_UP = 500


async def ours(bridge: Bridge, count: int) -> float:
    """Deliveries a second, from the first claim to the last durable settle."""
    await record(bridge, count)
    return count / await timed(bridge, partial(is_told, bridge))


async def child(bridge: Bridge, url: str, repetitions: int) -> Sequence[Sequence[float]]:
    """Run both, turn by turn, in this process."""
    await halt(bridge)
    await ours(bridge, WARM_UP)
    return [(await ours(bridge, COUNT), await bare(url, COUNT)) for _ in range(repetitions)]


def measure(repetitions: int = REPETITIONS) -> Row:
    """Measure in a child process."""
    pairs = turns("bench.deliver", repetitions)
    return Row("deliver", "deliveries/s", BARE, [pair[0] for pair in pairs], [pair[1] for pair in pairs])


if __name__ == "__main__":
    serve(child, sys.argv)
