"""The guarded HTTP client: for every address that comes from a user, and safe to point at any of them.

It refuses to connect to anything but public addresses and the networks that the configuration allows, looks at no proxy
variable, follows no redirect, keeps no cookie, unpacks nothing, and reads no more of an answer than it has to.
`bridge.downloads` fetches files through it.
"""

import io
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from bridge.core.addresses import Network, is_allowed
from bridge.core.errors import BridgeError, FailureReason

_AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]

MAX_BODY = 16 * 1024
"""How much of an answer is read unless more is asked for, in bytes; the rest is thrown away with its connection."""

_LARGE_BODY = 1024 * 1024
_DNS_CACHE_S = 30
# A connection closed under us shows within a round trip; what fails later may have been at work on the request.
_CLOSED_UNDER_US_S = 1.0

_WRITTEN = re.compile(r"(?:[!$-;=?-Z\[\]_a-z~#]|%[0-9A-Fa-f]{2})+")


class NetError(BridgeError):
    """A request that got no usable answer.

    Args:
        reason: one of `blocked_address`, `dns`, `connect`, `tls`, `timeout`, `closed`, `protocol`, `insecure_url`. Only
            after `timeout`, `closed` and `protocol` may the other side have seen the request.
        detail: what is known beyond that, without the address's query or credentials.
    """

    def __init__(self, reason: FailureReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of any status, redirects included.

    `headers` finds names in any case. `body` is the beginning of what was sent, as it was: still packed, if it was.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    duration_s: float


class Incoming:
    """An answer whose body has yet to come; `headers` finds names in any case."""

    def __init__(self, response: aiohttp.ClientResponse, dialling: "_Dialling") -> None:
        self.status, self.headers = response.status, response.headers
        self._content, self._dialling = response.content, dialling

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the body piece by piece, as it was sent.

        Raises:
            NetError: it broke off.
        """
        while True:
            try:
                chunk = await self._content.readany()
            except (aiohttp.ClientError, OSError) as error:
                raise _named(error, self._dialling) from error
            if not chunk:
                return
            yield chunk


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


@dataclass(slots=True)
class _Dialling:
    """What the connector did for one exchange: whether it opened a socket, and what it was kept from opening."""

    dialled: bool = False
    blocked: str = ""


_WEB = frozenset({"http", "https"})
_UNTIMED = aiohttp.ClientTimeout(total=None)
_dialling: ContextVar[_Dialling] = ContextVar("_dialling")


class GuardedClient:
    """Sends requests to addresses nobody vouches for; open it with `async with`, share it within one event loop.

    Connections are kept and used again. A request whose kept connection turns out to have been closed by the other side
    is sent once more at once, on a connection of its own, within the same time-out.

    Args:
        allow: private networks that may be reached, such as `10.0.0.0/8`.
        allow_http: whether `http://` addresses are taken; `https://` always are.
        connections: how many connections may be open at a time; further requests wait, within their time-out.
        user_agent: what the client calls itself.
        resolver: looks up names; by default the system does.
    """

    def __init__(
        self,
        *,
        allow: Iterable[Network] = (),
        allow_http: bool = False,
        connections: int = 256,
        user_agent: str = "bridge",
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._allow = tuple(allow)
        self._schemes = frozenset({"http", "https"} if allow_http else {"https"})
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

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Reply:
        """Send `body` and return the answer; as `request`."""
        return await self.request("POST", url, headers=headers, body=body, timeout_s=timeout_s)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        body: bytes | None = None,
        most: int = MAX_BODY,
    ) -> Reply:
        """Send one request and return the answer, whatever its status.

        Args:
            method: in upper case.
            url: an absolute address.
            headers: added to our own; the caller's win.
            timeout_s: for everything, from looking up the name to the last byte that is read.
            body: the exact bytes to send.
            most: how many bytes of the answer's body are read; one that has as many may have had more.

        Raises:
            NetError: there was no usable answer.
        """
        sessions = self._opened_sessions()
        request = _Request(method, _parsed(url, self._schemes), headers, body, most)
        started = time.perf_counter()
        with _watched() as dialling:
            status, found, content = await _sent(sessions, request, dialling, timeout_s)
        return Reply(status, found, content, time.perf_counter() - started)

    @asynccontextmanager
    async def opened(self, url: str) -> AsyncIterator[Incoming]:
        """GET an address on a connection of its own and give the answer as it comes; plain http is taken, too.

        How long it may take, and how much is read, is the caller's to bound.

        Raises:
            NetError: there was no answer.
        """
        _, fresh = self._opened_sessions()
        target = _parsed(url, _WEB)
        with _watched() as dialling:
            response = await fresh.get(target, allow_redirects=False, timeout=_UNTIMED)
        async with response:
            yield Incoming(response, dialling)

    def _opened_sessions(self) -> _Sessions:
        if self._sessions is None:
            raise RuntimeError("the client is not open")
        return self._sessions

    def _session(self, *, force_close: bool) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self._connections,
            ttl_dns_cache=_DNS_CACHE_S,
            resolver=self._resolver,
            force_close=force_close,
            socket_factory=self._socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            auto_decompress=False,
            trust_env=False,
            read_bufsize=MAX_BODY,
        )

    def _socket(self, info: _AddressInfo) -> socket.socket:
        """Make the socket for one address that is about to be dialled, or refuse to."""
        family, kind, protocol, _, address = info
        dialling = _dialling.get()
        if not is_allowed(str(address[0]), self._allow):
            dialling.blocked = str(address[0])
            raise OSError("the address is not allowed")
        dialling.dialled = True
        return socket.socket(family, kind, protocol)


@contextmanager
def _watched() -> Iterator[_Dialling]:
    """Take down what the connector does meanwhile, and name what goes wrong.

    Raises:
        NetError: there was no answer.
    """
    dialling = _Dialling()
    token = _dialling.set(dialling)
    try:
        yield dialling
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _named(error, dialling) from error
    finally:
        _dialling.reset(token)


async def _sent(sessions: _Sessions, request: _Request, dialling: _Dialling, timeout_s: float) -> _Answer:
    kept, fresh = sessions
    started = time.perf_counter()
    try:
        return await _exchange(kept, request, timeout_s)
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        spent_s = time.perf_counter() - started
        if dialling.dialled or dialling.blocked or spent_s > min(_CLOSED_UNDER_US_S, timeout_s):
            raise
    return await _exchange(fresh, request, timeout_s - spent_s)


async def _exchange(session: aiohttp.ClientSession, request: _Request, timeout_s: float) -> _Answer:
    body = request.body
    async with session.request(
        request.method,
        request.target,
        headers=request.headers,
        data=io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY else body,
        allow_redirects=False,
        timeout=aiohttp.ClientTimeout(total=timeout_s),
    ) as response:
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
def _parsed(url: str, schemes: frozenset[str]) -> URL:
    try:
        target = URL(url)
    except ValueError as error:
        raise NetError(FailureReason.PROTOCOL, "this is not an address") from error
    if target.scheme not in schemes:
        raise NetError(FailureReason.INSECURE_URL, f"{target.scheme or 'no scheme'} is not allowed")
    if not target.host:
        raise NetError(FailureReason.PROTOCOL, "the address names no host")
    # One that is written in full goes out as it is: a signature in it may cover its very bytes.
    return URL(url, encoded=True) if _WRITTEN.fullmatch(url) else target


def _named(error: Exception, dialling: _Dialling) -> NetError:
    if isinstance(error, TimeoutError):
        return NetError(FailureReason.TIMEOUT)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return NetError(FailureReason.DNS, error.host)
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return NetError(FailureReason.TLS, _cause(error))
    if isinstance(error, aiohttp.ClientConnectorError):
        if dialling.blocked:
            return NetError(FailureReason.BLOCKED_ADDRESS, f"{dialling.blocked} is not public; see network.allow")
        return NetError(FailureReason.CONNECT, error.os_error.strerror or str(error.os_error))
    if isinstance(error, (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError)):
        return NetError(FailureReason.CLOSED, type(error).__name__)
    if isinstance(error, aiohttp.InvalidURL):
        return NetError(FailureReason.PROTOCOL, "this is not an address")
    return NetError(FailureReason.PROTOCOL, type(error).__name__)


def _cause(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return str(error.certificate_error)
    return str(getattr(error, "os_error", error))
