"""Sockets that are connected to a stand-in of Slack, and what stands for ingest behind them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
from prometheus_client import CollectorRegistry

from bridge.core.model import RawRequest, Verified
from bridge.core.slack import Workspace
from bridge.flows.ingest import Answer
from bridge.metrics import Metrics
from bridge.ports import Reply
from bridge.sockets import Sockets
from tests.slack.sockets import SocketMode
from tests.slack.standin import APP_TOKEN, Slack

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
TEAM = Workspace(name="team", app_token=APP_TOKEN, socket=True)
EVENT = {"type": "event_callback", "event_id": "Ev1", "event": {"type": "app_mention", "text": "secret words"}}
COMMAND = {"command": "/publish", "text": "secret words", "response_url": "https://hooks.slack.com/x"}
NONE = Answer((), Reply(200, b""))


class Taken:
    """Stands for ingest: keeps what it is given, and answers what `says` makes of it."""

    def __init__(self, says: Callable[[], Answer] = lambda: NONE) -> None:
        self.says, self.got = says, list[tuple[str, RawRequest, Verified]]()
        self.gate, self.came = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def receive(self, name: str, raw: RawRequest, verified: Verified) -> Answer:
        self.got.append((name, raw, verified))
        self.came.set()
        await self.gate.wait()
        return self.says()

    @property
    def bodies(self) -> list[object]:
        return [orjson.loads(raw.body) for _, raw, _ in self.got]


class Raising(Taken):
    """Fails with each of these errors in turn, then takes what comes."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__(self._next)
        self.errors = list(errors)

    def _next(self) -> Answer:
        if self.errors:
            raise self.errors.pop(0)
        return NONE


def a_metrics() -> Metrics:
    return Metrics(CollectorRegistry(), started=NOW, sockets=["team"])


@asynccontextmanager
async def line(
    taken: Taken, *, wait_s: float = 30.0, workspace: Workspace = TEAM, metrics: Metrics | None = None
) -> AsyncIterator[tuple[SocketMode, Sockets]]:
    """A workspace and the sockets that are connected to it."""
    mode = SocketMode(Slack(), wait_s=wait_s)
    async with mode.slack.serving() as base:
        known = replace(workspace, api_url=f"{base}/api/")
        pause = timedelta(milliseconds=10)
        sockets = Sockets([known], taken.receive, metrics or a_metrics(), lambda: NOW, first_pause=pause)
        sockets.start()
        try:
            yield mode, sockets
        finally:
            await sockets.stop(timedelta(seconds=5))
            await mode.close()


async def acknowledged(envelope) -> None:
    await asyncio.wait_for(envelope.acknowledged.wait(), 10)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  # What is waited for is a log line or a list, which tells nobody.
            await asyncio.sleep(0.005)
