"""Reading a wall-clock time that a person or a tool wrote, and turning it into an instant."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import product
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bridge.core.errors import Fault
from bridge.core.model import Json

_LONGEST = 64
_EPOCH = re.compile(r"(\d{9,11})(\.\d{1,6})?|(\d{12,13})", re.ASCII)
_OFFSET = re.compile(r"\s*(?:UTC|GMT|Z)$|\s+([+-]\d{2}:?\d{2})$", re.ASCII | re.IGNORECASE)
_RFC_2822 = re.compile(
    r"(?:[a-z]{3}, )?\d{1,2} [a-z]{3} \d{4} \d{1,2}:\d{2}(?::\d{2})? (?:[+-]\d{4}|UT|UTC|GMT|[ECMP][SD]T)",
    re.ASCII | re.IGNORECASE,
)
_SLASHES = re.compile(r"(\d{1,2})([/-])(\d{1,2})\2(\d{4})\b(.*)", re.ASCII)
_NOISE = re.compile(r",|\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?|\bat\b", re.IGNORECASE)
_ORDINAL = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)\b", re.ASCII | re.IGNORECASE)
_NOON = re.compile(r"\b([ap])\.?m\.?$", re.ASCII | re.IGNORECASE)
_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%B %d %Y", "%b %d %Y", "%d %B %Y", "%d %b %Y")
_TIMES = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M%p", "%I:%M:%S %p", "%I %p", "%I%p")


def zone(name: str) -> ZoneInfo | None:
    """Return the IANA zone of that name, or None when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def unknown_zone(name: str) -> Fault:
    """Return the fault of a name that `zone` does not know."""
    return Fault("timezone", f"{name[:60]!r} is not an IANA zone", "Use a name such as Europe/Berlin.")


Read = tuple[datetime | None, list[Json], list[Fault]]
"""An instant (None when there are faults), warnings and faults."""


def parse_when(text: str, timezone: str | None, field: str = "scheduled_at") -> Read:
    """Return the instant that an ISO 8601 text means, with warnings and faults.

    An offset in the text wins. Without one, `timezone` (IANA) is needed: a time that a change to summer time skips
    moves later by the skipped hour, one that happens twice is the earlier of the two; both with a warning.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        remedy = "Write ISO 8601, such as 2026-03-01T17:00:00Z or 2026-03-01T18:00 with a timezone."
        problem = "may mean two dates" if _is_ambiguous(text) else "is not a date and time"
        return None, [], [Fault(field, f"{text[:60]!r} {problem}", remedy)]
    if "T" not in text.upper() and " " not in text.strip():
        return None, [], [Fault(field, f"{text[:60]!r} has no time of day", "Add one, such as T17:00:00Z.")]
    if moment.tzinfo is not None:
        try:
            return moment.astimezone(UTC), [], []
        except OverflowError:
            return None, [], [Fault(field, f"{text[:60]!r} is out of range", "Use a year between 1970 and 9998.")]
    if timezone is None:
        return None, [], [Fault(field, "has no offset", "Add Z or +02:00, or send `timezone` with an IANA name.")]
    place = zone(timezone)
    if place is None:
        return None, [], [unknown_zone(timezone)]
    return _localise(moment, place, field)


def loosely(text: str) -> str | None:
    """Return as ISO 8601 what a tool or a person wrote as a date and time; None when that is not plain.

    Read are ISO 8601 and RFC 2822, seconds and milliseconds since 1970, `2023-03-06 04:44:05 UTC`,
    `January 5, 2031 9:00 AM`, `5.1.2031 09:00` and the like. `03/04/2031` is left alone: it means another day in the US
    than in Europe. Without an offset in the text there is none in what is returned.
    """
    written = " ".join(text.split())
    if not 0 < len(written) <= _LONGEST:
        return None
    try:
        if epoch := _EPOCH.fullmatch(written):
            seconds = int(epoch[3]) / 1000 if epoch[3] else float(written)
            return datetime.fromtimestamp(seconds, UTC).isoformat()
        if _RFC_2822.fullmatch(written):
            return parsedate_to_datetime(written).isoformat()
    except ValueError:
        return None
    bare, offset = _without_offset(written)
    return next((f"{moment.isoformat()}{offset}" for moment in _read_bare(bare)), None)


def _without_offset(text: str) -> tuple[str, str]:
    found = _OFFSET.search(text)
    return (text[: found.start()], found[1] or "+00:00") if found else (text, "")


def _read_bare(text: str) -> Iterator[datetime]:
    """Yield what a text means by ISO 8601, then by each of the forms that people write."""
    if "T" in text.upper() or " " in text:
        with suppress(ValueError):
            yield datetime.fromisoformat(text)
    slashes = _SLASHES.fullmatch(text)
    if slashes and not _is_ambiguous(text):
        first, second = sorted((int(slashes[1]), int(slashes[3])))
        text = f"{slashes[4]}-{first}-{second}{slashes[5]}"
    text = _ORDINAL.sub(r"\1", " ".join(_NOISE.sub(" ", text).split()))
    text = _NOON.sub(r"\1m", text)
    for date, time in product(_DATES, _TIMES):
        with suppress(ValueError):
            yield datetime.strptime(text, f"{date} {time}")  # noqa: DTZ007 - its offset is written after it.


def _is_ambiguous(text: str) -> bool:
    slashes = _SLASHES.fullmatch(text.strip())
    days = {int(slashes[1]), int(slashes[3])} if slashes else set[int]()
    return len(days) > 1 and max(days) <= 12


def _localise(local: datetime, place: ZoneInfo, field: str) -> Read:
    """Place a naive wall-clock time in a zone; fold 0 gives a gap's later side and an overlap's earlier side."""
    try:
        first = local.replace(tzinfo=place, fold=0)
        instant = first.astimezone(UTC)
        back = instant.astimezone(place).replace(tzinfo=None)
        second = local.replace(tzinfo=place, fold=1).utcoffset()
    except OverflowError:
        return None, [], [Fault(field, "is out of range", "Use a year between 1970 and 9998.")]
    if back != local:
        text = f"{local.isoformat()} does not exist in {place.key} (clocks go forward); moved to {back.isoformat()}."
        return instant, [{"field": field, "code": "DST_GAP", "message": text}], []
    if first.utcoffset() != second:
        text = f"{local.isoformat()} happens twice in {place.key} (clocks go back); the earlier one was taken."
        return instant, [{"field": field, "code": "DST_OVERLAP", "message": text}], []
    return instant, [], []


def sortable(prefix: str, now: datetime, entropy: bytes) -> str:
    """Return an id that sorts by time: `PREFIX_` + 12 hex digits of milliseconds + the entropy (8 bytes: 16 digits)."""
    return f"{prefix}_{int(now.timestamp() * 1000):012x}{entropy.hex()}"


def spread(delay: timedelta, share: float, chance: float) -> timedelta:
    """Return `delay` made longer by up to `share` of itself; `chance` is uniform in [0, 1)."""
    return delay * (1 + share * chance)
