"""A load generator that costs less than what it measures: raw HTTP/1.1 over kept connections, no HTTP library."""

import asyncio
import time
from collections.abc import Iterator
from typing import cast


class Connection(asyncio.Protocol):
    """One connection: sends the next request when an answer is whole; counts statuses."""

    def __init__(self, load: "Load") -> None:
        self.load = load
        self.transport: asyncio.Transport
        self.buffer = b""
        self.over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.next()

    def next(self) -> None:
        request = next(self.load.requests, None)
        if request is None:
            self.over = True
            self.transport.close()
            self.load.closed()
        else:
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        start = self.buffer.lower().find(b"content-length:", 0, head)
        length = int(self.buffer[start + 15 : self.buffer.find(b"\r\n", start)]) if start >= 0 else 0
        if len(self.buffer) >= head + 4 + length:
            self.load.answered(int(self.buffer[9:12]))
            self.buffer = self.buffer[head + 4 + length :]
            self.next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over:
            self.load.failed(exc or ConnectionError("the service closed a connection before all was answered"))


class Load:
    """Sends `requests` over `connections` connections as fast as they are answered."""

    def __init__(self, requests: Iterator[bytes], connections: int) -> None:
        self.requests, self.connections = requests, connections
        self.statuses: dict[int, int] = {}
        self.open = connections
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answered(self, status: int) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def closed(self) -> None:
        self.open -= 1
        if self.open == 0 and not self.done.done():
            self.done.set_result(None)

    def failed(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    async def run(self, host: str, port: int) -> float:
        """Return how many requests a second were answered."""
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        for _ in range(self.connections):
            await loop.create_connection(lambda: Connection(self), host, port)
        await self.done
        return sum(self.statuses.values()) / (time.perf_counter() - began)


def post(path: str, host: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return one request as bytes."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
