"""Reads the body of a request into what it says: JSON, or a form as scripts, WordPress and Zapier send it.

All sources share this. `read_publish` is for our own API, whose fields have one name each; `read_body` is for hooks,
whose senders are as they are.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from python_multipart.multipart import parse_options_header

from bridge.core.errors import Problem
from bridge.core.model import Intent, Item, RawRequest
from bridge.ports import Parsed
from bridge.sources._forms import gather, nest, read_form, read_multipart
from bridge.sources._json import parse_either, parse_object, parse_one
from bridge.sources._typed import typed

__all__ = ["read_body", "read_fields", "read_json", "read_key", "read_object", "read_publish", "read_type"]

LONGEST_TYPE = 256
"""How many characters a `Content-Type` may have: whoever sends an event writes well under 100."""

_KEY_MOST = 255
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_CHARSETS = frozenset(
    {
        "ascii", "us-ascii", "utf-8", "utf8", "iso-8859-1", "iso8859-1", "latin-1", "latin1", "iso-8859-15",
        "windows-1252", "cp1252", "utf-16", "utf-16le", "utf-16be",
    }
)  # fmt: skip
"""Those that are understood. Python knows more, of which some take very long to read."""
_UTF8 = frozenset({"", "ascii", "us-ascii", "utf-8", "utf8"})

read_object = parse_object


def read_publish(raw: RawRequest) -> Parsed:
    """Return the publish request of a JSON or form body, whoever wrote it; `Idempotency-Key` is the key.

    Raises:
        Problem: 400 `invalid_json` with the offset, `invalid_body`, `invalid_key`; 415.
    """
    key = read_key(raw)
    return Parsed((Item(intent=Intent.PUBLISH, key=key, own=typed(read_fields(raw))),))


def read_key(raw: RawRequest) -> str | None:
    """Return the `Idempotency-Key`.

    Raises:
        Problem: 400 `invalid_key`.
    """
    key = (raw.header("idempotency-key") or "").strip()
    if len(key) > _KEY_MOST:
        raise Problem(400, "invalid_key", f"Idempotency-Key has {len(key)} characters. Send at most {_KEY_MOST}.")
    return key or None


def read_fields(raw: RawRequest) -> Mapping[str, Any]:
    """Return the fields of a JSON or form body.

    Raises:
        Problem: 400 or 415, saying what would be right.
    """
    kind, boundary, _ = read_type(raw)
    if kind == _JSON or _is_json(kind):
        return parse_one(raw.body)
    if kind == _FORM:
        return gather(read_form(raw.body))
    if kind == _MULTIPART:
        return gather(read_multipart(raw.body, boundary))
    raise _not_taken(kind)


def read_body(raw: RawRequest) -> Any:
    """Return the object or list that the body of a hook is.

    JSON is also taken as `text/plain`, as a form (which some senders call everything), and in the field `payload` of
    a form that has no other. Names of form fields nest as in PHP.

    Raises:
        Problem: 400 or 415, saying what would be right.
    """
    kind, boundary, charset = read_type(raw)
    if kind == _MULTIPART:
        return nest(read_multipart(raw.body, boundary))
    if _is_json(kind) or (kind in ("text/plain", _FORM) and _looks_like_json(raw.body)):
        return read_json(raw.body, charset)
    if kind == _FORM:
        return _unpacked(nest(read_form(raw.body, _known(charset))))
    raise _not_taken(kind)


def read_json(body: bytes, charset: str = "") -> Any:
    """Return the JSON object or list of a body in that character set.

    Raises:
        Problem: 400 or 415, saying what would be right.
    """
    if charset in _UTF8:
        return parse_either(body)
    try:
        text = body.decode(_known(charset))
        return parse_either(text.removeprefix("\ufeff").encode())
    except UnicodeError:
        detail = f"The body is not in {charset}, as its content type says. Send UTF-8."
        raise Problem(400, "invalid_json", detail) from None


def _unpacked(fields: Mapping[str, Any]) -> Any:
    payload = fields.get("payload")
    if len(fields) == 1 and isinstance(payload, str) and _looks_like_json(payload.encode(errors="replace")):
        return parse_either(payload.encode(errors="replace"))
    return fields


def _is_json(kind: str) -> bool:
    return kind == _JSON or kind.endswith("+json")


def _looks_like_json(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def _known(charset: str) -> str:
    if charset and charset not in _CHARSETS:
        detail = f"The character set {charset[:40]!r} is not understood. Send UTF-8."
        raise Problem(415, "unsupported_media_type", detail)
    return charset or "utf-8"


def _not_taken(kind: str) -> Problem:
    detail = f"{kind[:80]} is not understood. Send application/json or a form ({_FORM})."
    return Problem(415, "unsupported_media_type", detail)


def read_type(raw: RawRequest) -> tuple[str, str, str]:
    """Return the bare type of a body, the boundary of its parts, and its character set in small letters.

    Raises:
        Problem: 415, it is too long: it is not even parsed.
    """
    header = raw.header("content-type") or _JSON
    if len(header) > LONGEST_TYPE:
        detail = f"The Content-Type has {len(header)} characters. Send {_JSON}, or a form ({_FORM})."
        raise Problem(415, "unsupported_media_type", detail)
    return _type_of(header)


@lru_cache(maxsize=64)
def _type_of(header: str) -> tuple[str, str, str]:
    bare, named = parse_options_header(header.encode("ascii", errors="replace").decode())
    kind, boundary = bare.decode(), named.get(b"boundary", b"").decode()
    charset = named.get(b"charset", b"").decode().strip().lower().replace("_", "-")
    # What is no type at all counts as text, as everywhere on the web.
    return kind if kind.count("/") == 1 else "text/plain", boundary, charset
