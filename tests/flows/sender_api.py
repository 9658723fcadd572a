"""A sender's API on loopback, for the tests of lookups: it answers what it is told to, and keeps what it was asked."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.sources.thin import answer

PAGES = {
    "/cdn/spaces/me": "storyblok/space.json",
    "/cdn/stories/123": "storyblok/story.json",
    "/prismic": "prismic/repository.json",
    "/prismic/documents/search": "prismic/document.json",
    "/notion/v1/pages/p1": "notion/page.json",
    "/notion/v1/blocks/p1/children": "notion/blocks.json",
}


@dataclass
class SenderApi:
    """`plan[PATH]` are the answers that go before the usual one of a path, as (status, body, headers).

    None hangs until the caller is gone.
    """

    base: str = ""
    plan: dict[str, list[tuple[int, bytes, dict[str, str]] | None]] = field(default_factory=lambda: defaultdict(list))
    asked: list[web.Request] = field(default_factory=list)

    def says(self, path: str, status: int, body: bytes = b"{}", *, times: int = 1, **headers: str) -> None:
        """Answer this next at a path; `-` in the names of headers is written as `_`."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.plan[path] += [(status, body, told)] * times

    async def reply(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        planned = self.plan[request.path]
        if planned:
            now = planned.pop(0)
            if now is None:
                await asyncio.Event().wait()
            status, body, headers = now
            return web.Response(status=status, body=body, headers=headers)
        if request.path not in PAGES:
            return web.Response(status=404, body=b'{"error":"no such page"}')
        return web.Response(body=answer(PAGES[request.path]), content_type="application/json")


@asynccontextmanager
async def a_sender_api() -> AsyncIterator[SenderApi]:
    """Serve one on a free port of 127.0.0.1."""
    api = SenderApi()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.reply)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        api.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield api
    finally:
        await runner.cleanup()
