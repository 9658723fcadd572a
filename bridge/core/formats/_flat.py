"""One level of keys, for tools that map columns: Zapier's Catch Hook, sheets, forms.

A type has the same keys each time, because they are read off its schema: what an event does not have is null. Keys of
nested objects are joined by `_`. Of a list of objects there is one key a field, whose values stand in the order of the
list (`targets_state: "posted | failed"`), and a count. A `|` inside a value becomes `¦`, so that there are as many
values as objects.

Sheets take a text that begins with `=`, `+`, `-` or `@` for a formula, and texts are the callers' and the partners'
own: such a one gets a `'` before it, as https://owasp.org/www-community/attacks/CSV_Injection advises (read 2026-11).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from bridge.core.catalogue.schemas import Schema, data
from bridge.core.model import OutboundEvent

Scalar = str | int | float | bool | None
Column = tuple[str, Scalar]

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # The wide ones, too, are formulas to some.
_BETWEEN, _BAR, _NO_BAR = " | ", "|", "¦"
_ENVELOPE = ("id", "type", "timestamp")
"""Keys of the event itself; data that has one of these names is told as `data_NAME`."""


def body(event: OutboundEvent) -> bytes:
    """Return an event as one level of keys with text, numbers, booleans and nulls."""
    told = orjson.loads(event.body)
    columns = {"id": event.id, "type": told["type"], "timestamp": told["timestamp"]}
    for name, value in _columns("", told["data"], data(told["type"])):
        columns[f"data_{name}" if name in _ENVELOPE else name] = _shown(value)
    return orjson.dumps(columns)


def _columns(name: str, value: object, schema: Schema) -> Iterator[Column]:
    """Give the columns that a part of the data makes; those of its schema whether or not it is there."""
    items = schema.get("items", {})
    if "properties" in schema or (isinstance(value, Mapping) and "additionalProperties" not in schema):
        yield from _fields(name, value if isinstance(value, Mapping) else {}, schema.get("properties", {}))
    elif "properties" in items:
        yield from _rows(name, value if isinstance(value, Sequence) else (), items)
    else:
        yield name, _cell(value)


def _fields(name: str, value: Mapping[str, Any], known: Mapping[str, Schema]) -> Iterator[Column]:
    for field in (*known, *(field for field in value if field not in known)):
        yield from _columns(f"{name}_{field}" if name else field, value.get(field), known.get(field, {}))


def _rows(name: str, rows: Sequence[Any], schema: Schema) -> Iterator[Column]:
    """Give a count, and a column for each field that an object of the list has by its schema or in fact."""
    yield f"{name}_count", len(rows)
    made = [dict(_columns(name, row, schema)) for row in rows]
    for column in dict.fromkeys([*dict(_columns(name, {}, schema)), *(key for row in made for key in row)]):
        yield column, _BETWEEN.join(_words(row.get(column)).replace(_BAR, _NO_BAR) for row in made)


def _cell(value: object) -> Scalar:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_words(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_words(item) for item in value)
    return value  # type: ignore[return-value]  # What is left of JSON are scalars.


def _shown(value: Scalar) -> Scalar:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _words(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
