"""What the tests of thin senders share: their samples, requests made of them, and lookups over given answers."""

import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from bridge.core.model import Item, RawRequest
from bridge.ports import Call, Source
from tests.core.builders import NOW

SAMPLES = Path(__file__).parents[1] / "samples"


def sent(name: str) -> bytes:
    """The body of a webhook."""
    return (SAMPLES / "inbound" / name).read_bytes()


def answer(name: str, **changes: Any) -> bytes:
    """An answer of a sender's API; `changes` are of its outermost fields."""
    body = (SAMPLES / "answers" / name).read_bytes()
    return orjson.dumps(orjson.loads(body) | changes) if changes else body


def a_request(body: bytes, **headers: str) -> RawRequest:
    """A request to a source: JSON, with these headers (`-` written as `_`)."""
    pairs = [
        ("content-type", "application/json"),
        *((name.replace("_", "-"), value) for name, value in headers.items()),
    ]
    return RawRequest("POST", "/hooks/cms", "", "https://b.example/hooks/cms", tuple(pairs), body, NOW)


def mac(secret: str, body: bytes, algorithm: str = "sha256") -> str:
    """The HMAC in hexadecimal."""
    return hmac.new(secret.encode(), body, algorithm).hexdigest()


def items(source: Source, request: RawRequest) -> tuple[Item, ...]:
    return source.read(source.verify(request)).items


def looked_up(source: Source, wanted: Any, *answers: bytes) -> tuple[list[str], Call | Item]:
    """The addresses that are asked one after the other, and what comes of the last of these answers."""
    asked: list[str] = []
    given: Sequence[bytes] = ()
    for body in answers:
        call = source.lookup(wanted, given)
        assert isinstance(call, Call)
        asked.append(call.url)
        given = (*given, body)
    return asked, source.lookup(wanted, given)
