"""A simulated PostEverywhere under the key `two` of a town, and the way to it, on which things may happen."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from bridge.partners.posteverywhere import PostEverywhere
from bridge.simulator.posteverywhere import PostEverywhereSimulator, app
from tests.flows.town import Town
from tests.partners.things import Observed, posteverywhere

Before = Callable[[httpx.Request], Awaitable[httpx.Response | None]]
After = Callable[[httpx.Request, httpx.Response], Awaitable[httpx.Response | None]]


class Line(httpx.ASGITransport):
    """The way to the simulator: `before` may answer in its place, `after` may change its answer."""

    before: Before | None = None
    after: After | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self.before(request) if self.before is not None else None
        if answer is not None:
            return answer
        response = await super().handle_async_request(request)
        if self.after is None:
            return response
        await response.aread()
        return await self.after(request, response) or response


def is_create(request: httpx.Request) -> bool:
    return request.method == "POST" and request.url.path.endswith("/posts")


def is_list(request: httpx.Request) -> bool:
    return request.method == "GET" and request.url.path.endswith("/posts")


@dataclass
class Vendor:
    """The town with its vendor."""

    town: Town
    sim: PostEverywhereSimulator
    line: Line

    def client(self) -> PostEverywhere:
        """Make a client, as each process has its own, and let the town go on with it."""
        client = posteverywhere(self.line, self.town.clock, Observed())
        for bucket in (client._budget._all.bucket, client._budget._creates.bucket):
            bucket.interval_s = 0.0
        client.name = "two"
        self.town.kit.partners["two"] = client  # type: ignore[index]  # A plain dictionary, before anything runs.
        return client

    def wait_by_the_clock(self) -> None:
        """Let what waits for its turn at the vendor move the town's clock, rather than wait."""

        async def sleep(seconds: float) -> None:
            self.town.clock.move(seconds=seconds)

        budget: Any = self.town.kit.partners["two"]._budget  # type: ignore[attr-defined]  # It is a client of ours.
        budget._sleep, budget._tick = sleep, lambda: self.town.clock().timestamp()

    async def wish(self, **fields: Any) -> str:
        """Hand in a post and answer its id."""
        return str((await self.town.publish(**({"media": ...} | fields))).posts[0].id)

    async def work(self, seconds: float, *, step: float = 5) -> None:
        """Let commands go out for so long."""
        for _ in range(int(seconds / step)):
            self.town.clock.move(seconds=step)
            await self.town.work()

    async def live(self, minutes: int) -> None:
        """Let everything happen for so long, here and there."""
        for _ in range(minutes):
            self.town.clock.move(minutes=1)
            self.sim.tick()
            await self.town.tick()

    def creates(self) -> int:
        return len(self.sim.journal.of("create"))

    def stored(self) -> list[str]:
        return list(self.sim.world.posts)


@asynccontextmanager
async def a_vendor(town: Town, **options: Any) -> AsyncIterator[Vendor]:
    """Let a vendor join the town; `options` are the simulator's."""
    sim = PostEverywhereSimulator(
        now=town.clock, **({"general_per_minute": 10_000, "creates_per_minute": 10_000} | options)
    )
    vendor = Vendor(town, sim, Line(app=app(sim)))
    client = vendor.client()
    await town.watcher.add_keys()
    await town.watcher.accounts()
    try:
        yield vendor
    finally:
        await client.close()


LOOKED_TWICE = timedelta(seconds=150).total_seconds()
"""After so many seconds a create that was lost was looked for as often as it must be, and sent again."""
