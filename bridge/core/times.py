"""Reading a wall-clock time that a person or a tool wrote, and turning it into an instant."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bridge.core.errors import Fault
from bridge.core.model import Json


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
        return None, [], [Fault(field, f"{text[:60]!r} is not a date and time", remedy)]
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
