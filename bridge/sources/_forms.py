"""Reads forms into (name, value) pairs, and pairs into fields: flat, or nested as PHP writes them."""

import re
from collections.abc import Mapping
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from python_multipart.multipart import FormParser

from bridge.core.errors import Problem

MOST_FIELDS = 1000
_MOST_STEPS = 16
_BARE_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_MOST_BARE = 1000
"""How many percent signs may stand for themselves: no form has any, and `parse_qsl` takes 200 bytes for each."""

Pairs = list[tuple[str, str]]


def read_form(body: bytes, charset: str = "utf-8") -> Pairs:
    """Return the pairs of an urlencoded form.

    Raises:
        Problem: 400 `invalid_body`.
    """
    if body.count(b"&") >= MOST_FIELDS:
        raise _unreadable(f"it has more than {MOST_FIELDS} fields")
    if next(islice(_BARE_PERCENT.finditer(body), _MOST_BARE, None), None) is not None:
        raise _unreadable("it has percent signs that escape nothing; write %25 for a percent sign")
    try:
        return parse_qsl(body.decode(charset), keep_blank_values=True, encoding=charset, errors="strict")
    except ValueError as error:
        raise _unreadable(str(error)) from None


def read_multipart(body: bytes, boundary: str) -> Pairs:
    """Return the text fields of a multipart form; files are refused, because media go by their address.

    Raises:
        Problem: 400 `invalid_body`.
    """
    pairs: Pairs = []
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
        raise _unreadable(str(error)) from None
    if not whole or len(pairs) > MOST_FIELDS:
        raise _unreadable(f"it has more than {MOST_FIELDS} fields" if whole else "it has no end")
    if files:
        raise Problem(400, "invalid_body", f"{files[0][:60]!r} is a file. Send the address of the file instead.")
    return pairs


def _unreadable(why: str) -> Problem:
    return Problem(400, "invalid_body", f"The form cannot be read: {why[:150]}.")


def gather(pairs: Pairs) -> Mapping[str, Any]:
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


def nest(pairs: Pairs) -> Mapping[str, Any]:
    """Make fields of form pairs as PHP does: `post[title]`, `rows[0][name]`, `tags[]`; what comes again is a list.

    Raises:
        Problem: 400, for a name that is nested too deep.
    """
    fields: dict[str, Any] = {}
    for name, value in pairs:
        inner, last = fields, _steps(name)
        for step in last[:-1]:
            inner = _group(inner, step or str(len(inner)))
        step = last[-1] or str(len(inner))
        if step in inner:
            group = _group(inner, step)
            group[str(len(group))] = value
        else:
            inner[step] = value
    return {name: _listed(value) for name, value in fields.items()}


def _steps(name: str) -> list[str]:
    head, bracket, rest = name.partition("[")
    if not (head and bracket and rest.endswith("]")):
        return [name]
    inner = rest.removesuffix("]").split("][")
    if len(inner) > _MOST_STEPS:
        detail = f"{name[:60]!r} is nested too deep. Nest at most {_MOST_STEPS} levels."
        raise Problem(400, "invalid_body", detail)
    return [head, *inner]


def _group(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the group of that name; a single value that stands there becomes its first member."""
    known = fields.get(name)
    if not isinstance(known, dict):
        fields[name] = known = {} if known is None else {"0": known}
    return known


def _listed(value: Any) -> Any:
    """Make lists of the groups whose members are numbered from 0."""
    if not isinstance(value, dict):
        return value
    members = [_listed(member) for member in value.values()]
    numbered = all(name == str(place) for place, name in enumerate(value))
    return members if numbered else dict(zip(value, members, strict=True))
