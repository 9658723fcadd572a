"""The other end of Socket Mode, on the stand-in: a WebSocket that says hello, sends envelopes and counts what is
acknowledged.

What is not acknowledged in time comes again on whatever connection there is: events, that is, up to three times; a
command or a press of a button is lost. Source, read 2026-11: https://docs.slack.dev/apis/events-api/using-socket-mode/.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from tests.slack.methods import Refused
from tests.slack.seen import Json
from tests.slack.standin import APP_TOKEN, Slack

TICKET = "tckt-standinsecret"
_TIMES = 3


@dataclass
class Envelope:
    """What was sent; `answer` is the payload that it was acknowledged with."""

    id: str
    message: Json
    sent: int = 0
    answer: Any = None
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)


class SocketMode:
    """Adds Socket Mode to a stand-in that is not serving yet.

    Attributes:
        wait_s: how long an event waits for its acknowledgement before it is sent again.
        refusal: what `apps.connections.open` says instead of an address.
        scheme: of the address it gives.
    """

    def __init__(self, slack: Slack, *, wait_s: float = 30.0) -> None:
        self.slack, self.wait_s, self.refusal, self.scheme = slack, wait_s, "", "ws"
        self.open: list[web.WebSocketResponse] = []
        self.connections = 0
        self.envelopes: dict[str, Envelope] = {}
        self.strange: list[Any] = []
        """What came that acknowledges nothing."""
        self._came = asyncio.Condition()
        self._tickets: set[str] = set()
        self._again: set[asyncio.Task[None]] = set()
        slack.routes.append(web.get("/link", self._link))
        slack.methods["apps.connections.open"] = self._address
        slack.needs["apps.connections.open"] = APP_TOKEN

    async def connected(self, count: int = 1) -> None:
        """Wait until so many connections were made."""
        async with self._came:
            await asyncio.wait_for(self._came.wait_for(lambda: self.connections >= count and self.open), 10)

    async def send(self, kind: str, payload: Any, *, takes_answer: bool = False) -> Envelope:
        """Send an envelope on the newest connection."""
        number = f"env-{self.slack.number()}"
        known = {"type": kind, "envelope_id": number, "payload": payload, "accepts_response_payload": takes_answer}
        self.envelopes[number] = envelope = Envelope(number, known)
        await self._send(envelope)
        return envelope

    async def send_text(self, kind: str, payload: str) -> Envelope:
        """Send an envelope whose payload is written like this, be it JSON that can be read or not."""
        number = f"env-{self.slack.number()}"
        self.envelopes[number] = envelope = Envelope(number, {"type": kind, "accepts_response_payload": True})
        rest = f'"envelope_id":"{number}","type":"{kind}","accepts_response_payload":true'
        await self.open[-1].send_str(f'{{{rest},"payload":{payload}}}')
        return envelope

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask every client to open another connection, as is done every few hours."""
        asked = {"type": "disconnect", "reason": reason, "debug_info": {"host": "standin"}}
        for one in tuple(self.open):
            await one.send_str(orjson.dumps(asked).decode())

    async def cut(self) -> None:
        """Close every connection without a word."""
        for one in tuple(self.open):
            await one.close()

    async def close(self) -> None:
        """Stop whatever waits."""
        for task in self._again:
            task.cancel()
        await asyncio.gather(*self._again, return_exceptions=True)
        await self.cut()

    def _address(self, slack: Slack, given: Json) -> Json:
        if self.refusal:
            raise Refused(self.refusal)
        ticket = f"{TICKET}-{slack.number()}"
        self._tickets.add(ticket)
        return {"url": f"{self.scheme}://{slack.base.partition('://')[2]}/link?ticket={ticket}&app_id=A1"}

    async def _link(self, request: web.Request) -> web.WebSocketResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            raise web.HTTPForbidden
        self._tickets.discard(ticket)
        line = web.WebSocketResponse()
        await line.prepare(request)
        await line.send_str('{"type":"hello","num_connections":1,"connection_info":{"app_id":"A1"}}')
        self.open.append(line)
        async with self._came:
            self.connections += 1
            self._came.notify_all()
        try:
            async for message in line:
                if message.type == WSMsgType.TEXT:
                    self._heard(orjson.loads(message.data))
        finally:
            self.open.remove(line)
        return line

    def _heard(self, message: Json) -> None:
        envelope = self.envelopes.get(str(message.get("envelope_id")))
        if envelope is None or envelope.acknowledged.is_set():
            self.strange.append(message)
            return
        envelope.answer = message.get("payload")
        if envelope.answer is not None and not envelope.message["accepts_response_payload"]:
            self.strange.append(message)
        envelope.acknowledged.set()

    async def _send(self, envelope: Envelope) -> None:
        again = {"retry_attempt": envelope.sent, "retry_reason": "timeout" if envelope.sent else ""}
        more = again if envelope.message["type"] == "events_api" else {}
        envelope.sent += 1
        await self.open[-1].send_str(orjson.dumps(envelope.message | more).decode())
        if more and envelope.sent <= _TIMES:
            task = asyncio.create_task(self._send_again(envelope))
            self._again.add(task)
            task.add_done_callback(self._again.discard)

    async def _send_again(self, envelope: Envelope) -> None:
        try:
            await asyncio.wait_for(envelope.acknowledged.wait(), self.wait_s)
        except TimeoutError:
            await self.connected()
            await self._send(envelope)
