"""The stage of `bridge demo`: the real service as a process of its own, beside simulated partners and a receiver."""

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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import orjson
import yaml

from bridge.simulator import (
    DEMO_KEY,
    DEMO_TOKEN,
    GenviralSimulator,
    PostEverywhereSimulator,
    genviral,
    posteverywhere,
    running,
)
from bridge.simulator.genviral import INSTAGRAM, TIKTOK, YOUTUBE
from bridge.simulator.posteverywhere import LINKEDIN, ORGANIZATION, X
from bridge.simulator.posteverywhere.outbox import EVENTS, Subscription
from bridge.simulator.receiver import Receiver

ENDPOINT, HINTS, BLOG = "story", "news", "blog"
KEPT_TOKEN = "demo"
"""Of a demo that is left running, for a person to type: its service listens on this machine alone."""
ACCOUNTS = {"brand-tiktok": TIKTOK, "brand-instagram": INSTAGRAM, "brand-youtube": YOUTUBE}
SECOND_ACCOUNTS = {"brand-x": X, "brand-linkedin": LINKEDIN}
_WORKER_S = 0.7
_START_S = 20.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What the story plays with. `api` calls the service with the demo's token.

    `simulator` is the first partner, `second` the other; `second` sends its webhooks, each of them twice.
    """

    simulator: GenviralSimulator
    second: PostEverywhereSimulator
    receiver: Receiver
    api: httpx.AsyncClient
    service_url: str
    partner_url: str
    second_url: str
    receiver_url: str
    token: str
    blog_secret: str
    log: Path


@contextlib.asynccontextmanager
async def set_stage(*, keep: bool = False) -> AsyncIterator[Stage]:
    """Start everything on free ports of 127.0.0.1; on leaving, end the service and remove its folder.

    With `keep` there is more for a person to do: a blog, endpoints of one's own, and a token that may do all.
    """
    environ = {name: _whsec() for name in ("DEMO_SECRET", "DEMO_HINTS", "DEMO_BLOG")}
    environ |= {"DEMO_GENVIRAL": DEMO_TOKEN, "DEMO_POSTEVERYWHERE": DEMO_KEY}
    environ["DEMO_TOKEN"] = KEPT_TOKEN if keep else secrets.token_urlsafe(24)
    environ["DEMO_KEY"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    simulator, receiver = GenviralSimulator(), Receiver({ENDPOINT: environ["DEMO_SECRET"]})
    second = PostEverywhereSimulator(general_per_minute=6000, creates_per_minute=600, webhook_duplicates=1)
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bridge-demo-")))
        partner_url = await stack.enter_async_context(running(genviral.app(simulator, tick_s=_WORKER_S)))
        second_url = await stack.enter_async_context(running(posteverywhere.app(second, tick_s=_WORKER_S)))
        receiver_url = await stack.enter_async_context(running(receiver.app()))
        config = folder / "bridge.yaml"
        tree = _config(folder, partner_url, second_url, receiver_url)
        tree = _for_people(tree) if keep else tree
        config.write_text(yaml.safe_dump(tree, sort_keys=False))
        service_url = await stack.enter_async_context(_service(config, environ))
        _subscribe(second, f"{service_url}/hooks/{HINTS}", environ["DEMO_HINTS"])
        headers = {"Authorization": f"Bearer {environ['DEMO_TOKEN']}"}
        api = await stack.enter_async_context(httpx.AsyncClient(base_url=service_url, headers=headers, trust_env=False))
        yield Stage(
            simulator=simulator,
            second=second,
            receiver=receiver,
            api=api,
            service_url=service_url,
            partner_url=partner_url,
            second_url=second_url,
            receiver_url=receiver_url,
            token=environ["DEMO_TOKEN"],
            blog_secret=environ["DEMO_BLOG"],
            log=folder / "bridge.log",
        )


def _subscribe(second: PostEverywhereSimulator, url: str, secret: str) -> None:
    """Let the second partner tell bridge of everything, as its dashboard would."""
    now = datetime.now(UTC)
    made = Subscription(HINTS, ORGANIZATION, url, list(EVENTS), secret=secret, created_at=now, updated_at=now)
    second.outbox.subscriptions[made.id] = made


def _whsec() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def _config(folder: Path, partner_url: str, second_url: str, receiver_url: str) -> Mapping[str, Any]:
    """The demo's configuration: the real thing with durations shortened."""
    return {
        "server": {"host": "127.0.0.1", "port": 0},
        "database": {"url": f"sqlite:///{folder / 'bridge.db'}", "ephemeral": True},
        "tokens": [{"name": "demo", "token": {"env": "DEMO_TOKEN"}, "scopes": ["publish", "read"]}],
        "partners": {
            "genviral": {
                "kind": "genviral",
                "token": {"env": "DEMO_GENVIRAL"},
                "base_url": f"{partner_url}/api/partner/v1",
                "rate": 50,
            },
            "posteverywhere": {
                "kind": "posteverywhere",
                "token": {"env": "DEMO_POSTEVERYWHERE"},
                "base_url": f"{second_url}/api/v1",
                "calls": 1000,
                "creates": 100,
            },
        },
        "accounts": {name: {"partner": "genviral", "id": account} for name, account in ACCOUNTS.items()}
        | {name: {"partner": "posteverywhere", "id": str(account)} for name, account in SECOND_ACCOUNTS.items()},
        "sources": {HINTS: {"kind": "posteverywhere", "secret": {"env": "DEMO_HINTS"}, "partner": "posteverywhere"}},
        "endpoints": {ENDPOINT: {"url": f"{receiver_url}/hook/{ENDPOINT}", "secret": {"env": "DEMO_SECRET"}}},
        "publish": {"resume_gap": "1s"},
        "watch": {"tick": "300ms", "accounts_every": "600ms", "first_poll": "500ms", "max_poll": "1s"},
        "retry": {"delays": ["2s", "4s", "8s"]},
        "network": {"allow": ["127.0.0.0/8"], "allow_http": True, "ports": []},
        "log": {"format": "json"},
    }


def _for_people(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add what a demo has that is left running."""
    [token] = tree["tokens"]
    blog = {
        "kind": "ghost",
        "secret": {"env": "DEMO_BLOG"},
        "accounts": ["brand-instagram"],
        "caption": "{{ title }}\n{{ url }}",
    }
    return {
        **tree,
        "server": {**tree["server"], "secret_key": {"env": "DEMO_KEY"}},
        "tokens": [{**token, "scopes": ["publish", "read", "admin"]}],
        "sources": {**tree["sources"], BLOG: blog},
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
