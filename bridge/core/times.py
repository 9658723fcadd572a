"""Reading a wall-clock time that a person or a tool wrote, and turning it into an instant."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
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
_CLOCK = re.compile(r"(?:at )?(?:(\d{1,2})[:.](\d{2})(?: ?([ap])\.?m\.?)?|(\d{1,2}) ?([ap])\.?m\.?|(noon))", re.ASCII)
_DAY = re.compile(
    r"(today|tonight|tomorrow|(?:(next|this|on) )?(mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?),? (.+)", re.ASCII
)
_DAY_LAST = re.compile(r"(.+?),? ((?:(?:on|next|this) )?[a-z]{3,}\.?)", re.ASCII)
_DAYS = {
    **dict.fromkeys(("mon", "monday"), 0), **dict.fromkeys(("tue", "tues", "tuesday"), 1),
    **dict.fromkeys(("wed", "weds", "wednesday"), 2), **dict.fromkeys(("thu", "thur", "thurs", "thursday"), 3),
    **dict.fromkeys(("fri", "friday"), 4), **dict.fromkeys(("sat", "saturday"), 5),
    **dict.fromkeys(("sun", "sunday"), 6),
}  # fmt: skip
_AHEAD = re.compile(r"in (?:(an?|\d{1,4}(?:\.\d)?) ?([a-z]+))(?:(?: and)? ?(\d{1,2}) ?([a-z]+)?)?", re.ASCII)
_UNITS = {
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day", "days"), timedelta(days=1)),
    **dict.fromkeys(("w", "wk", "week", "weeks"), timedelta(weeks=1)),
}
_DIGIT = re.compile(r"\d")
_TIMELY = re.compile(r"\d|now|noon|in an? |immediately", re.IGNORECASE)
_CLOCKED = re.compile(r":\d|[ap]m$", re.IGNORECASE)
"""What every plain time has in it, and what every form of `strptime` below ends with."""
_FURTHEST = timedelta(days=366)
_NOON_HOUR, _EVENING = 12, 16
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
    if not 0 < len(written) <= _LONGEST or not _DIGIT.search(written):
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


def spoken(text: str, now: datetime, timezone: str | None) -> str | None:
    """Return as ISO 8601 when somebody means who says it at `now` in the IANA zone `timezone`; None when not plain.

    Read are `now`, `in 2h`, `in 1 hour 30 min`, `18:00` (of tomorrow when today's has passed), `today 18:00`, `tomorrow
    at 9:30am`, `monday 10:00` (today's while it is to come), `next friday 5pm` (of the week after this, which begins on
    Monday), and what `loosely` reads. Today is whatever day it is there. What depends on the zone has no offset:
    `parse_when` tells of changes of clocks.
    """
    said = " ".join(text.lower().split())
    if not 0 < len(said) <= _LONGEST or not _TIMELY.search(said):
        return None
    if said in ("now", "right now", "immediately"):
        return now.isoformat()
    here = now.astimezone((zone(timezone) if timezone else None) or UTC)
    if said.startswith("in "):
        return _ahead(said, here)
    return _on_a_day(said, here) or loosely(text)


def _ahead(said: str, here: datetime) -> str | None:
    """Read `in 2h`, `in an hour`, `in 1h30`, `in 1 hour and 30 minutes`; in days it is at the same time of day."""
    found = _AHEAD.fullmatch(said)
    unit = _UNITS.get(found[2]) if found else None
    if found is None or unit is None:
        return None
    delay = (1.0 if found[1] in ("a", "an") else float(found[1])) * unit
    if found[3]:
        smaller = _UNITS.get(found[4]) if found[4] else timedelta(minutes=1) if found[2] == "h" else None
        if smaller is None or smaller >= unit:
            return None
        delay += int(found[3]) * smaller
    if delay > _FURTHEST:
        return None
    if unit >= timedelta(days=1):
        return (here.replace(tzinfo=None) + delay).isoformat(timespec="seconds")
    return (here.astimezone(UTC) + delay).isoformat(timespec="seconds")


def _on_a_day(said: str, here: datetime) -> str | None:
    """Read a time of day with a day before or after it, or with none; `here` is now, where it is said."""
    if clock := _clock(said):
        local = datetime.combine(here.date(), clock)
        return (local if local > here.replace(tzinfo=None) else local + timedelta(days=1)).isoformat()
    day = _DAY.fullmatch(said) or _DAY.fullmatch(_day_first(said))
    clock = _clock(day[4]) if day else None
    if day is None or clock is None:
        return None
    if day[3]:
        return _on_a_weekday(day, clock, here)
    evening = day[1] != "tonight" or clock.hour >= _EVENING
    return datetime.combine(here.date() + timedelta(days=day[1] == "tomorrow"), clock).isoformat() if evening else None


def _on_a_weekday(day: re.Match[str], clock: time, here: datetime) -> str | None:
    number = _DAYS.get(day[1].rpartition(" ")[2].rstrip("."))
    if number is None:
        return None
    monday = here.date() - timedelta(days=here.weekday())
    local = datetime.combine(monday + timedelta(days=number), clock)
    is_over = day[2] == "next" or local <= here.replace(tzinfo=None)
    return (local + timedelta(weeks=is_over)).isoformat()


def _day_first(said: str) -> str:
    """Turn `18:00 tomorrow` and `9 am on friday` round."""
    found = _DAY_LAST.fullmatch(said)
    return f"{found[2]} {found[1]}" if found else said


def _clock(said: str) -> time | None:
    """Return the time of day that `18:00`, `9am`, `at 9.30 pm` or `noon` is."""
    found = _CLOCK.fullmatch(said)
    if found is None:
        return None
    if found[6]:
        return time(12)
    hour, minute, half = int(found[1] or found[4]), int(found[2] or 0), found[3] or found[5]
    if half and not 1 <= hour <= _NOON_HOUR:
        return None
    hour = hour % _NOON_HOUR + _NOON_HOUR * (half == "p") if half else hour
    return time(hour, minute) if hour < 24 and minute < 60 else None


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
    if not _CLOCKED.search(text):
        return
    for date, clock in product(_DATES, _TIMES):
        with suppress(ValueError):
            yield datetime.strptime(text, f"{date} {clock}")  # noqa: DTZ007 - its offset is written after it.


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
