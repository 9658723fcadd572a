"""Row `deliver`: due deliveries through the real flow to a sink, against a bare aiohttp loop posting the same bytes.

Both loops run in one child process (`python -m bench.deliver`), the sink in another, as they would with one core each.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import aiohttp
import orjson
import uvloop

from bench._run import REPETITIONS, Row, config, free_port, process, until_listens
from bridge import logs
from bridge.app import KINDS, Bridge, new_id, running
from bridge.cli.serve import settle_garbage
from bridge.core.events import outbound
from bridge.core.model import OutboundEvent, Write
from bridge.core.redact import Redactor
from bridge.settings import load

COUNT = 8_000
IN_FLIGHT = 64


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


async def ours(bridge: Bridge, count: int) -> float:
    """Deliveries a second, from the first claim to the last durable settle."""
    pump = bridge.deliverer.pump
    store = bridge.kit.store
    for _ in range(0, count, 500):
        if not all(await store.record([Write(events=(event(),)) for _ in range(500)])):
            raise RuntimeError("the store refused an event")
    running_pump = asyncio.create_task(pump.run())
    began = time.perf_counter()
    # The end is seen in the database, not in this process.
    while (await store.counts(bridge.kit.clock())).queue.get("deliveries", 0) or pump.in_flight:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    speed = count / (time.perf_counter() - began)
    await pump.stop(5)
    await running_pump
    pump._stopping = False  # The same pump runs again in the next repetition.
    return speed


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


async def child(path: str, sink_port: int, repetitions: int, log: TextIO) -> list[list[float]]:
    """Run both, turn by turn, in this process."""
    settings = load(Path(path), os.environ, KINDS)
    logs.configure(Redactor(settings.secrets), as_json=True, stream=log)
    pairs: list[list[float]] = []
    async with running(settings) as bridge:
        await bridge.deliverer.pump.stop(5)
        for task in bridge._pumps[1:]:
            await task
        bridge.deliverer.pump._stopping = False
        settle_garbage()
        for turn in range(repetitions + 1):
            count = COUNT if turn else 500
            pair = [await ours(bridge, count), await bare(f"http://127.0.0.1:{sink_port}/hook", count)]
            if turn:
                pairs.append(pair)
    return pairs


def measure(repetitions: int = REPETITIONS) -> Row:
    """Measure in a child process."""
    with tempfile.TemporaryDirectory() as name:
        sink_port = free_port()
        path, environ = config(Path(name), port=free_port(), partner_port=free_port(), sink_port=sink_port)
        with process("bench._servers", "sink", str(sink_port)):
            until_listens(sink_port)
            command = [sys.executable, "-m", "bench.deliver", str(path), str(sink_port), str(repetitions)]
            done = subprocess.run(command, env={**os.environ, **environ}, stdout=subprocess.PIPE, check=True)
    pairs = orjson.loads(done.stdout)
    reference = "bare aiohttp loop posting the same bytes, 64 in flight"
    return Row("deliver", "deliveries/s", reference, [pair[0] for pair in pairs], [pair[1] for pair in pairs])


if __name__ == "__main__":
    with Path(os.devnull).open("w") as nowhere:
        answer = uvloop.run(child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), nowhere))
    sys.stdout.buffer.write(orjson.dumps(answer))
