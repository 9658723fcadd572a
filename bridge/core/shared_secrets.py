"""Secrets that are sent as they are: in a header, as bearer token, by Basic authentication, in the address or body.

They are compared in constant time. One in the body is the only thing for which a body is parsed before its sender is
known: within `orjson`'s depth and 200,000 brackets, or as a form of at most 1,000 fields.
"""

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never
from urllib.parse import parse_qsl, quote_plus, unquote_to_bytes

import orjson

from bridge.core.model import RawRequest
from bridge.core.paths import dig
from bridge.core.redact import MARK
from bridge.core.signing import Check, Encoding, decode

_MOST_FIELDS = 1000
_LONGEST_FIELD = 8192
_MOST_BRACKETS = 200_000
_BOM = b"\xef\xbb\xbf"
_TEXT = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")(\s*:)?', re.DOTALL)
"""A text of JSON; with what comes after it where it is a key."""
_MARKED = f'"{MARK}"'.encode()
_TELLING = 16
"""How many characters a secret has that no other field holds by chance."""


class Place(StrEnum):
    """Where a secret is sent as it is."""

    BEARER = "bearer"
    BASIC = "basic"
    HEADER = "header"
    QUERY = "query"
    BODY = "body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A secret that is sent as it is: in the header, query parameter or body field `name`.

    For `basic` the secret is the password, or `USER:PASSWORD`.
    """

    place: Place
    name: str = ""

    @property
    def told(self) -> str:
        """What is checked, in a few words for people."""
        words = {
            Place.BEARER: "the bearer token", Place.BASIC: "the password of Basic authentication",
            Place.HEADER: f"the secret in the header {self.name}",
            Place.QUERY: f"the secret in the query parameter {self.name}",
            Place.BODY: f"the secret in the field {self.name} of the body",
        }  # fmt: skip
        return words[self.place]


def check_shared(scheme: Shared, secrets: Sequence[str], raw: RawRequest) -> Check:
    """Judge a request by the secret that it brings, with each of ours."""
    given = _given(scheme, raw)
    if not given:
        return Check.UNSIGNED
    found = False
    for secret in filter(None, secrets):
        for form in _forms(secret):
            found |= hmac.compare_digest(given, form)
            if scheme.place is Place.BASIC:
                found |= hmac.compare_digest(given.partition(b":")[2], form)
    return Check.GENUINE if found else Check.FORGED


def _given(scheme: Shared, raw: RawRequest) -> bytes:
    match scheme.place:
        case Place.HEADER:
            return _header_bytes(raw.header(scheme.name) or "")
        case Place.BEARER:
            return _header_bytes(_credentials(raw, "bearer"))
        case Place.BASIC:
            return decode(_credentials(raw, "basic").strip(), Encoding.BASE64) or b""
        case Place.QUERY:
            return _first(raw.query, scheme.name)
        case Place.BODY:
            return _in_body(raw, scheme.name)
        case _:
            assert_never(scheme.place)


def _header_bytes(text: str) -> bytes:
    # Only what HTTP calls white space: a byte of a character may look like another kind of it.
    return text.strip(" \t").encode("latin-1", errors="replace")


def _credentials(raw: RawRequest, wanted: str) -> str:
    kind, _, text = (raw.header("authorization") or "").partition(" ")
    return text if kind.lower() == wanted else ""


def _first(query: str, name: str) -> bytes:
    """Return the first value of a form's field; nothing of what has too many, or of one that is too long."""
    if query.count("&") >= _MOST_FIELDS:
        return b""
    # A field is decoded sign by sign, at 200 bytes for each: nobody who is not known yet gets that much memory.
    short = "&".join(field for field in query.split("&") if len(field) <= _LONGEST_FIELD)
    return next((value.encode(errors="replace") for key, value in parse_qsl(short) if key == name), b"")


def _in_body(raw: RawRequest, path: str) -> bytes:
    """Return the secret of a body that is JSON, whatever it is called, or else a form; multipart holds none."""
    if not _is_json(raw.body):
        return _first(raw.body.decode("latin-1"), path) if _is_form(raw) else b""
    found = _at(raw.body, path)
    return found.encode() if isinstance(found, str) else b""


def _at(body: bytes, path: str) -> Any:
    """Return what stands at a path of a JSON body, or of the only thing in its list; None where it cannot be read."""
    if body.count(b"[") + body.count(b"{") > _MOST_BRACKETS:
        return None
    try:
        data = orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError:
        return None
    found = dig(data, path)
    return dig(data[0], path) if found is None and isinstance(data, list) and len(data) == 1 else found


def _is_json(body: bytes) -> bool:
    return body.removeprefix(_BOM).lstrip()[:1] in (b"{", b"[")


def _is_form(raw: RawRequest) -> bool:
    return (raw.header("content-type") or "").lower().startswith("application/x-www-form-urlencoded")


def without_secret(raw: RawRequest, secrets: Sequence[str], path: str) -> bytes:
    """Return the body of a request with a mark for the secret at a path, and for each other value that is a secret.

    A value counts however it is escaped. A short secret is a word that another field may hold by chance: it is blanked
    at the path alone. Keys, and all else, stay as they were sent.
    """
    ours = {form: len(secret) >= _TELLING for secret in secrets if secret for form in _forms(secret)}
    if not _is_json(raw.body):
        return b"&".join(_blanked(field, ours, path) for field in raw.body.split(b"&"))
    found = [text for text in _TEXT.finditer(raw.body) if text[2] is None and _said(text[1]) in ours]
    place = _place(raw.body, found, path)
    gone = [text for number, text in enumerate(found) if number == place or ours[_said(text[1])]]
    return _marked(raw.body, gone, [_MARKED] * len(gone))


def _place(body: bytes, found: Sequence[re.Match[bytes]], path: str) -> int | None:
    """Return which of the texts stands at the path: each gets a name of its own, and the path is asked for its."""
    names = {f"{MARK} {number}": number for number in range(len(found))}
    there = _at(_marked(body, found, [f'"{name}"'.encode() for name in names]), path)
    return names.get(there) if isinstance(there, str) else None


def _marked(body: bytes, texts: Sequence[re.Match[bytes]], marks: Sequence[bytes]) -> bytes:
    """Return a body with marks in place of some of its texts."""
    pieces, end = list[bytes](), 0
    for text, mark in zip(texts, marks, strict=True):
        pieces += (body[end : text.start()], mark)
        end = text.end(1)
    return b"".join((*pieces, body[end:]))


def _said(text: bytes) -> bytes:
    """Return what a JSON text says; the body was parsed before, so that it can be read."""
    return str(orjson.loads(text)).encode() if b"\\" in text else text[1:-1]


def _blanked(field: bytes, ours: Mapping[bytes, bool], path: str) -> bytes:
    name, _, value = field.partition(b"=")
    telling = ours.get(_plain(value))
    gone = telling is not None and (telling or _plain(name) == path.encode())
    return name + b"=" + quote_plus(MARK).encode() if gone else field


def _plain(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def _forms(secret: str) -> Iterator[bytes]:
    """Give the bytes of a secret as senders write them: in UTF-8, and in Latin-1 where that can."""
    yield secret.encode()
    try:
        yield secret.encode("latin-1")
    except UnicodeEncodeError:
        return
