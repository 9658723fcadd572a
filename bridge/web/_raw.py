"""Takes a request exactly as it arrived, for a source to judge."""

from dataclasses import dataclass

from starlette.types import Receive, Scope

from bridge.core.errors import Problem
from bridge.core.model import RawRequest
from bridge.web._body import read_body
from bridge.web._call import Web

MOST_HEADERS = 65_536
"""How many bytes the names and values of all headers may have; `uvicorn` itself has no limit."""


@dataclass(slots=True)
class Head:
    """What stands before a body. `packed` says that the body is compressed."""

    headers: tuple[tuple[str, str], ...]
    length: bytes | None
    host: str
    authorization: str | None
    packed: bool


def head_of(scope: Scope) -> Head:
    """Read the headers, once.

    Raises:
        Problem: 431, they are too large.
    """
    headers, length, host, authorization, packed = [], None, "", None, False
    size = 0
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        headers.append((str(name, "latin-1"), str(value, "latin-1")))
        if name == b"content-length":
            length = value
        elif name == b"host":
            host = headers[-1][1]
        elif name == b"authorization" and authorization is None:
            authorization = headers[-1][1]
        elif name == b"content-encoding" and value.lower() != b"identity":
            packed = True
    if size > MOST_HEADERS:
        detail = f"The headers have more than {MOST_HEADERS} bytes. Send fewer, or shorter ones."
        raise Problem(431, "headers_too_large", detail)
    return Head(tuple(headers), length, host, authorization, packed)


async def body_of(web: Web, head: Head, receive: Receive) -> bytes:
    """Read the body as it is.

    Raises:
        Problem: 413, 415 for a compressed body.
        Disconnected: it never came whole.
    """
    if head.packed:
        raise Problem(415, "unsupported_encoding", "The body is compressed. Send it as it is.")
    return await read_body(receive, head.length, web.max_body)


def raw_request(web: Web, scope: Scope, head: Head, body: bytes) -> RawRequest:
    """Put a request together."""
    path = str(scope.get("raw_path") or scope["path"].encode(), "latin-1")
    query = str(scope["query_string"], "latin-1")
    base = (web.public_url or f"{scope['scheme']}://{head.host}").rstrip("/")
    return RawRequest(
        method=scope["method"],
        path=path,
        query=query,
        public_url=f"{base}{path}?{query}" if query else base + path,
        headers=head.headers,
        body=body,
        received_at=web.clock(),
    )
