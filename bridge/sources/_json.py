"""Parses JSON that strangers wrote: what is wrong with it is said with its place, and nothing in it costs much.

`orjson` reads. It keeps the last of two values of one name without a word, so names that come twice are looked for,
where a count shows that there may be any.
"""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from bridge.core.errors import Problem

MOST_LEVELS = 64
"""How deep a body may be nested. Real ones stay under 20; whoever reads one by recursion needs a bound."""

MOST_PARTS = 100_000
"""How many objects and lists a body may hold: a megabyte of empty ones takes a second to look through."""

_MOST_BRACKETS = 2 * MOST_PARTS
"""How many brackets a body may have, those in texts too; past that it is not even parsed, which takes long as well."""

_WHITE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_UNESCAPED = ("control character", "expected ',' or '}'", "expected ',' or ']'")
_HINT = " A quote or a line end inside a value must be escaped."


def parse(body: bytes) -> Any:
    """Return the JSON value of a body in UTF-8; a byte order mark is passed over.

    Raises:
        Problem: 400 `invalid_json`, with the offset in bytes or characters where there is one.
    """
    if body[:3] == _BOM:
        body = body[3:]
    opened = body.count(b"[") + body.count(b"{")
    if opened > _MOST_BRACKETS:
        raise _too_many()
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _unreadable(body, error) from None
    pairs = body.translate(None, _WHITE).count(b'":')
    if opened > MOST_LEVELS or not isinstance(value, dict) or len(value) != pairs:
        _refuse_odd(body, value, pairs)
    return value


def _unreadable(body: bytes, error: orjson.JSONDecodeError) -> Problem:
    """Say why a body is not JSON: it is empty, not in UTF-8, nested too deep, or broken at some place."""
    if not body.strip():
        return _problem("The body is empty. Send a JSON object.", 0)
    if "depth limit" in error.msg:
        return _too_deep()
    try:
        body.decode()
    except UnicodeDecodeError as wrong:
        return _problem(f"The body is not UTF-8: byte {wrong.start} is part of no character.", wrong.start)
    hint = _HINT if any(sign in error.msg for sign in _UNESCAPED) else ""
    place = f"at offset {error.pos} (line {error.lineno}, column {error.colno})"
    return _problem(f"The body is not JSON: {error.msg} {place}.{hint}", error.pos)


def _problem(detail: str, offset: int | None = None) -> Problem:
    return Problem(400, "invalid_json", detail, extra={} if offset is None else {"offset": offset})


def _too_deep() -> Problem:
    return _problem(f"The body is nested too deep. Nest at most {MOST_LEVELS} levels.")


def _too_many() -> Problem:
    return _problem(f"The body holds more than {MOST_PARTS} objects and lists. Send less at a time.")


def _refuse_odd(body: bytes, value: Any, pairs: int) -> None:
    """Refuse what is nested too deep, and names that come twice in one object.

    Each name stands before a `":"` when white space is left out; a text may hold that too. So an object with as many
    names as there are of those (`pairs`) holds all of them, each once. Else everything is counted, and what still does
    not fit is read again, slowly.
    """
    if _count_names(value) < pairs:
        _refuse_repeated(body)


def _count_names(value: Any) -> int:
    """Return how many names the objects of a value have in all, level by level, for there may be many.

    Raises:
        Problem: it is nested too deep, or has too many parts.
    """
    level = [value] if isinstance(value, (dict, list)) else []
    names = parts = levels = 0
    while level:
        parts, levels = parts + len(level), levels + 1
        if levels > MOST_LEVELS:
            raise _too_deep()
        if parts > MOST_PARTS:
            raise _too_many()
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                names += len(item)
                inner += item.values()
            else:
                inner += item
        level = [item for item in inner if isinstance(item, (dict, list))]
    return names


def _refuse_repeated(body: bytes) -> None:
    # Numbers stay text: there are some that take long to read, and nobody looks at them.
    json.loads(body.decode(), object_pairs_hook=_unique, parse_int=str, parse_float=str)


def _unique(pairs: list[tuple[str, Any]]) -> None:
    """Refuse a name that an object has twice.

    Raises:
        Problem: 400, with the name.
    """
    names: set[str] = set()
    for name, _ in pairs:
        if name in names:
            raise _problem(f"The name {name[:60]!r} comes twice in one object. Send it once.")
        names.add(name)


def parse_object(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object of a body.

    Raises:
        Problem: as `parse`; or it is no object.
    """
    return _object(parse(body))


def parse_one(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object of a body; it may be the only one of a list, as Zapier wraps it when it is told to.

    Raises:
        Problem: as `parse_object`.
    """
    value = parse(body)
    return _object(value[0] if isinstance(value, list) and len(value) == 1 else value)


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, list) and len(value) > 1:
        raise _problem(f"The body is a list of {len(value)}. Send one object in each request.")
    if not isinstance(value, dict):
        raise _problem('The body is JSON, but not an object. Send {"caption": "...", ...}.')
    return value


def parse_either(body: bytes) -> Any:
    """Return the JSON object or list of a body.

    Raises:
        Problem: as `parse`; or it is neither.
    """
    value = parse(body)
    if not isinstance(value, (dict, list)):
        raise _problem("The body is JSON, but neither an object nor a list of objects.")
    return value
