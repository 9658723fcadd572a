"""Units as people write them in a configuration: durations (`72h`, `1h30m`) and sizes (`2MB`).

`Duration` and `Size` are for annotations of configuration dataclasses (here, in partners, in sources): inside they are
`timedelta` and whole bytes, in a file they are text with a unit.
"""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_US = {
    "w": 7 * 86_400_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
}
_DURATION = re.compile(r"(?:\d{1,15}(?:\.\d{1,6})?(?:ms|[wdhms]))+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+)(?:\.(\d+))?(ms|[wdhms])", re.ASCII)
_LONGEST = timedelta(days=36_500)

_BYTES = {
    "b": 1,
    "kb": 1_000,
    "mb": 1_000_000,
    "gb": 1_000_000_000,
    "tb": 1_000_000_000_000,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_SIZE = re.compile(r"(\d{1,15})\s*((?:[kmgt]i?)?b)", re.ASCII | re.IGNORECASE)
_SIZE_NAMES = (
    ("TB", 10**12),
    ("TiB", 2**40),
    ("GB", 10**9),
    ("GiB", 2**30),
    ("MB", 10**6),
    ("MiB", 2**20),
    ("kB", 10**3),
    ("KiB", 2**10),
)


def parse_duration(text: object) -> timedelta:
    """Read a duration such as `500ms`, `72h` or `1h30m`; `0` needs no unit; a `timedelta` stays.

    Units, each at most once and from long to short: w, d, h, m, s, ms. Decimals are kept to the microsecond.

    Raises:
        ValueError: anything else, or more than 100 years.
    """
    if isinstance(text, timedelta):
        return text
    written = str(text).strip().replace(" ", "")
    if written == "0":
        return timedelta()
    if isinstance(text, bool) or not _DURATION.fullmatch(written):
        raise ValueError("must be a duration with a unit, such as 500ms, 30s, 10m, 72h or 1h30m")
    parts = _DURATION_PART.findall(written)
    sizes = [_US[unit] for _, _, unit in parts]
    if sizes != sorted(set(sizes), reverse=True):
        raise ValueError("must name each unit once, from long to short, such as 1h30m")
    microseconds = sum(
        int(whole) * _US[unit] + int(part.ljust(6, "0")) * _US[unit] // 10**6 for whole, part, unit in parts
    )
    if microseconds > _LONGEST // timedelta(microseconds=1):
        raise ValueError("must be at most 36500d")
    return timedelta(microseconds=microseconds)


def format_duration(value: timedelta) -> str:
    """Write a duration that is not negative as `parse_duration` reads it, exact and short: `3d`, `1h30m`, `0s`."""
    left = value // timedelta(microseconds=1)
    text = ""
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, _US[unit])
        text += f"{count}{unit}" if count else ""
    if left:
        text += f"{left / 1000:g}ms"
    return text or "0s"


def parse_size(text: object) -> int:
    """Read a size such as `512B`, `2MB` (two million bytes) or `2MiB` (two times 1024 squared) as whole bytes.

    Raises:
        ValueError: anything else, a number without a unit too.
    """
    match = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError("must be a size with a unit, such as 64kB, 2MB or 1GiB")
    return int(match[1]) * _BYTES[match[2].lower()]


def format_size(value: int) -> str:
    """Write a size as `parse_size` reads it, in the largest unit that keeps it a whole number: `2MB`, `64KiB`, `7B`."""
    for name, size in _SIZE_NAMES:
        if value and value % size == 0:
            return f"{value // size}{name}"
    return f"{value}B"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": rf"^(0|({_DURATION.pattern}))$", "$comment": "duration"}),
]
"""A `timedelta` that is written as text with a unit, and never negative."""

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,15}\s*([kKmMgGtT]i?)?[bB]$", "$comment": "size"}),
]
"""Whole bytes that are written as text with a unit."""
