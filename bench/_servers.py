"""The references and the sink, each a process of its own: `bare PORT`, `sink PORT`, `relay PORT SINK_PORT`."""

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import AsyncIterator
from typing import ClassVar, cast

import aiohttp
import orjson
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def take(request: Request) -> Response:
    """Read the body and answer 202: what accepting costs before anything is done."""
    await request.body()
    return Response(status_code=202)


def _serve(app: Starlette, port: int) -> None:
    """On uvicorn, set up as bridge sets it up."""
    uvicorn.run(app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", log_level="error", access_log=False)


def bare(port: int) -> None:
    """A bare Starlette endpoint."""
    paths = ("/v1/publish", "/hooks/blog")
    routes = [*(Route(path, take, methods=["POST"]) for path in paths), Route("/readyz", take)]
    _serve(Starlette(routes=routes), port)


IN_FLIGHT = 64


def relay(port: int, sink_port: int) -> None:
    """The same endpoint, which also posts each body to the sink, 64 in flight, without keeping anything."""
    bodies: asyncio.Queue[bytes] = asyncio.Queue()

    async def note(request: Request) -> Response:
        bodies.put_nowait(await request.body())
        return Response(status_code=202)

    async def work(session: aiohttp.ClientSession) -> None:
        while True:
            async with session.post(f"http://127.0.0.1:{sink_port}/hook", data=await bodies.get()) as response:
                await response.read()

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:
            workers = [asyncio.create_task(work(session)) for _ in range(IN_FLIGHT)]
            yield
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    _serve(Starlette(routes=[Route("/v1/publish", note, methods=["POST"])], lifespan=lifespan), port)


HANG_S = 15.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_NAMED = re.compile(rb'"external_id":"([^"]*)"')


class Sink(asyncio.Protocol):
    """Answers 200 to each request as soon as its body is whole, at `/hang` so much later; knows Content-Length only.

    `GET /count` says how many arrived, `GET /arrivals` which of those to `/note` by their `external_id`, and when (in
    ms since 1970); both begin anew then.
    """

    arrived = 0
    noted: ClassVar[list[tuple[float, bytes]]] = []

    def __init__(self) -> None:
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (head := self.buffer.find(b"\r\n\r\n")) >= 0:
            start = self.buffer[:head].lower().find(b"content-length:")
            length = int(self.buffer[start + 15 : self.buffer.find(b"\r\n", start)]) if start >= 0 else 0
            if len(self.buffer) < head + 4 + length:
                return
            request, self.buffer = self.buffer[: head + 4 + length], self.buffer[head + 4 + length :]
            self.take(request)

    def take(self, request: bytes) -> None:
        if request.startswith(b"GET "):
            self.show(request)
            return
        Sink.arrived += 1
        if request.startswith(b"POST /note "):
            Sink.noted.append((time.time() * 1000, request))
        if request.startswith(b"POST /hang "):
            asyncio.get_running_loop().call_later(HANG_S, self.answer)
        else:
            self.answer()

    def show(self, request: bytes) -> None:
        if request.startswith(b"GET /count "):
            body, Sink.arrived = b"%d" % Sink.arrived, 0
        else:
            found = [(_NAMED.search(noted), at) for at, noted in Sink.noted]
            body = orjson.dumps([(name.group(1).decode(), at) for name, at in found if name is not None])
            Sink.noted.clear()
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(OK)


async def sink(port: int) -> None:
    """Serve the sink."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    what, ports = sys.argv[1], [int(port) for port in sys.argv[2:]]
    if what == "sink":
        uvloop.run(sink(*ports))
    elif what == "relay":
        relay(*ports)
    else:
        bare(*ports)
