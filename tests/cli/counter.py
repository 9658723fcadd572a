"""A service over HTTP that answers what a test says, and notes what it was asked: for verbs of the client."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

TOKEN = "counter-token-0123456789"


@dataclass(frozen=True)
class Asked:
    """One request."""

    line: str
    body: Any
    headers: dict[str, str]


@dataclass
class Counter:
    """The answers, by method and path (the last one of a list stays), and the requests."""

    url: str = ""
    answers: dict[str, list[tuple[int, bytes, dict[str, str]]]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, line: str, said: Any, status: int = 200, **headers: str) -> None:
        """Say how a request is answered, after the answers that were said before."""
        body = said if isinstance(said, bytes) else orjson.dumps(said)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.setdefault(line, []).append((status, body, named))

    def refuse(self, line: str, status: int, word: str, **more: str) -> None:
        """Answer with a problem."""
        said = {"type": f"urn:bridge:problem:{word}", "title": word.replace("_", " "), "status": status}
        self.answer(line, said | {"detail": f"It is {word}.", "errors": []}, status, **more)

    @property
    def lines(self) -> list[str]:
        return [one.line for one in self.asked]

    def next(self, line: str) -> tuple[int, bytes, dict[str, str]]:
        there = self.answers[line.partition("?")[0]]
        return there.pop(0) if len(there) > 1 else there[0]


@contextlib.contextmanager
def open_counter() -> Iterator[Counter]:
    """Listen on a free port of this machine."""
    counter = Counter()

    class Handler(BaseHTTPRequestHandler):
        def take(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            line = f"{self.command} {self.path}"
            headers = {name.lower(): value for name, value in self.headers.items()}
            counter.asked.append(Asked(line, orjson.loads(sent) if sent else None, headers))
            status, body, more = counter.next(line)
            self.send_response(status)
            for name, value in ({"content-length": str(len(body))} | more).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = take  # noqa: N815  # As the standard library finds them.

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    counter.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.001})
    thread.start()
    try:
        yield counter
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
