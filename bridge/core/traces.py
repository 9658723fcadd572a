"""Trace contexts: what lets whatever becomes of an event join the trace of who asked for it.

A context is the text of a W3C `traceparent` of version 00: `00-`, 32 digits of the trace, `-`, 16 digits of the span
that comes before, `-`, 2 digits of flags. For example `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
Source, read 2026-11: https://www.w3.org/TR/trace-context-2/.
"""

import re
from collections.abc import Iterable

_FORM = re.compile(r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})")
_LENGTH = 55

LOSSES = ("queue_full", "export_failed", "stopped")
"""Why spans are lost: too many waited, the collector did not take them, or there was no time left at the end."""

_KNOWN_FLAGS = 0b11
"""Sampled, and that the trace's id is random; what else may be set means nothing to us."""


def parse(traceparent: str) -> str | None:
    """Return the context in a header's value, as version 00; None for one that is to be ignored.

    A later version may have more behind what we know of it; version 00 may not.
    """
    traceparent = traceparent.strip()
    found = _FORM.match(traceparent)
    more = traceparent[_LENGTH:]
    if found is None or (more and (found["version"] == "00" or not more.startswith("-"))):
        return None
    return f"00{traceparent[2 : _LENGTH - 2]}{int(found['flags'], 16) & _KNOWN_FLAGS:02x}"


def carried(headers: Iterable[tuple[str, str]]) -> str | None:
    """Return the context that a request's headers (names in lower case) carry; of two nobody knows which is meant."""
    found = None
    for name, value in headers:
        if name == "traceparent":
            if found is not None:
                return None
            found = value
    return parse(found) if found is not None else None


def trace_id(context: str) -> str:
    """Return the id of the trace that a context is of."""
    return context[3:35]


def is_same(context: str | None, other: str | None) -> bool:
    """Say whether both are of one trace."""
    return context is not None and other is not None and trace_id(context) == trace_id(other)
