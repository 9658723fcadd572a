"""Reads a request's body up to a limit, and never more of it than that."""

from starlette.types import Receive

from bridge.core.errors import Problem
from bridge.core.units import format_size


class Disconnected(Exception):
    """The client went away while it was sending: nobody is left to be answered."""


async def read_body(receive: Receive, declared: bytes | None, most: int) -> bytes:
    """Return the body.

    Args:
        receive: of the request.
        declared: its Content-Length, if it has one: what is too long by its own word is not read at all.
        most: bytes.

    Raises:
        Problem: 413.
        Disconnected: it never came whole.
    """
    if declared is not None and declared.isdigit() and int(declared) > most:
        raise too_large(most)
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size > most:
            raise too_large(most)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def too_large(most: int) -> Problem:
    """Return the 413 that names the limit."""
    detail = f"The body is larger than {format_size(most)} (server.max_body). Send media by their address."
    return Problem(413, "too_large", detail, extra={"limit": most})
