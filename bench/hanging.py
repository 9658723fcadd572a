"""Row `hanging`: the rate of healthy endpoints while one in ten of all hangs for 15 s, against that with none hanging.

A turn lasts longer than a request that hangs, so that what comes after the first of them counts, too.

Every turn is a service of its own on a new database: what it learned of an endpoint in one must not help in the next.
"""

import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial

from bench._outbound import halt, record, serve, timed, turns
from bench._run import REPETITIONS, Row
from bridge.app import Bridge

HEALTHY, HANGING = 90, 10
EVENTS = 800
LEFT = "select exists (select 1 from deliveries where state = 'due' and destination like 'well-%')"


async def child(bridge: Bridge, _url: str, _repetitions: int) -> Sequence[Sequence[float]]:
    """Deliver to all, and say how many deliveries a second the healthy ones had until the last of theirs."""
    await halt(bridge)
    await record(bridge, EVENTS)
    path = bridge.settings.database.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as beside:
        return [(EVENTS * HEALTHY / await timed(bridge, partial(_are_well_told, beside)),)]


async def _are_well_told(beside: sqlite3.Connection) -> bool:
    [(left,)] = beside.execute(LEFT)
    return not left


def measure(repetitions: int = REPETITIONS) -> Row:
    """Measure in child processes."""
    with_hanging, without = [], []
    for _ in range(repetitions):
        with_hanging.append(_rate("/hang"))
        without.append(_rate("/hook"))
    reference = f"the same {HEALTHY} endpoints while none of {HEALTHY + HANGING} hangs"
    return Row("hanging", "deliveries/s", reference, with_hanging, without)


def _rate(path_of_others: str) -> float:
    paths = {f"well-{place}": "/hook" for place in range(HEALTHY)}
    others = {f"other-{place}": path_of_others for place in range(HANGING)}
    [[rate]] = turns("bench.hanging", 1, others | paths)
    return rate


if __name__ == "__main__":
    serve(child, sys.argv)
