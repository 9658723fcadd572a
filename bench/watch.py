"""Rows `watch_cpu` and `watch_rss`: one tick of the watch, and resident memory, at 100,000 tracked posts, none due.

The reference is the same with a thousand.
"""

import sys
import time
from collections.abc import Sequence

import psutil

from bench._engines import Engine, server_cpu_s
from bench._history import fill, scheduled
from bench._outbound import Given, halt, serve, turns
from bench._run import Row, service
from bridge.app import Bridge
from bridge.core.accounts import may_read

FEW, MANY = 1_000, 100_000
TICKS = 200
IDLE_S = 12.0
"""Two ticks of the watch, and the first reading of the gauges."""


def measure(engine: Engine, repetitions: int) -> list[Row]:
    """Make both databases and measure both on them."""
    few, many = engine.database(), engine.database()
    fill(few, scheduled(FEW))
    fill(many, scheduled(MANY))
    reference = f"the same with {FEW:,} tracked"
    found = turns("bench.watch", engine, repetitions, databases=[few, many], with_partner=True)
    small, large = _resident_mb(few, many)
    return [
        Row("watch_cpu", engine.name, "ms/tick", reference, [turn[1] for turn in found], [turn[0] for turn in found]),
        Row("watch_rss", engine.name, "MB", reference, [large], [small]),
    ]


def _resident_mb(*databases: str) -> list[float]:
    """Resident memory of services that run beside each other, once they have ticked."""
    with service(databases[0]) as (_, first), service(databases[1]) as (_, second):
        time.sleep(IDLE_S)
        return [psutil.Process(one).memory_info().rss / 1e6 for one in (first, second)]


async def child(given: Given) -> Sequence[Sequence[float]]:
    """Measure ticks on both databases, turn by turn; the first turn is left out."""
    for bridge in given.bridges:
        await halt(bridge)
        await bridge.schedule.stop()
        await bridge.publisher.pump.stop(5)
        await bridge.lookups.pump.stop(5)
        # A key that may not be read would make a tick cheap.
        assert all(may_read(key, bridge.kit.clock()) for key in (await bridge.kit.store.keys()).values())
    found = []
    for turn in range(given.repetitions + 1):
        costs = [await _tick_ms(bridge, given.server) for bridge in given.bridges]
        if turn:
            found.append(costs)
    return found


async def _tick_ms(bridge: Bridge, server: int) -> float:
    """Processor time of a tick in milliseconds: of all threads, and of the server, where there is one."""
    began = time.process_time() + server_cpu_s(server)
    for _ in range(TICKS):
        await bridge.watcher.posts()
    return (time.process_time() + server_cpu_s(server) - began) * 1000 / TICKS


if __name__ == "__main__":
    serve(child, sys.argv)
