"""The stage of `bridge demo`: the real service as a process of its own, beside a simulated partner and a receiver."""

import asyncio
import base64
import contextlib
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import orjson
import yaml

from bridge.simulator import DEMO_TOKEN, GenviralSimulator, genviral, running
from bridge.simulator.genviral import INSTAGRAM, TIKTOK, YOUTUBE
from bridge.simulator.receiver import Receiver

ENDPOINT = "story"
ACCOUNTS = {"brand-tiktok": TIKTOK, "brand-instagram": INSTAGRAM, "brand-youtube": YOUTUBE}
_WORKER_S = 0.7
_START_S = 20.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What the story plays with. `api` calls the service with the demo's token."""

    simulator: GenviralSimulator
    receiver: Receiver
    api: httpx.AsyncClient
    service_url: str
    partner_url: str
    receiver_url: str
    token: str
    log: Path


@contextlib.asynccontextmanager
async def set_stage() -> AsyncIterator[Stage]:
    """Start everything on free ports of 127.0.0.1; on leaving, end the service and remove its folder."""
    environ = {"DEMO_TOKEN": secrets.token_urlsafe(24), "DEMO_PARTNER": DEMO_TOKEN, "DEMO_SECRET": _whsec()}
    simulator, receiver = GenviralSimulator(), Receiver({ENDPOINT: environ["DEMO_SECRET"]})
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-demo-")))
        partner_url = await stack.enter_async_context(running(genviral.app(simulator, tick_s=_WORKER_S)))
        receiver_url = await stack.enter_async_context(running(receiver.app()))
        config = folder / "bridge.yaml"
        config.write_text(yaml.safe_dump(_config(folder, partner_url, receiver_url), sort_keys=False))
        service_url = await stack.enter_async_context(_service(config, environ))
        headers = {"Authorization": f"Bearer {environ['DEMO_TOKEN']}"}
        api = await stack.enter_async_context(httpx.AsyncClient(base_url=service_url, headers=headers, trust_env=False))
        log = folder / "bridge.log"
        yield Stage(simulator, receiver, api, service_url, partner_url, receiver_url, environ["DEMO_TOKEN"], log)


def _whsec() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def _config(folder: Path, partner_url: str, receiver_url: str) -> Mapping[str, Any]:
    """The demo's configuration: the real thing with durations shortened."""
    return {
        "server": {"host": "127.0.0.1", "port": 0},
        "database": {"url": f"sqlite:///{folder / 'bridge.db'}"},
        "tokens": [{"name": "demo", "token": {"env": "DEMO_TOKEN"}, "scopes": ["publish", "read"]}],
        "partners": {
            "genviral": {
                "kind": "genviral",
                "token": {"env": "DEMO_PARTNER"},
                "base_url": f"{partner_url}/api/partner/v1",
                "rate": 50,
            }
        },
        "accounts": {name: {"partner": "genviral", "id": account} for name, account in ACCOUNTS.items()},
        "endpoints": {ENDPOINT: {"url": f"{receiver_url}/hook/{ENDPOINT}", "secret": {"env": "DEMO_SECRET"}}},
        "publish": {"resume_gap": "1s"},
        "watch": {"tick": "300ms", "accounts_every": "600ms", "first_poll": "500ms", "max_poll": "1s"},
        "retry": {"delays": ["2s", "4s", "8s"]},
        "network": {"allow": ["127.0.0.0/8"], "allow_http": True},
        "log": {"format": "json"},
    }


@contextlib.asynccontextmanager
async def _service(config: Path, environ: Mapping[str, str]) -> AsyncIterator[str]:
    """Run `bridge serve` and yield its address."""
    command = [sys.executable, "-m", "bridge", "serve", "--config", str(config)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env={**clean, **environ})
    assert process.stdout is not None
    reading: asyncio.Task[None] | None = None
    with config.with_name("bridge.log").open("wb") as log:
        try:
            async with asyncio.timeout(_START_S):
                address = await _started(process.stdout, log)
            reading = asyncio.create_task(_keep(process.stdout, log))
            yield f"http://{address}"
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()
            if reading is not None:
                await reading


async def _started(stream: asyncio.StreamReader, log: BinaryIO) -> str:
    """Read the service's log until it says where it listens."""
    lines = []
    while line := await stream.readline():
        lines.append(line.decode())
        log.write(line)
        with contextlib.suppress(orjson.JSONDecodeError):
            said = orjson.loads(line)
            if said.get("event") == "service.started":
                return str(said["listening"][0])
    raise RuntimeError("bridge serve did not start:\n" + "".join(lines))


async def _keep(stream: asyncio.StreamReader, log: BinaryIO) -> None:
    while line := await stream.readline():
        log.write(line)
        log.flush()
