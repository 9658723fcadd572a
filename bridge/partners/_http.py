"""The only calls of the room: one HTTP client a key, and what a call that found no answer means.

A call is made once, never repeated here. Statuses are the partner's own to judge (`refuse`), as are the names of its
rate headers (`pace`); this file knows the way there and back: connecting, cutting, time-outs, `Retry-After`, bodies
that are no JSON, and that no error text shows a secret.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

import httpx
import orjson

from bridge.core.addresses import is_allowed
from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.media import is_private
from bridge.core.nul import without_nul
from bridge.core.redact import Redactor
from bridge.core.retry import parse_retry_after
from bridge.partners._budget import Budget, Pace, Priority
from bridge.ports import Begin, Clock, MediaFile

if TYPE_CHECKING:
    from bridge.tracing import Span, Spans

CONNECT_S = 10.0
_begin: ContextVar[Begin | None] = ContextVar("begin", default=None)

WRITE_S = 120.0
"""A create checks the media's addresses before it answers; the vendor's own client waits as long."""
READ_S = 30.0
UPLOAD_S = 240.0
"""A file must be over there within this time: no call may outlast the lease of the command that makes it."""
MAX_BODY = 16 * 2**20
KEPT_CHARACTERS = 200
_LOOKED_AT_BYTES = 1_000
_CHUNK = 2**18
_MOST_WAYS = 3
"""How many addresses of one name are tried in turn."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Looks up the IP addresses of a host and port, the best first. Raises `OSError` or `UnicodeError`."""

Observe = Callable[[str, str, str, float], None]
"""Told of every call that ended: the key's name, operation, outcome (`ok` or a `FailureReason`), seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: `body` is its JSON object, or None; `text` its redacted first 200 characters.

    `sent_at` was taken just before the call. `headers` have lower-case names. `retry_after` counts from now.
    """

    status: int
    body: Mapping[str, Any] | None
    text: str
    headers: Mapping[str, str]
    retry_after: timedelta | None
    sent_at: datetime


class Http:
    """Calls one partner with one credential.

    Args:
        name: the key's name, for `observe`.
        base_url: without a final slash; plain http only if it says so itself, for redirects are never followed.
        token: sent as `Authorization: Bearer`, and taken out of every text.
        pace: reads out of an answer what it tells of the rate.
        transport: what carries the calls instead of the network (tests).
        resolve: looks up where an upload goes; by default the system, or nothing when `transport` is given.
        spans: traces the calls of commands; None where nothing is traced.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        token: str,
        *,
        budget: Budget,
        now: Clock,
        observe: Observe,
        pace: Callable[["Answer"], Pace | None] = lambda answer: None,
        transport: httpx.AsyncBaseTransport | None = None,
        resolve: Resolve | None = None,
        spans: "Spans | None" = None,
    ) -> None:
        # Parts of a token that are secret by themselves: what stands behind the dot or the prefix of its kind.
        parts = {token, token.rpartition(".")[2], token.rpartition("_")[2]}
        self.redactor = Redactor(part for part in parts if part == token or len(part) >= 8)
        self._name, self._budget, self._now, self._observe, self._pace = name, budget, now, observe, pace
        self._spans = spans
        self._plain = not base_url.startswith("https:")
        # A partner that is itself on a private network, such as a simulator, may have its storage there.
        self._resolve = None if is_private(base_url) else resolve or (None if transport else _look_up)
        self._credential = {"authorization": f"Bearer {token}"}
        headers = {"accept": "application/json", "user-agent": "bridge-publish"}
        # The whole call is timed in `_exchange`; httpx itself only watches over connecting.
        timeout = httpx.Timeout(None, connect=CONNECT_S)
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers=headers,
            timeout=timeout,
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        )

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        refuse: Callable[[Answer], PartnerError | None],
        write: bool = False,
        create: bool = False,
        priority: Priority = Priority.READ,
        body: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one call, after its turn in the budget, and answer what came back.

        Args:
            operation: the metric's word for it.
            refuse: judges the answer; what it returns is raised.
            write: the call changes something there, so a lost answer may mean that it did; it may take
                120 s, others 30 s.
            create: the call makes a post, which the partner may count apart.
            body: JSON bytes, sent exactly as they are.

        Raises:
            PartnerError: refused, or lost on the way.
        """
        await self._budget.enter(priority, create=create)
        if write and (begin := _begin.get()) is not None:
            await begin()
        headers = self._credential | ({"content-type": "application/json"} if body is not None else {})
        request = self._client.build_request(method, path, content=body, params=params, headers=headers)
        async with self._observed(operation, method, request.url) as span:
            if span is not None and span.context and self._spans is not None and self._spans.to_partners:
                request.headers["traceparent"] = span.context
            answer = await self._exchange(request, WRITE_S if write else READ_S, write=write)
            if span is not None:
                span.answered(answer.status)
            refused = refuse(answer)
            self._obey(answer, refused, create=create)
            if refused is not None:
                raise refused
        return answer

    @contextmanager
    def beginning(self, begin: Begin) -> Iterator[None]:
        """Await `begin` before each call that writes, in this task, once its turn in the budget has come."""
        token = _begin.set(begin)
        try:
            yield
        finally:
            _begin.reset(token)

    async def upload(
        self,
        operation: str,
        method: str,
        url: str,
        media: MediaFile,
        *,
        refuse: Callable[[Answer], PartnerError | None],
    ) -> Answer:
        """Bring a file to where the partner said, without the credential: POST as a form's part `file`, PUT as it is.

        It is no call of the partner's API, so it counts for no budget. `media` is read from its beginning each time.
        Only public addresses are connected to, the very ones that were judged, unless the partner's own is private.

        Raises:
            PartnerError: refused, or lost on the way; or the address is plain http and the partner's own is not; or it
                leads to what is not public.
        """
        if not url.startswith("https:") and not self._plain:
            detail = "the partner's address for uploads is not https"
            raise PartnerError(FailureReason.INSECURE_URL, FailureClass.TERMINAL, detail=detail)
        async with self._observed(operation, method, url) as span:
            answer = await self._bring(method, await self._ways(url), media)
            if span is not None:
                span.answered(answer.status)
            if (refused := refuse(answer)) is not None:
                raise refused
        return answer

    async def _bring(self, method: str, ways: Sequence["_Way"], media: MediaFile) -> Answer:
        """Bring a file by the first way that there is a connection on."""
        *others, last = ways
        for way in others:
            try:
                return await self._exchange(_carrying(self._client, method, way, media), UPLOAD_S, write=False)
            except PartnerError as error:
                if error.reason is not FailureReason.CONNECT:
                    raise
        return await self._exchange(_carrying(self._client, method, last, media), UPLOAD_S, write=False)

    async def _ways(self, url: str) -> Sequence["_Way"]:
        """Look up where an address leads, and pin it to what was found: a name may lead elsewhere in a moment."""
        try:
            target = httpx.URL(url)
            if self._resolve is None:
                return [_Way(target)]
            name = target.raw_host.decode("ascii")
            found = await self._resolve(name, target.port or (443 if target.scheme == "https" else 80))
        except httpx.InvalidURL as error:
            raise lost(error, 0, write=False) from None
        except (OSError, UnicodeError):
            raise PartnerError(FailureReason.DNS, FailureClass.RETRYABLE, detail="no connection") from None
        if not found or not all(map(is_allowed, found)):
            detail = f"the partner's address for uploads leads to {', '.join(found) or 'nothing'}, which is not public"
            raise PartnerError(FailureReason.BLOCKED_ADDRESS, FailureClass.TERMINAL, detail=detail)
        host = target.netloc.decode("ascii")
        return [_Way(target.copy_with(host=one), host, name) for one in found[:_MOST_WAYS]]

    @asynccontextmanager
    async def _observed(self, operation: str, method: str, url: httpx.URL | str) -> AsyncIterator["Span | None"]:
        """Tell `observe` how the call inside ended, and have it traced."""
        started = time.monotonic()
        try:
            if self._spans is None:
                yield None
            else:
                with self._spans.call(self._name, operation, method, str(url)) as span:
                    yield span
        except PartnerError as error:
            self._observe(self._name, operation, str(error.reason), time.monotonic() - started)
            raise
        self._observe(self._name, operation, "ok", time.monotonic() - started)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _exchange(self, request: httpx.Request, within_s: float, *, write: bool) -> Answer:
        sent_at = self._now()
        try:
            async with asyncio.timeout(within_s):
                response = await self._client.send(request, stream=True)
                try:
                    raw = await _read(response)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError) as error:
            # `from None`: the cause holds the request, and with it the credential.
            raise lost(error, within_s, write=write) from None
        return Answer(
            status=response.status_code,
            body=_json_object(raw),
            # Redacted well beyond the cut: a credential that stands across it must be seen whole.
            text=self.redactor.text(raw[:_LOOKED_AT_BYTES].decode(errors="replace"), KEPT_CHARACTERS),
            headers={name.lower(): value for name, value in response.headers.items()},
            retry_after=parse_retry_after(response.headers.get("retry-after"), self._now()),
            sent_at=sent_at,
        )

    def _obey(self, answer: Answer, refused: PartnerError | None, *, create: bool) -> None:
        """Slow down or hold the key at once, so that calls that wait here do not run into the same refusal."""
        if (pace := self._pace(answer)) is not None:
            self._budget.obey(pace, create=create)
        if answer.status == 429 and refused is not None and refused.retry_after is not None:
            self._budget.hold_at_least(self._now() + refused.retry_after)


@dataclass(frozen=True, slots=True)
class _Way:
    """An address to call; by an IP address `host` is what the header says, `name` what the certificate does."""

    url: httpx.URL
    host: str | None = None
    name: str | None = None


async def _look_up(name: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _carrying(client: httpx.AsyncClient, method: str, way: _Way, media: MediaFile) -> httpx.Request:
    # Not kept open: the next file may go to another name on the same address, whose certificate must be seen.
    headers, extensions = {"connection": "close"}, {}
    if way.host is not None:
        headers["host"], extensions["sni_hostname"] = way.host, way.name
    if method == "POST":
        files = {"file": (media.filename, media.stream, media.content_type)}
        return client.build_request("POST", way.url, files=files, headers=headers, extensions=extensions)
    headers |= {"content-type": media.content_type, "content-length": str(media.size)}
    content = _chunks(media.stream)
    return client.build_request(method, way.url, content=content, headers=headers, extensions=extensions)


async def _chunks(stream: BinaryIO) -> AsyncIterator[bytes]:
    await asyncio.to_thread(stream.seek, 0)
    while chunk := await asyncio.to_thread(stream.read, _CHUNK):
        yield chunk


async def _read(response: httpx.Response) -> bytes:
    raw = bytearray()
    async for chunk in response.aiter_bytes():
        raw += chunk
        if len(raw) > MAX_BODY:
            raise httpx.DecodingError("the answer is too long")
    return bytes(raw)


def _json_object(raw: bytes) -> Mapping[str, Any] | None:
    try:
        value = orjson.loads(without_nul(raw))
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def lost(error: Exception, within_s: float, *, write: bool) -> PartnerError:
    """Say what a call without a readable answer means. A write may be stored as soon as bytes may have left."""
    match error:
        case httpx.ConnectError():
            reason, detail, left = _connect_reason(error), "no connection", False
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            reason, detail, left = FailureReason.CONNECT, f"no connection within {CONNECT_S:g} s", False
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            reason, detail, left = FailureReason.PROTOCOL, "the address cannot be called", False
        case TimeoutError() | httpx.TimeoutException():
            reason, detail, left = FailureReason.TIMEOUT, f"no answer within {within_s:g} s", True
        case httpx.DecodingError():
            reason, detail, left = FailureReason.UNREADABLE, "the answer could not be read", True
        case httpx.NetworkError() | httpx.RemoteProtocolError():
            reason, detail, left = FailureReason.CLOSED, "the connection was cut", True
        case _:
            reason, detail, left = FailureReason.PROTOCOL, type(error).__name__, True
    return PartnerError(reason, FailureClass.RETRYABLE, maybe_stored=write and left, detail=detail)


def _connect_reason(error: BaseException) -> FailureReason:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return FailureReason.DNS
        if isinstance(cause, ssl.SSLError):
            return FailureReason.TLS
        cause = cause.__cause__ or cause.__context__
    return FailureReason.CONNECT
