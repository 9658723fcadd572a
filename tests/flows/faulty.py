"""A receiver that misbehaves on purpose: raw bytes on real sockets of this machine, and everything is counted.

What a server does with a connection is an async function of a `Line`; those below are put together as a test needs.
"""

import asyncio
import socket
import ssl
import struct
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_network
from pathlib import Path

from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = [ip_network("127.0.0.0/8")]
HEAD = b"HTTP/1.1 200 OK\r\n"
OK = HEAD + b"Content-Length: 2\r\n\r\nok"


@dataclass
class Line:
    """One connection that was accepted."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    listener: "Listener"

    async def request(self) -> bytes:
        """Read and keep one whole request."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await self.reader.readexactly(int(length[0].split(b":")[1])) if length else b""
        self.listener.requests.append(head + body)
        return head + body

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until_gone(self) -> None:
        while await self.reader.read(65536):
            pass

    def reset(self) -> None:
        """Close with an RST, as a machine that lost its memory does; what was sent before still arrives."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Serve = Callable[[Line], Awaitable[None]]


@dataclass
class Listener:
    """A server that counts connections and keeps what it was sent."""

    serve: Serve
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            await self.serve(Line(reader, writer, self))
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # The client left, or the test ends.
        finally:
            self._tasks.discard(task)
            writer.close()

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()


async def answers_all(line: Line) -> None:
    """Answer every request, and keep the connection."""
    while True:
        await line.request()
        await line.send(OK)


@asynccontextmanager
async def listening(
    serve: Serve = answers_all, *hosts: str, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Listener]:
    """Serve on one free port of each host, by default of 127.0.0.1."""
    listener = Listener(serve, scheme="https" if tls else "http")
    servers = []
    for host in hosts or ("127.0.0.1",):
        servers.append(await asyncio.start_server(listener.connected, host, listener.port, ssl=tls))
        listener.port = servers[0].sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        for server in servers:
            server.close()
        listener.stop()
        await asyncio.sleep(0)


def reply(status: int = 200, *headers: str, body: bytes = b"ok") -> bytes:
    """Return a proper answer."""
    phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Whatever"
    lines = [f"HTTP/1.1 {status} {phrase}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def answers(*replies: bytes) -> Serve:
    """Answer as many requests of a connection as there are replies, then hang up."""

    async def serve(line: Line) -> None:
        for data in replies:
            await line.request()
            await line.send(data)

    return serve


def resets(data: bytes = b"") -> Serve:
    """Send the beginning of an answer, then reset the connection."""

    async def serve(line: Line) -> None:
        await line.request()
        await line.send(data)
        line.reset()

    return serve


def hangs(data: bytes = b"") -> Serve:
    """Send the beginning of an answer, then nothing for as long as the client waits."""

    async def serve(line: Line) -> None:
        await line.request()
        await line.send(data)
        await line.until_gone()

    return serve


async def reads_nothing(line: Line) -> None:
    """Accept, and neither read nor write until the test ends."""
    await asyncio.Event().wait()


async def answers_unread(line: Line) -> None:
    """Answer without having read the request, and do not read it afterwards either."""
    await line.send(OK)
    await asyncio.Event().wait()


def drips(start: bytes, byte: bytes = b"x", every_s: float = 0.01) -> Serve:
    """Send the beginning of an answer, then one byte at a time."""

    async def serve(line: Line) -> None:
        await line.request()
        await line.send(start)
        while True:
            await line.send(byte)
            await asyncio.sleep(every_s)

    return serve


def endless(start: bytes, piece: bytes) -> Serve:
    """Send a beginning, then the same piece as fast as it is taken, for ever."""
    block = piece * (65536 // len(piece) + 1)

    async def serve(line: Line) -> None:
        await line.request()
        await line.send(start)
        while not line.writer.is_closing():
            await line.send(block)

    return serve


def in_turn(*serves: Serve) -> Serve:
    """Do the first with the first connection, the second with the second, and so on; the last with all others."""

    async def serve(line: Line) -> None:
        await serves[min(line.listener.connections, len(serves)) - 1](line)

    return serve


def after_one(serve: Serve) -> Serve:
    """Answer the first request of a connection properly, then misbehave."""

    async def both(line: Line) -> None:
        await line.request()
        await line.send(OK)
        await serve(line)

    return both


@asynccontextmanager
async def closed_port() -> AsyncIterator[int]:
    """Give a port that is taken, so that nobody else gets it, and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def self_signed(folder: Path) -> ssl.SSLContext:
    """Make a certificate for 127.0.0.1 that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file = folder / "self-signed.pem"
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


class Names(AbstractResolver):
    """A resolver that knows only what it is told; of several answers it gives the next each time it is asked."""

    def __init__(self, *addresses: str, then: tuple[str, ...] | None = None) -> None:
        self.asked = 0
        self._answers = [addresses] if then is None else [addresses, then]

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        addresses = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        if not addresses:
            raise OSError(None, "no such name")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


@dataclass
class Memory:
    peak: int = 0


@contextmanager
def traced() -> Iterator[Memory]:
    """Measure the most that was allocated meanwhile, in bytes."""
    memory = Memory()
    tracemalloc.start()
    try:
        yield memory
        memory.peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
