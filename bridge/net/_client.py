"""The client: its sessions, one request, and the second try when a kept connection was closed under it."""

import asyncio
import io
import math
import re
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from bridge.core.addresses import Network
from bridge.core.errors import FailureReason
from bridge.net._answers import Incoming, Look, NetError, Reply, expiry, watched
from bridge.net._wire import Connector, Dialling

MAX_BODY = 16 * 1024
"""How much of an answer is read unless more is asked for, in bytes; the rest is thrown away with its connection."""

_LARGE_BODY = 1024 * 1024
# A connection closed under us shows within a round trip; what fails later may have been at work on the request.
_CLOSED_UNDER_US_S = 1.0

_WRITTEN = re.compile(r"(?:[!$-;=?-Z\[\]_a-z~#]|%[0-9A-Fa-f]{2})+")

_Answer = tuple[int, Mapping[str, str], bytes]
_Sessions = tuple[aiohttp.ClientSession, aiohttp.ClientSession]
"""One that keeps connections, and one that opens a new one for each request."""


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: URL
    headers: Mapping[str, str]
    body: bytes | None
    most: int


_SECURE, _WEB = frozenset({"https"}), frozenset({"http", "https"})
_UNTIMED = aiohttp.ClientTimeout(total=None)


class GuardedClient:
    """Sends requests to addresses nobody vouches for; open it with `async with`, share it within one event loop.

    Connections are kept and used again. A request whose kept connection turns out to have been closed by the other side
    is sent once more at once, on a connection of its own, within the same time-out, unless it asks not to be.

    Args:
        allow: private networks that may be reached, such as `10.0.0.0/8`.
        allow_http: whether `http://` addresses are taken; `https://` always are.
        ports: those that may be reached; none named: any.
        connections: how many connections may be open at a time; further requests wait, within their time-out.
        user_agent: what the client calls itself.
        resolver: looks up names; by default the system does.
    """

    def __init__(
        self,
        *,
        allow: Iterable[Network] = (),
        allow_http: bool = False,
        ports: Collection[int] = (),
        connections: int = 256,
        user_agent: str = "bridge",
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._allow = tuple(allow)
        self._allow_http, self._ports = allow_http, frozenset(ports)
        self._connections = connections
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._resolver = resolver
        self._sessions: _Sessions | None = None

    async def __aenter__(self) -> Self:
        """Open the client; it connects to nothing yet."""
        self._sessions = (self._session(force_close=False), self._session(force_close=True))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        sessions, self._sessions = self._sessions, None
        for session in sessions or ():
            await session.close()

    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        *,
        most: int = MAX_BODY,
        allow_http: bool | None = None,
        again: bool = True,
    ) -> Reply:
        """Send `body` and return the answer; as `request`."""
        return await self.request(
            "POST", url, headers=headers, body=body, timeout_s=timeout_s, most=most, allow_http=allow_http, again=again
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        body: bytes | None = None,
        most: int = MAX_BODY,
        allow_http: bool | None = None,
        again: bool = True,
    ) -> Reply:
        """Send one request and return the answer, whatever its status.

        Args:
            method: in upper case.
            url: an absolute address.
            headers: added to our own; the caller's win.
            timeout_s: for everything, from looking up the name to the last byte that is read.
            body: the exact bytes to send.
            most: how many bytes of the answer's body are read; one that has as many may have had more.
            allow_http: whether this address may be plain http; by default what the client was told.
            again: whether it is sent once more when its kept connection was closed. Not what would be done twice: the
                other side may have been at work on the first.

        Raises:
            NetError: there was no usable answer.
        """
        sessions = self._opened_sessions()
        schemes = _WEB if (self._allow_http if allow_http is None else allow_http) else _SECURE
        request = _Request(method, _parsed(url, schemes, self._ports), headers, body, most)
        started = time.perf_counter()
        with watched() as exchange:
            status, found, content = await _sent(sessions, request, exchange, timeout_s, again=again)
        return Reply(status, found, content, time.perf_counter() - started)

    async def look(self, url: str, timeout_s: float) -> Look:
        """GET an address on a connection of its own; plain http is taken, too. Arguments as those of `request`.

        Raises:
            NetError: there was no usable answer.
        """
        _, fresh = self._opened_sessions()
        request = _Request("GET", _parsed(url, _WEB, self._ports), {}, None, MAX_BODY)
        with watched() as exchange:
            status, headers, body = await _exchange(fresh, request, exchange, timeout_s)
            return Look(status, headers, body, expiry(exchange))

    async def reach(self, url: str, timeout_s: float, *, allow_http: bool | None = None) -> datetime | None:
        """Connect to an address and ask for nothing; return until when its certificate is good, None for plain http.

        Arguments as those of `request`.

        Raises:
            NetError: there was no connection.
        """
        _, fresh = self._opened_sessions()
        schemes = _WEB if (self._allow_http if allow_http is None else allow_http) else _SECURE
        target = _parsed(url, schemes, self._ports)
        assert fresh.connector is not None
        with watched() as exchange:
            request = aiohttp.ClientRequest("HEAD", target, loop=asyncio.get_running_loop(), session=fresh)
            async with asyncio.timeout(timeout_s):
                connection = await fresh.connector.connect(request, [], aiohttp.ClientTimeout(total=timeout_s))
            try:
                return expiry(exchange)
            finally:
                connection.close()

    @asynccontextmanager
    async def opened(self, url: str, *, headers: Mapping[str, str] | None = None) -> AsyncIterator[Incoming]:
        """GET an address on a connection of its own and give the answer as it comes; plain http is taken, too.

        `headers` are added to our own, and go nowhere else: a redirect is not followed. How long it may take, and how
        much is read, is the caller's to bound.

        Raises:
            NetError: there was no answer.
        """
        _, fresh = self._opened_sessions()
        target = _parsed(url, _WEB, self._ports)
        with watched() as exchange:
            response = await fresh.get(target, headers=headers, allow_redirects=False, timeout=_UNTIMED)
            exchange.answered(response.content, math.inf)
        async with response:
            yield Incoming(response, exchange)

    def _opened_sessions(self) -> _Sessions:
        if self._sessions is None:
            raise RuntimeError("the client is not open")
        return self._sessions

    def _session(self, *, force_close: bool) -> aiohttp.ClientSession:
        connector = Connector(
            allow=self._allow, resolver=self._resolver, limit=self._connections, force_close=force_close
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            auto_decompress=False,
            trust_env=False,
            read_bufsize=MAX_BODY,
        )


async def _sent(
    sessions: _Sessions, request: _Request, exchange: Dialling, timeout_s: float, *, again: bool
) -> _Answer:
    kept, fresh = sessions
    started = time.perf_counter()
    try:
        return await _exchange(kept, request, exchange, timeout_s)
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        spent_s = time.perf_counter() - started
        first = exchange.dialled or exchange.blocked
        if not again or first or exchange.heard or spent_s > min(_CLOSED_UNDER_US_S, timeout_s):
            raise
    return await _exchange(fresh, request, exchange, timeout_s - spent_s)


async def _exchange(session: aiohttp.ClientSession, request: _Request, exchange: Dialling, timeout_s: float) -> _Answer:
    body = request.body
    async with session.request(
        request.method,
        request.target,
        headers=request.headers,
        data=io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY else body,
        allow_redirects=False,
        timeout=aiohttp.ClientTimeout(total=timeout_s),
    ) as response:
        exchange.answered(response.content, request.most)
        return response.status, response.headers, await _beginning(response, request.most)


async def _beginning(response: aiohttp.ClientResponse, most: int) -> bytes:
    content = response.content
    body = await content.read(most)
    if len(body) < most and not content.at_eof():
        parts, size = [body], len(body)
        while size < most and not content.at_eof():
            parts.append(await content.read(most - size))
            size += len(parts[-1])
        body = b"".join(parts)
    if not content.at_eof():
        response.close()
    return body


@lru_cache(maxsize=1024)
def _parsed(url: str, schemes: frozenset[str], ports: frozenset[int]) -> URL:
    try:
        target = URL(url)
    except ValueError as error:
        raise NetError(FailureReason.PROTOCOL, "this is not an address") from error
    if target.scheme not in schemes:
        raise NetError(FailureReason.INSECURE_URL, f"{target.scheme or 'no scheme'} is not allowed")
    if not target.host:
        raise NetError(FailureReason.PROTOCOL, "the address names no host")
    if target.user is not None or target.password is not None:
        raise NetError(FailureReason.INSECURE_URL, "the address holds a user name or password; send a header instead")
    if ports and target.port not in ports:
        raise NetError(FailureReason.BLOCKED_ADDRESS, f"port {target.port} is not among network.ports")
    # One that is written in full goes out as it is: a signature in it may cover its very bytes.
    return URL(url, encoded=True) if _WRITTEN.fullmatch(url) else target
