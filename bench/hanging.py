"""Row `hanging`: the rate of healthy endpoints while one in ten of all hangs for 15 s, against that with none hanging.

A turn lasts longer than a request that hangs, so that what comes after the first of them counts, too.

Every turn is a service of its own on a new database: what it learned of an endpoint in one must not help in the next.
"""

import sys
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, create_engine, text

from bench._engines import Engine
from bench._outbound import Given, halt, record, serve, timed, turns
from bench._run import Row

HEALTHY, HANGING = 90, 10
EVENTS = {"sqlite": 800, "postgresql": 400}
"""As many as make a turn last longer than a request that hangs, and not much longer."""
TURNS = 1
"""How many there are at most, for that reason."""
LEFT = text("select exists (select 1 from deliveries where state = 'due' and destination like 'well-%')")


async def child(given: Given) -> Sequence[Sequence[float]]:
    """Deliver to all, and say how many deliveries a second the healthy ones had until the last of theirs."""
    bridge = given.bridge
    await halt(bridge)
    events = EVENTS["postgresql" if given.server else "sqlite"]
    await record(bridge, events)
    beside = create_engine(bridge.settings.database.url, isolation_level="AUTOCOMMIT")
    with beside.connect() as connection:
        return [(events * HEALTHY / await timed(bridge, partial(_are_well_told, connection)),)]


async def _are_well_told(beside: Connection) -> bool:
    return not beside.execute(LEFT).scalar_one()


def measure(engine: Engine, repetitions: int) -> Row:
    """Measure in child processes."""
    with_hanging, without = [], []
    for _ in range(min(repetitions, TURNS)):
        with_hanging.append(_rate(engine, "/hang"))
        without.append(_rate(engine, "/hook"))
    reference = f"the same {HEALTHY} endpoints while none of {HEALTHY + HANGING} hangs"
    return Row("hanging", engine.name, "deliveries/s", reference, with_hanging, without)


def _rate(engine: Engine, path_of_others: str) -> float:
    paths = {f"well-{place}": "/hook" for place in range(HEALTHY)}
    others = {f"other-{place}": path_of_others for place in range(HANGING)}
    [[rate]] = turns("bench.hanging", engine, 1, endpoints=others | paths)
    return rate


if __name__ == "__main__":
    serve(child, sys.argv)
