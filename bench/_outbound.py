"""What the rows of deliveries share: an event of usual size, the reference, and pumps that stand still until told."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import orjson
import uvloop

from bench._run import config, free_port, process, until_listens
from bridge import logs
from bridge.app import KINDS, Bridge, new_id, running
from bridge.cli.serve import settle_garbage
from bridge.core.events import outbound
from bridge.core.model import OutboundEvent, Write
from bridge.core.redact import Redactor
from bridge.flows.deliver import Deliverer
from bridge.settings import load

IN_FLIGHT = 64
BARE = "bare aiohttp loop posting the same bytes, 64 in flight"
_RECORDED_AT_ONCE = 500


def event() -> OutboundEvent:
    """An outbound event of usual size, of a post of its own."""
    data = {
        "subject": {"kind": "post", "id": new_id("post")},
        "sequence": 1,
        "previous": "pending",
        "current": "posted",
        "partner": "genviral",
        "source": "api",
        "targets": [
            {"account": {"id": "a" * 36, "platform": "tiktok"}, "state": "posted", "url": "https://t.example/1"}
        ]
        * 2,
    }
    return outbound(new_id("msg"), "post.posted", data, filters={"partner": "genviral"}, at=datetime.now(UTC))


async def record(bridge: Bridge, count: int, at_once: int = _RECORDED_AT_ONCE) -> None:
    """Record so many events, with their deliveries."""
    for begin in range(0, count, at_once):
        writes = [Write(events=(event(),)) for _ in range(min(at_once, count - begin))]
        if not all(await bridge.kit.store.record(writes)):
            raise RuntimeError("the store refused an event")


async def halt(bridge: Bridge) -> None:
    """Stop the pumps of deliveries, begun or not, and put others in their place, which stand still until `timed`."""
    for pump in bridge.deliverer.pumps:
        await pump.stop(5)
    old = bridge.deliverer
    bridge.deliverer = Deliverer(old.kit, old.rules, old.client, old.caller.sending, old.caller.redactor)


async def until(is_done: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is done."""
    while not await is_done():  # noqa: ASYNC110  # The end is seen in the database, not in this process.
        await asyncio.sleep(0.02)


async def timed(bridge: Bridge, is_done: Callable[[], Awaitable[bool]]) -> float:
    """Let the pumps run until it is done; return the seconds that took."""
    runs = [asyncio.create_task(pump.run()) for pump in bridge.deliverer.pumps]
    began = time.perf_counter()
    await until(is_done)
    took_s = time.perf_counter() - began
    await halt(bridge)
    await asyncio.gather(*runs)
    return took_s


async def is_told(bridge: Bridge) -> bool:
    """Whether every delivery is settled."""
    left = (await bridge.kit.store.counts(bridge.kit.clock())).queue.get("deliveries", 0)
    return not left and not any(pump.in_flight for pump in bridge.deliverer.pumps)


async def bare(url: str, count: int) -> float:
    """Posts a second of the same bytes by aiohttp alone."""
    body = event().body
    numbers = iter(range(count))
    headers = {
        "Content-Type": "application/json",
        "webhook-id": "msg_0",
        "webhook-timestamp": "0",
        "webhook-signature": "v1,",
    }

    async def worker(session: aiohttp.ClientSession) -> None:
        for _ in numbers:
            async with session.post(url, data=body, headers=headers) as response:
                await response.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(worker(session) for _ in range(IN_FLIGHT)))
        return count / (time.perf_counter() - began)


Child = Callable[[Bridge, str, int], Awaitable[Sequence[Sequence[float]]]]
"""Measures in a process of its own: takes the service, the address of the sink and how many turns; gives the turns."""


def turns(module: str, repetitions: int, endpoints: Mapping[str, str] | None = None) -> list[list[float]]:
    """Run a module as a child over a new database, with endpoints at these paths of a sink; return its turns."""
    with tempfile.TemporaryDirectory() as name:
        sink_port = free_port()
        path, environ = config(
            Path(name), port=free_port(), partner_port=free_port(), sink_port=sink_port, endpoints=endpoints
        )
        with process("bench._servers", "sink", str(sink_port)):
            until_listens(sink_port)
            command = [sys.executable, "-m", module, str(path), f"http://127.0.0.1:{sink_port}/hook", str(repetitions)]
            done = subprocess.run(command, env={**os.environ, **environ}, stdout=subprocess.PIPE, check=True)
    measured: list[list[float]] = orjson.loads(done.stdout)
    return measured


def serve(child: Child, arguments: Sequence[str]) -> None:
    """Be the child: run the service without its listeners, measure, and print the turns."""

    async def measured() -> Sequence[Sequence[float]]:
        settings = load(Path(arguments[1]), os.environ, KINDS)
        logs.configure(Redactor(settings.secrets), as_json=True, stream=nowhere)
        async with running(settings) as bridge:
            settle_garbage()
            return await child(bridge, arguments[2], int(arguments[3]))

    with Path(os.devnull).open("w") as nowhere:
        answer = uvloop.run(measured())
    sys.stdout.buffer.write(orjson.dumps(answer))
