"""A site with a feed, one who takes what is found there, and those who sweep it."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import orjson
from aiohttp import web

from bridge.core.hook_rules import HookRules
from bridge.core.model import FeedState, Item, PostState, SourceObject, Write
from bridge.core.times import sortable
from bridge.flows import Book, Kit
from bridge.flows.feeds import Feeds, Followed
from bridge.metrics import Metrics
from bridge.net import GuardedClient
from bridge.sources.feed import parse
from bridge.store import SqlStore
from tests.core.builders import a_post
from tests.flows.town import Clock

LOOPBACK = (ip_network("127.0.0.1/32"),)
Serve = Callable[[web.Request], Awaitable[web.Response]]
_numbers = itertools.count(1)


def an_entry(name: str, clock: Clock, *, age: float = 60, **fields: Any) -> dict[str, Any]:
    """An entry of a JSON feed; its age in minutes."""
    at = (clock() - timedelta(minutes=age)).isoformat()
    return {"id": name, "url": f"https://blog.example/{name}/", "title": name, "date_published": at, **fields}


@dataclass
class Site:
    """A server with one feed, and what it was asked."""

    url: str = ""
    entries: list[dict[str, Any]] = field(default_factory=list)
    tag: str = '"0"'
    serve: Serve | None = None
    asked: list[web.Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        if self.serve is not None:
            return await self.serve(request)
        if request.headers.get("If-None-Match") == self.tag:
            return web.Response(status=304)
        body = orjson.dumps({"version": "https://jsonfeed.org/version/1.1", "items": self.entries})
        dated = {"ETag": self.tag, "Last-Modified": "Thu, 01 Jan 2026 11:00:00 GMT"}
        return web.Response(body=body, content_type="application/feed+json", headers=dated)

    def show(self, *entries: dict[str, Any]) -> None:
        """Publish, the newest first."""
        self.entries = [*reversed(entries), *self.entries]
        self.tag = f'"{next(_numbers)}"'


@asynccontextmanager
async def a_site() -> AsyncIterator[Site]:
    site, app = Site(), web.Application()
    app.router.add_get("/{path:.*}", site.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}/feed.json"
    try:
        yield site
    finally:
        await runner.cleanup()


@dataclass
class Taking:
    """Stands for ingest: notes each object with its event, as that does; refuses what it is told to."""

    store: SqlStore
    clock: Clock
    taken: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    refuse: dict[str, BaseException] = field(default_factory=dict)
    state: PostState = PostState.ACCEPTED

    async def __call__(
        self, source: str, items: Sequence[Item], *, body: bytes, content_type: str, park_for: str = ""
    ) -> Sequence[Any]:
        [item] = items
        assert item.object_id is not None
        if item.object_id in self.refuse:
            raise self.refuse[item.object_id]
        row = SourceObject(source, item.object_id, self.clock(), item.revision, f"evt_{item.object_id}")
        assert await self.store.record([Write(objects=(row,))]) == [True]
        if park_for:
            assert (await self.store.causes())[park_for].open, "what waits for a cause that is not open would go"
        self.taken.append((item.object_id, park_for))
        self.bodies.append(body)
        return [SimpleNamespace(posts=(a_post(state=self.state),))]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.taken]


class Overtaken:
    """A store where something happens right after some reads; of each, `skip` are left alone first."""

    def __init__(self, store: SqlStore, after: dict[str, Callable[[object], Awaitable[None]]], skip: int = 0) -> None:
        self._store, self.after, self._skip = store, after, skip

    def __getattr__(self, name: str) -> Any:
        plain = getattr(self._store, name)
        if name not in self.after:
            return plain

        async def overtaken(*args: Any, **given: Any) -> Any:
            answer = await plain(*args, **given)
            if self._skip:
                self._skip -= 1
            elif name in self.after:
                await self.after[name](answer)
            return answer

        return overtaken


@dataclass
class Stand:
    """A feed, those who sweep it, and who takes what they find."""

    clock: Clock
    store: SqlStore
    site: Site
    take: Taking
    kit: Kit
    client: GuardedClient
    metrics: Metrics

    def feeds(self, *, url: str = "", given: Mapping[str, Any] | None = None, **rules: Any) -> Feeds:
        followed = Followed("blog", HookRules(feed=url or self.site.url, **rules), hooked=True)
        return Feeds(self.kit, self.client, [followed], self.take, **{"parse": parse} | dict(given or {}))

    async def after(self, minutes: float, feeds: Feeds) -> None:
        self.clock.move(minutes=minutes)
        await feeds.tick()

    async def state(self) -> FeedState:
        return (await self.store.feeds())["blog"]

    async def known(self) -> dict[str, str | None]:
        found = await self.store.objects("blog", [entry["id"] for entry in self.site.entries])
        return {row.id: row.event_id for row in found}

    def counted(self, name: str, outcome: str) -> float | None:
        return self.metrics._registry.get_sample_value(name, {"source": "blog", "outcome": outcome})

    def failing(self, status: int, **headers: str) -> None:
        async def serve(_: web.Request) -> web.Response:
            return web.Response(status=status, headers={key.replace("_", "-"): one for key, one in headers.items()})

        self.site.serve = serve

    def answering(self, body: bytes, **headers: str) -> None:
        async def serve(_: web.Request) -> web.Response:
            return web.Response(body=body, headers={key.replace("_", "-"): one for key, one in headers.items()})

        self.site.serve = serve


@asynccontextmanager
async def a_stand(store: SqlStore, clock: Clock, metrics: Metrics) -> AsyncIterator[Stand]:
    kit = Kit(
        store, {}, Book((), ()), metrics, clock,
        lambda prefix: sortable(prefix, clock(), next(_numbers).to_bytes(8)), lambda: 0.0,
    )  # fmt: skip
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(a_site())
        client = await stack.enter_async_context(GuardedClient(allow=LOOPBACK, allow_http=True))
        yield Stand(clock, store, site, Taking(store, clock), kit, client, metrics)


async def begun(stand: Stand, **rules: Any) -> Feeds:
    """Feeds after their first sweep."""
    feeds = stand.feeds(**rules)
    await feeds.tick()
    return feeds
