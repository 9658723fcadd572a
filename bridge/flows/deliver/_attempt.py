"""One attempt: the request to an endpoint, and how it ended."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, urlsplit

from bridge.core.delivering import Attempted, Outcome, answered, headers_of
from bridge.core.endpoints import Sending
from bridge.core.errors import FailureReason
from bridge.core.formats import content_type, gathered
from bridge.core.model import Endpoint
from bridge.core.redact import Redactor
from bridge.core.rules import DeliverRules
from bridge.core.sealing import SealError
from bridge.core.targets import is_shown
from bridge.flows import log
from bridge.net import GuardedClient, NetError
from bridge.ports import ClaimedDelivery, Clock
from bridge.tracing import current

BODY_KEPT = 16 * 1024
"""Characters of an endpoint's answer that are kept with the attempt."""

_READ = 20 * 1024
"""Bytes of it that are read: more than is kept, because its end may be a part of a secret, and is not kept."""


Batch = Sequence[ClaimedDelivery]
"""What goes out in one request: one delivery, several to an endpoint that gathers, or those of a message in a chat."""

Reply = Callable[[Batch, Endpoint], Awaitable[Attempted]]
"""Brings a message in a chat up to date; whatever happens is an outcome."""


class Replies:
    """Makes the attempts at messages in chats; `reply` is None where no chat is configured."""

    def __init__(self, clock: Clock, reply: Reply | None) -> None:
        self.clock, self.reply = clock, reply

    async def call(self, batch: Batch, endpoint: Endpoint) -> Attempted:
        """Bring a message up to date, once for all that was told meanwhile."""
        started = self.clock()
        if self.reply is None:
            return Attempted(started, started, Outcome(FailureReason.ENDPOINT_DISABLED, detail="there is no such chat"))
        try:
            return await self.reply(batch, endpoint)
        except Exception as error:  # noqa: BLE001  # As below: a fault of ours is one more failed attempt.
            log.exception("delivery.failed", delivery_id=batch[0].delivery.id)
            outcome = Outcome(FailureReason.INTERNAL, detail=type(error).__name__)
            return Attempted(started, self.clock(), outcome, sent_to=endpoint)


class Caller:
    """Makes attempts; `sending` finds what an endpoint's requests carry."""

    def __init__(
        self,
        clock: Clock,
        rules: DeliverRules,
        client: GuardedClient,
        sending: Callable[[Endpoint, datetime], Sending],
        redactor: Redactor,
    ) -> None:
        self.clock, self.rules, self.client, self.sending, self.redactor = clock, rules, client, sending, redactor
        self._timeout_s = rules.timeout.total_seconds()

    async def call(self, batch: Batch, endpoint: Endpoint) -> Attempted:
        """Send deliveries of one format in one request; whatever happens is an outcome."""
        started = self.clock()
        answer = ""
        try:
            outcome, answer = await self._post(batch, endpoint, started)
        except NetError as error:
            outcome = Outcome(error.reason, detail=self.redactor.text(error.detail, 500))
        except SealError as error:
            outcome = Outcome(FailureReason.SEALED, detail=str(error))
        except Exception as error:  # noqa: BLE001  # The outermost step: a fault of ours is one more failed attempt.
            log.exception("delivery.failed", delivery_id=batch[0].delivery.id)
            outcome = Outcome(FailureReason.INTERNAL, detail=type(error).__name__)
        return Attempted(started, self.clock(), outcome, answer, endpoint)

    async def _post(self, batch: Batch, endpoint: Endpoint, now: datetime) -> tuple[Outcome, str]:
        first = batch[0].delivery
        body = batch[0].body if len(batch) == 1 else gathered(first.format, [one.body for one in batch])
        sending = self.sending(endpoint, now)
        headers = headers_of(sending, first.outbound_id, content_type(first.format), body, now)
        if (context := current()) is not None:
            headers["traceparent"] = context
        timeout_s = endpoint.timeout_s or self._timeout_s
        url = sending.url or endpoint.url
        if is_shown(url):
            raise SealError("the address of this endpoint is not known here")
        allow_http = endpoint.allow_http or None
        reply = await self.client.post(url, headers, body, timeout_s, allow_http=allow_http, most=_READ)
        outcome = answered(reply.status, reply.headers.get("Retry-After"), self.clock(), self.rules)
        return outcome, self._answer(reply.body, sending) if reply.body else ""

    def _answer(self, body: bytes, sending: Sending) -> str:
        # Some answer with what they were sent, so what only this endpoint knows is taken out, too.
        own = _own(tuple(sending.headers.values()), sending.url)
        text = body.decode("utf-8", "replace").replace("\0", "")
        text = self.redactor.text(own.text(text))
        if len(body) >= _READ:  # What was read may end within a secret, which nothing recognises.
            text = text[: max(len(text) - max(own.longest, self.redactor.longest), 0)]
        return self.redactor.text(text, BODY_KEPT)


@lru_cache(maxsize=256)
def _own(headers: tuple[str, ...], url: str) -> Redactor:
    parts = urlsplit(url)
    values = (value for _, value in parse_qsl(parts.query))
    said = (parts.path, parts.query, *parts.path.split("/"), *values)
    telling = {one for word in said for one in (word, unquote(word)) if len(one) >= _TELLING}
    return Redactor((*headers, url, parts.path + (f"?{parts.query}" if parts.query else ""), *telling))


_TELLING = 8
"""From how many characters on a part of an address is taken for what makes it a secret."""
