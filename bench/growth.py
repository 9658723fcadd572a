"""Rows `growth_accept`, `_claim`, `_deliver`, `_timeline`: what each costs after a million rows of history.

The reference is what it costs after a thousand.

Both databases are made once, and measured turn by turn: accepting by two services that run beside each other, the rest
by two in one child process.
"""

import random
import sys
import time
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import create_engine, text

from bench._engines import Engine
from bench._history import PARTNER, ROWS_OF_AN_EVENT, add, due, ended, fill, settle
from bench._outbound import Given, halt, serve, turns
from bench._run import Row, service
from bench.accept import load
from bench.deliver import ours as delivered_per_s
from bridge.app import Bridge

SMALL, LARGE = 1_000, 1_000_000
ACCEPTS, COMMANDS, DELIVERIES, TIMELINES = 2_000, 640, 2_000, 200
WARM_UP = 300
AT_ONCE = 64
LEASE = timedelta(minutes=5)
PARTS = {"claim": "ms/claim", "deliver": "ms/delivery", "timeline": "ms/query"}
_ENDS = [
    text("update commands set state = 'done', lease_until = null where state = 'due'"),
    text("update deliveries set state = 'done', lease_until = null where state = 'due'"),
    text("update keys set held_until = null, failures = 0"),
]
_PAST = text("select id from posts where caller_id like 'past-%'")


def measure(engine: Engine, repetitions: int) -> list[Row]:
    """Make both databases and measure all on them."""
    small, large = engine.database(), engine.database()
    fill(small, ended(SMALL // ROWS_OF_AN_EVENT))
    fill(large, ended(LARGE // ROWS_OF_AN_EVENT))
    reference = f"the same after {SMALL:,} rows"
    after, before = _of_accepts(small, large, repetitions)
    rows = [Row("growth_accept", engine.name, "ms/event", reference, after, before)]
    # A server's statistics of the small database are those of before the accepts: its claims would be planned for them.
    settle(small)
    settle(large)
    found = turns("bench.growth", engine, repetitions, databases=[small, large], with_partner=True)
    for place, (part, unit) in enumerate(PARTS.items()):
        after, before = [turn[place + len(PARTS)] for turn in found], [turn[place] for turn in found]
        rows.append(Row(f"growth_{part}", engine.name, unit, reference, after, before))
    return rows


def _of_accepts(small: str, large: str, repetitions: int) -> tuple[list[float], list[float]]:
    """Milliseconds an event after much and after little history."""
    after, before = [], []
    with service(small) as (small_port, _), service(large) as (large_port, _):
        for turn in range(repetitions + 1):
            count = ACCEPTS if turn else WARM_UP
            little = load(f"turn{turn}", small_port, count)
            much = load(f"turn{turn}", large_port, count)
            if turn:
                before.append(1000 / little)
                after.append(1000 / much)
    return after, before


async def child(given: Given) -> Sequence[Sequence[float]]:
    """Measure on both databases, turn by turn; the first turn is left out."""
    for bridge in given.bridges:
        await halt(bridge)
        await bridge.schedule.stop()
        await bridge.publisher.pump.stop(5)
        _end_work(bridge.settings.database.url)
    found = []
    for turn in range(given.repetitions + 1):
        costs = [await _costs(bridge, given.url, f"due{turn}") for bridge in given.bridges]
        if turn:
            found.append([cost for one in costs for cost in one])
    return found


async def _costs(bridge: Bridge, url: str, tag: str) -> Sequence[float]:
    """Milliseconds a claim of 64 commands, a delivery, and a timeline, in the order of `PARTS`."""
    claim = await _claim(bridge, tag)
    deliver = 1000 / await delivered_per_s(bridge, url, DELIVERIES)
    return claim, deliver, await _timeline(bridge)


async def _claim(bridge: Bridge, tag: str) -> float:
    store, url = bridge.kit.store, bridge.settings.database.url
    add(url, due(tag, COMMANDS))
    began, claimed, claims = time.perf_counter(), 0, 0
    while taken := await store.claim_commands(bridge.kit.clock(), AT_ONCE, LEASE, [PARTNER]):
        claimed, claims = claimed + len(taken), claims + 1
    took_s = time.perf_counter() - began
    if claimed != COMMANDS:
        raise RuntimeError(f"expected {COMMANDS} commands, claimed {claimed}")
    _end_work(url)
    return took_s * 1000 / claims


def _end_work(url: str) -> None:
    """End what is due, and lift holds, so that a turn finds all of its own work and nothing else."""
    beside = create_engine(url)
    with beside.begin() as connection:
        for end in _ENDS:
            connection.execute(end)
    beside.dispose()


async def _timeline(bridge: Bridge) -> float:
    """Read posts of all times in the history, one after the other."""
    store = bridge.kit.store
    chosen = _some_posts(bridge.settings.database.url)
    began = time.perf_counter()
    for post_id in chosen:
        timeline = await store.timeline(post_id)
        assert timeline is not None
    return (time.perf_counter() - began) * 1000 / len(chosen)


def _some_posts(url: str) -> list[str]:
    beside = create_engine(url)
    with beside.connect() as connection:
        found = connection.execute(_PAST).scalars().all()
    beside.dispose()
    return random.Random(len(found)).choices(found, k=TIMELINES)


if __name__ == "__main__":
    serve(child, sys.argv)
