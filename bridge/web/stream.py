"""`GET /v1/stream`: outbound events as they are told, as server-sent events, with the bodies that webhooks carry."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from starlette.types import Receive, Send

from bridge.core.errors import Problem
from bridge.core.events import matches
from bridge.core.model import OutboundEvent
from bridge.flows.stream import Listener
from bridge.web._body import Disconnected
from bridge.web._call import Answer, Call, Web
from bridge.web._query import Query
from bridge.web._sight import concerning

FILTERS = ("types", "post", "account")
_PING_S = 15.0
_STALLED_S = 10.0
_AGAIN = timedelta(seconds=5)
_TYPE = b"text/event-stream; charset=utf-8"
_ID = re.compile(r"[a-z]{2,5}_[0-9a-f]{8,40}")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a listener wants to hear of; empty fields want all."""

    types: tuple[str, ...]
    post: str | None
    account: str | None

    def has(self, event: OutboundEvent) -> bool:
        """Say whether it wants to hear of an event."""
        return (
            (not self.types or matches(self.types, event.type))
            and (self.post is None or event.post_id == self.post)
            and (self.account is None or self.account in event.accounts)
        )


async def stream(web: Web, call: Call) -> Answer:
    """Answer events from now on, or from after `Last-Event-ID`.

    Raises:
        Problem: 422; 503 `too_many_listeners`.
    """
    query = Query(call.query, FILTERS)
    types = tuple(part.strip() for part in (query.text("types") or "").split(",") if part.strip())
    wanted = _Wanted(types, query.text("post"), query.text("account"))
    after = _last_event_id(call)
    if after is not None and not _ID.fullmatch(after):
        query.fault("Last-Event-ID", "is not the id of an event", "Give the `id` of the last event, or leave it out.")
    query.check()
    if web.streams.full:
        raise Problem(503, "too_many_listeners", "Too many listen already. Try again later.", retry_after=_AGAIN)
    listener = await web.streams.listen(web.store, web.clock, after)
    return Streaming(200, b"", _TYPE, (), web, call, listener, wanted)


@dataclass(frozen=True, slots=True)
class Streaming(Answer):
    """An answer that goes on until whoever asked leaves, or it is over."""

    web: "Web | None" = None
    call: "Call | None" = None
    listener: "Listener | None" = None
    wanted: "_Wanted | None" = None

    async def send(self, send: Send) -> None:
        """Send events as they come, and a comment where none do."""
        assert self.web is not None
        assert self.call is not None
        assert self.listener is not None
        headers = [(b"content-type", self.content_type), (b"x-accel-buffering", b"no")]
        leaving = asyncio.create_task(leave(self.call.receive, self.listener))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            first = (
                b": more was told than can be sent: some is left out\n\n" if self.listener.gap else b": listening\n\n"
            )
            await part(send, b"retry: 2000\n" + first)
            while (events := await self.listener.next(_PING_S)) is not None:
                told = await self._told(self.web, self.call, events)
                if told or not events:
                    await part(send, b"".join(map(_written, told)) or b": still here\n\n")
            if not leaving.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            leaving.cancel()
            self.web.streams.leave(self.listener)

    async def _told(self, web: Web, call: Call, events: Sequence[OutboundEvent]) -> list[OutboundEvent]:
        """Leave out what is not wanted, and what tells of accounts that the caller may not use."""
        found = [event for event in events if self.wanted is None or self.wanted.has(event)]
        if not call.allowed or not found:
            return found
        concerned = await concerning(web, call, {event.id: event.subject for event in found})
        return [event for event in found if event.id in concerned]


def _written(event: OutboundEvent) -> bytes:
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (event.id.encode(), event.type.encode(), event.body)


async def part(send: Send, body: bytes) -> None:
    """Send a piece; whoever takes none for long is given up."""
    try:
        async with asyncio.timeout(_STALLED_S):
            await send({"type": "http.response.body", "body": body, "more_body": True})
    except TimeoutError:
        raise Disconnected from None


async def leave(receive: Receive, listener: Listener) -> None:
    """Let it be over for a listener once its client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.close()


def _last_event_id(call: Call) -> str | None:
    for name, value in call.scope["headers"]:
        if name == b"last-event-id":
            return str(value, "latin-1").strip() or None
    return None
