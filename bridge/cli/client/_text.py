"""Values as text for a person: instants in their own time zone, and nothing that steers a terminal."""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import orjson

from bridge.core.units import parse_duration

_STEERS = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINS = "\u200c\u200d"
"""Of the characters that format, those that words and emoji are made with."""


def in_line(text: str) -> str:
    """Return text that stays in its line: what other people wrote must not move the cursor or turn the writing round.

    A blank at the start stays.
    """
    return "".join(
        char if unicodedata.category(char) not in _STEERS or char in _JOINS else " " if char in "\t\r\n" else "�"
        for char in text
    )


def shown(value: object, zone: tzinfo | None = None) -> str:
    """Return any value of the API in one line; nothing for null and what is empty."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return instant(value, zone) if _is_instant(value) else " ".join(in_line(value).split())
        case Mapping():
            parts = (f"{name}: {shown(part, zone)}" for name, part in value.items() if shown(part, zone))
            return ", ".join(parts)
        case Sequence():
            return ", ".join(shown(part, zone) for part in value)
        case _:
            return str(value)


def _is_instant(text: str) -> bool:
    return text[4:5] == "-" and text[10:11] == "T" and text.endswith(("Z", "+00:00"))


def instant(text: str | None, zone: tzinfo | None = None) -> str:
    """Return an instant of the API to the second, in the zone of this machine or another: 2026-03-02 13:00:00."""
    if not text:
        return ""
    try:
        return f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):
        return in_line(text)


def asked_instant(text: str, now: datetime) -> str:
    """Return what the API takes for an age (`2h`: so long before now); the service judges what is none."""
    try:
        age: timedelta = parse_duration(text)
    except ValueError:
        return text
    return (now - age).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(value: Any) -> str:
    """One line of JSON, with the API's members in their order."""
    return orjson.dumps(value).decode()
