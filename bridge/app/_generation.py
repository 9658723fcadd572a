"""All that is made of one configuration, with the requests that it answers; the next one replaces it as a whole."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta

from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.app._bridge import Bridge
from bridge.net import GuardedClient
from bridge.ports import Partner
from bridge.web import Web, admin_app, public_app


class Generation:
    """A bridge, what it calls through, and the apps that serve it."""

    def __init__(self, bridge: Bridge, network: GuardedClient, web: Web) -> None:
        self.bridge, self.network = bridge, network
        self.public: ASGIApp = public_app(web)
        self.admin: ASGIApp = admin_app(web)
        self._open, self._unused = 0, asyncio.Event()
        self._unused.set()

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Have one of the apps answer a request, and count it for as long as that takes."""
        self._open += 1
        self._unused.clear()
        try:
            await app(scope, receive, send)
        finally:
            self._open -= 1
            if not self._open:
                self._unused.set()

    async def unused(self, limit: timedelta) -> None:
        """Wait until every request is answered, so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit.total_seconds()):
                await self._unused.wait()

    async def close(self, partners: Iterable[Partner]) -> None:
        """Close what it calls through: its client, and those of these partners."""
        await self.network.__aexit__(None, None, None)
        await asyncio.gather(*(partner.close() for partner in partners))


class Front:
    """What a listener serves, whatever the configuration: a request is answered by the generation that it meets."""

    def __init__(self, current: Callable[[], Generation], name: str) -> None:
        self._current, self._name = current, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        generation = self._current()
        await generation.answer(getattr(generation, self._name), scope, receive, send)
