"""Instants as the simulated partners take and write them."""

from datetime import UTC, datetime, tzinfo


def utc_now() -> datetime:
    """Give the wall time in UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime | None) -> str | None:
    """Write a time as `2026-04-15T14:30:05.000Z`."""
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_time(text: object, zone: tzinfo | None = None) -> datetime | None:
    """Read an ISO 8601 time, one without offset in `zone` if there is one; None if it is anything else."""
    if not isinstance(text, str) or "T" not in text.upper():
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None and zone is not None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC) if moment.tzinfo else None
