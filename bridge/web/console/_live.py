"""Pages that change by themselves: each is rendered again while somebody looks, and sent when it is not what it was."""

import asyncio
import time
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote, urlsplit

from starlette.convertors import Convertor
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from bridge.core.errors import Problem
from bridge.flows.stream import Listener
from bridge.web._call import Answer, Web
from bridge.web.console._api import Api
from bridge.web.console._page import HTML
from bridge.web.console._serve import around, main_of, problem_of
from bridge.web.console._sessions import Doorman, own_path
from bridge.web.console._visit import Look, Shown, Visit
from bridge.web.stream import leave, part

_STREAM = b"text/event-stream; charset=utf-8"
_EVERY_S = 1.0
_SHARE = 20
"""A page is rendered again no sooner than after so many times as long as it took;"""
_TOGETHER = 4
"""nor than so many times for each page that is open: all of them take a quarter of the time at most."""
_PING_S = 15.0
_MOST = 64
_LASTS_S = 15 * 60.0
"""After so long a browser asks anew: a connection that nobody looks at any more ends then."""


class Live:
    """Server-sent events: `main` with the new content of a page, `over` when the session has ended."""

    def __init__(self, web: Web, doorman: Doorman, api: Api, looks: Mapping[str, Look]) -> None:
        self._web, self._doorman, self._api = web, doorman, api
        self._looks = [(*compile_path(path)[::2], look) for path, look in looks.items()]
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("of", [""])[0]
        guest = await self._doorman.guest(scope)
        if guest is None:
            # A browser asks no more after a 204.
            await Answer(204, b"", HTML).send(send)
            return
        if scope["method"] == "HEAD":
            await Answer(200, b"", _STREAM).send(send)
            return
        if self._open >= _MOST or self._web.streams.full:
            raise Problem(503, "too_many_viewers", "Too many pages are open. Load the page again to see what is new.")
        self._open += 1
        try:
            await self._stream(scope, receive, send, own_path(asked))
        finally:
            self._open -= 1

    async def _stream(self, scope: Scope, receive: Receive, send: Send, asked: str) -> None:
        listener = await self._web.streams.listen(self._web.store, self._web.clock)
        leaving = asyncio.create_task(leave(receive, listener))
        try:
            headers = [(b"content-type", _STREAM), (b"x-accel-buffering", b"no")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._tell(scope, send, asked, listener)
            if not leaving.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            leaving.cancel()
            self._web.streams.leave(listener)

    async def _tell(self, scope: Scope, send: Send, asked: str, listener: Listener) -> None:
        """Send what the page shows, whenever that is something else, until it is over."""
        known, began = b"", time.monotonic()
        told_at = began
        while (started := time.monotonic()) - began < _LASTS_S:
            found = await self._main(scope, asked)
            if found is None:
                await part(send, _event(b"over", b""))
                return
            if found != known:
                await part(send, _event(b"main", found))
                known, told_at = found, started
            elif started - told_at > _PING_S:
                await part(send, b": still here\n\n")
                told_at = started
            took = time.monotonic() - started
            until = started + max(_EVERY_S, took * max(_SHARE, _TOGETHER * self._open))
            while (left := until - time.monotonic()) > 0:
                if await listener.next(left) is None:
                    return

    async def _main(self, scope: Scope, asked: str) -> bytes | None:
        """Return what a page shows now; None when nobody is signed in any more."""
        guest = await self._doorman.guest(scope)
        if guest is None:
            return None
        parts = urlsplit(asked)
        path = unquote(parts.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        try:
            look, params = self._look(path)
            visit = Visit(self._web, self._api, guest.token, path, params, query)
            page = await look(visit)
        except Exception as error:  # noqa: BLE001  # The page says so, and goes on when it can.
            problem = problem_of(error)
            page = Shown("problem", problem.slug.replace("_", " ").capitalize(), {"problem": problem})
        return main_of(page, around(self._web, self._api, guest, path, page))

    def _look(self, path: str) -> tuple[Look, dict[str, str]]:
        for pattern, convertors, look in self._looks:
            if (match := pattern.match(path)) is not None:
                return look, _converted(match.groupdict(), convertors)
        raise Problem(404, "no_such_page", "There is no page at this address.")


def _converted(found: Mapping[str, str], convertors: Mapping[str, Convertor[str]]) -> dict[str, str]:
    return {name: convertors[name].convert(value) for name, value in found.items()}


def _event(name: bytes, data: bytes) -> bytes:
    lines = b"".join(b"data: " + line + b"\n" for line in data.split(b"\n"))
    return b"event: " + name + b"\n" + lines + b"\n"
