"""HTTP/1.1 as uvicorn speaks it, but with each answer in one write."""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Http(HttpToolsProtocol):
    """Sends the head of an answer with its body: a system call and a wake-up of whoever reads less for each."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As uvicorn has it.
        """Serve a connection."""
        super().connection_made(cast(asyncio.Transport, Joining(transport, self.loop)))


class Joining:
    """A transport that keeps what is written until the next write, but never beyond the turn of the loop."""

    __slots__ = ("_held", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop, self._held = transport, loop, b""

    def write(self, data: bytes) -> None:
        """Write, or keep it for the next write; what is empty only sends what is kept."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held + data)
        elif data:
            self._held = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Close once everything is written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held and not self._transport.is_closing():
            self.write(b"")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
