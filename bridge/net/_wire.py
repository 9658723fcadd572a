"""How connections are opened: every address is judged when it is dialled, and what came over each is counted."""

import asyncio
import socket
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.tracing import Trace

from bridge.core.addresses import Network, is_allowed

_AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]

_DNS_CACHE_S = 30
# What may come before an answer's body, and how much larger than itself its framing may make that.
_MAX_HEAD, _FRAMING = 256 * 1024, 8


class Wire(ResponseHandler):
    """A connection that counts what came since its last request, and ends when that is out of all proportion.

    aiohttp bounds the head of an answer, but goes on reading interim ones (1xx), and chunks that hold nothing but their
    own framing, for as long as they come.
    """

    came = 0
    certificate: Mapping[str, Any] | None = None
    room: float = _MAX_HEAD
    malformed = False
    _body: aiohttp.StreamReader | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what the other side proved itself with; called by the transport once it has."""
        super().connection_made(transport)
        self.certificate = transport.get_extra_info("peercert")

    def asked(self) -> None:
        """Begin to count anew: a request is about to be sent."""
        self.came, self.room, self._body = 0, _MAX_HEAD, None

    def answered(self, body: aiohttp.StreamReader, most: float) -> None:
        """Take down that the head of an answer is there, and how much of its body will be read."""
        self.room, self._body = _MAX_HEAD + _FRAMING * most, body
        if self.malformed:
            self._spoil()

    def data_received(self, data: bytes) -> None:
        """Take what came; called by the transport, and without data when a reader has caught up."""
        if self.came > self.room or (data and self._is_over()):
            self._give_up()
            return
        head, end, rest = (b"", b"", data) if self.came else data.partition(b"\r\n\r\n")
        self.came += len(data)
        if end and rest:
            # What follows a head may be broken: a body after 204, more than the length says. The answer stays one,
            # whether or not that came along with it.
            super().data_received(head + end)
        if self.exception() is None:
            super().data_received(rest if end and rest else data)
        if isinstance(self.exception(), HttpProcessingError):
            self._spoil()

    def _is_over(self) -> bool:
        """Say whether the answer is complete; aiohttp would take what follows for that to the next request.

        Some servers say 408 to a connection that has been idle, before they close it.
        """
        return self._body is not None and self._body.is_eof()

    def _give_up(self) -> None:
        self.set_exception(HttpProcessingError(message="more than an answer"))
        if self.transport is not None:
            self.transport.abort()
        self._spoil()

    def _spoil(self) -> None:
        """End a body that will never be whole: aiohttp would leave its reader waiting."""
        self.malformed = True
        if self._body is not None and not self._body.is_eof():
            self._body.set_exception(aiohttp.ClientPayloadError("what came is not HTTP"))


@dataclass(slots=True)
class Dialling:
    """What the connector did for one exchange: whether it opened a socket, what it refused to dial, what it gave."""

    dialled: bool = False
    blocked: str = ""
    wire: Wire | None = None

    def answered(self, body: aiohttp.StreamReader, most: float) -> None:
        """Take down that the head of an answer is there, and how many bytes of its body will be read."""
        if self.wire is not None:
            self.wire.answered(body, most)

    @property
    def heard(self) -> bool:
        """Whether anything of an answer came."""
        return self.wire is not None and self.wire.came > 0

    @property
    def malformed(self) -> bool:
        """Whether what came is not HTTP."""
        return self.wire is not None and self.wire.malformed


dialling: ContextVar[Dialling] = ContextVar("dialling")
"""The exchange that the connector works for."""


class Connector(aiohttp.TCPConnector):
    """Dials only addresses that are public or in `allow`, whatever led there: the check is at the socket itself."""

    def __init__(
        self, *, allow: tuple[Network, ...], resolver: AbstractResolver | None, limit: int, force_close: bool
    ) -> None:
        super().__init__(
            limit=limit,
            ttl_dns_cache=_DNS_CACHE_S,
            resolver=resolver,
            force_close=force_close,
            socket_factory=self._socket,
        )
        self._allow = allow
        # There is no public way to give a connector its protocol; `partial` is invariant.
        self._factory = partial(Wire, loop=self._loop)  # type: ignore[assignment]

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """Give a kept connection, or a new one; called by the session."""
        connection = await super().connect(req, traces, timeout)
        if isinstance(connection.protocol, Wire):
            connection.protocol.asked()
            dialling.get().wire = connection.protocol
        return connection

    def _socket(self, info: _AddressInfo) -> socket.socket:
        """Make the socket for one address that is about to be dialled, or refuse to."""
        family, kind, protocol, _, address = info
        exchange = dialling.get()
        if not is_allowed(str(address[0]), self._allow):
            exchange.blocked = str(address[0])
            raise OSError("the address is not allowed")
        exchange.dialled = True
        return socket.socket(family, kind, protocol)
