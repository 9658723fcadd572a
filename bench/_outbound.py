"""What the rows of deliveries share: an event of usual size, the reference, and pumps that stand still until told."""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import orjson
import uvloop

from bench._engines import Engine
from bench._run import asked, config, free_port, process, until_listens
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


async def arrived(url: str) -> int:
    """How many requests reached the sink since this was asked last."""
    return int(await asyncio.to_thread(asked, url.removesuffix("/hook") + "/count"))


def told(bridge: Bridge, url: str, count: int) -> Callable[[], Awaitable[bool]]:
    """Say by and by whether so many deliveries have reached the sink and are settled.

    Neither the database nor, while anything is in flight, the sink is asked: that would be measured, too.
    """
    left = count

    async def is_done() -> bool:
        nonlocal left
        if any(pump.in_flight for pump in bridge.deliverer.pumps):
            return False
        left -= await arrived(url)
        return left <= 0

    return is_done


async def check_told(bridge: Bridge) -> None:
    """Make sure that what was measured is so: every delivery is settled in the database."""
    counts = await bridge.kit.store.counts(bridge.kit.clock(), bridge.kit.partners)
    if left := counts.queue.get("deliveries", 0):
        raise RuntimeError(f"{left} deliveries are not settled")


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


@dataclass(frozen=True, slots=True)
class Given:
    """What a child is given: the services, one a database, the address of the sink, and the server's process id."""

    bridges: Sequence[Bridge]
    url: str
    server: int
    repetitions: int

    @property
    def bridge(self) -> Bridge:
        """The only service."""
        [bridge] = self.bridges
        return bridge


Child = Callable[[Given], Awaitable[Sequence[Sequence[float]]]]
"""Measures in a process of its own, and gives the turns."""


def turns(
    module: str,
    engine: Engine,
    repetitions: int,
    *,
    endpoints: Mapping[str, str] | None = None,
    databases: Sequence[str] = (),
    with_partner: bool = False,
) -> list[list[float]]:
    """Run a module as a child, with endpoints at these paths of a sink; return its turns.

    It is given a configuration for each of the `databases`, of which there is a new one unless said otherwise. Without
    a partner what is asked of one fails at once.
    """
    with contextlib.ExitStack() as stack:
        folders = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sink_port, partner_port, paths, environ = free_port(), free_port(), [], dict(os.environ)
        for place, database in enumerate(databases or [engine.database()]):
            folder = folders / str(place)
            folder.mkdir()
            path, secrets = config(
                folder,
                database,
                port=free_port(),
                partner_port=partner_port,
                sink_port=sink_port,
                endpoints=endpoints,
            )
            paths.append(str(path))
            environ |= secrets
        stack.enter_context(process("bench._servers", "sink", str(sink_port)))
        until_listens(sink_port)
        if with_partner:
            stack.enter_context(process("bridge", "simulate", "genviral", "--port", str(partner_port)))
            until_listens(partner_port)
        url = f"http://127.0.0.1:{sink_port}/hook"
        command = [sys.executable, "-m", module, str(repetitions), url, str(engine.server), *paths]
        done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True)
    measured: list[list[float]] = orjson.loads(done.stdout)
    return measured


def serve(child: Child, arguments: Sequence[str]) -> None:
    """Be the child: run the services without their listeners, measure, and print the turns."""
    repetitions, url, server, *paths = arguments[1:]

    async def measured() -> Sequence[Sequence[float]]:
        found = [load(Path(path), os.environ, KINDS) for path in paths]
        logs.configure(Redactor(found[0].secrets), as_json=True, stream=nowhere)
        async with contextlib.AsyncExitStack() as stack:
            bridges = [await stack.enter_async_context(running(settings)) for settings in found]
            settle_garbage()
            return await child(Given(bridges, url, int(server), int(repetitions)))

    with Path(os.devnull).open("w") as nowhere:
        answer = uvloop.run(measured())
    sys.stdout.buffer.write(orjson.dumps(answer))
