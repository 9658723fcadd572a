"""The references and the sink, each a process of its own: `python -m bench._servers bare|sink PORT`."""

import asyncio
import sys
from typing import cast

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


def bare(port: int) -> None:
    """A bare Starlette endpoint on uvicorn, set up as bridge sets it up."""
    paths = ("/v1/publish", "/hooks/blog")
    app = Starlette(routes=[*(Route(path, take, methods=["POST"]) for path in paths), Route("/readyz", take)])
    uvicorn.run(app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", log_level="error", access_log=False)


HANG_S = 15.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Sink(asyncio.Protocol):
    """Answers 200 to each request as soon as its body is whole, at `/hang` so much later; knows Content-Length only."""

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
            hangs = self.buffer.startswith(b"POST /hang ")
            self.buffer = self.buffer[head + 4 + length :]
            if hangs:
                asyncio.get_running_loop().call_later(HANG_S, self.answer)
            else:
                self.answer()

    def answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(OK)


async def sink(port: int) -> None:
    """Serve the sink."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        bare(int(sys.argv[2]))
    else:
        uvloop.run(sink(int(sys.argv[2])))
