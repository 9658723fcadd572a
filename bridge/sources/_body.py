"""Reads the body of a request into fields: JSON, or a form as scripts and Zapier send it. All sources share this."""

from collections.abc import Mapping
from email.message import Message
from functools import lru_cache, partial
from typing import Any
from urllib.parse import parse_qsl

import orjson
from python_multipart.multipart import FormParser

from bridge.core.errors import Problem
from bridge.core.model import RawRequest
from bridge.ports import Parsed

_KEY_MOST = 255
_MOST_FIELDS = 1000


def read_publish(raw: RawRequest) -> Parsed:
    """Return the publish request of a JSON or form body; `Idempotency-Key` is the key.

    Raises:
        Problem: 400 `invalid_json` with the offset, `invalid_body`, `invalid_key`; 415.
    """
    key = read_key(raw)
    return Parsed("publish", (read_fields(raw),), key)


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
    kind, boundary = _content_type(raw.header("content-type") or "application/json")
    if kind == "application/json" or kind.endswith("+json"):
        return read_object(raw.body)
    if kind == "application/x-www-form-urlencoded":
        return _from_form(raw.body)
    if kind == "multipart/form-data":
        return _from_multipart(raw.body, boundary)
    raise Problem(415, "unsupported_media_type", f"{kind} is not understood. Send application/json or a form.")


@lru_cache(maxsize=64)
def _content_type(header: str) -> tuple[str, str]:
    """Return the bare type of a body, and the boundary of its parts."""
    message = Message()
    message["content-type"] = header
    return message.get_content_type(), str(message.get_param("boundary", ""))


def read_object(body: bytes) -> Mapping[str, Any]:
    """Return a JSON object.

    Raises:
        Problem: 400 `invalid_json` with the offset.
    """
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        detail = f"The body is not JSON: {error.msg} at offset {error.pos} (line {error.lineno}, column {error.colno})."
        raise Problem(400, "invalid_json", detail, extra={"offset": error.pos}) from None
    if not isinstance(fields, dict):
        raise Problem(400, "invalid_json", 'The body is JSON, but not an object. Send {"caption": "...", ...}.')
    return fields


def _from_form(body: bytes) -> Mapping[str, Any]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise Problem(400, "invalid_body", f"The form cannot be read: {error}.") from None
    return _gather(pairs)


def _from_multipart(body: bytes, boundary: str) -> Mapping[str, Any]:
    """Read the text fields of a multipart form; files are refused, because media go by their address."""
    pairs: list[tuple[str, str]] = []
    files: list[str] = []
    whole: list[bool] = []

    def take_field(field: Any) -> None:
        pairs.append((field.field_name.decode(), (field.value or b"").decode()))

    def take_file(file: Any) -> None:
        files.append(file.field_name.decode())

    # A file stays in memory until it is refused: a source writes nothing to disk.
    config = {"MAX_MEMORY_FILE_SIZE": len(body) + 1}
    ended = partial(whole.append, True)
    try:
        parser = FormParser("multipart/form-data", take_field, take_file, ended, boundary=boundary, config=config)
        parser.write(body)
        parser.finalize()
    except ValueError as error:
        raise Problem(400, "invalid_body", f"The form cannot be read: {error}.") from None
    if not whole or len(pairs) > _MOST_FIELDS:
        problem = "has too many fields" if whole else "has no end"
        raise Problem(400, "invalid_body", f"The form cannot be read: it {problem}.")
    if files:
        raise Problem(400, "invalid_body", f"{files[0]!r} is a file. Send the address of the file instead.")
    return _gather(pairs)


def _gather(pairs: list[tuple[str, str]]) -> Mapping[str, Any]:
    """Make fields of form pairs: a name that comes again, or ends in `[]`, is a list."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        bare = name.removesuffix("[]")
        if bare in fields:
            known = fields[bare]
            fields[bare] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            fields[bare] = [value] if bare != name else value
    return fields
