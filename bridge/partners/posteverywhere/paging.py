"""The list calls of a sweep: what they ask for, what comes after a page, and where the next sweep begins.

Source: https://developers.posteverywhere.ai/api/list-posts (`updated_after` is inclusive), read by 2026-11.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import orjson

from bridge.core.model import Json
from bridge.partners._replies import read_time

PAGE = 100
SKEW = timedelta(minutes=1)
"""How far the vendor's clock may be behind ours."""
_TOLERATED = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to where posts were swept: what was updated before `at` is known, and of what came later, `seen`.

    `open`: what had not ended when adoption began has yet to be told to the end. `done` rows from `at` on are known,
    too, where more were updated at that instant than a sweep has pages for. With `until` it is a walk through the
    newest posts that goes on after `done` rows; at its end everything up to `until` is known. On the wire JSON, as
    `Key.cursor`.
    """

    at: datetime
    seen: Mapping[str, str] = field(default_factory=dict)
    open: bool = False
    done: int = 0
    until: datetime | None = None

    @classmethod
    def read(cls, text: str | None) -> "Cursor | None":
        """Read what `write` wrote; None for anything else."""
        try:
            found = orjson.loads(text or "null")
        except orjson.JSONDecodeError:
            return None
        at = read_time(found.get("at")) if isinstance(found, dict) else None
        if at is None:
            return None
        seen, done, until = dict(found.get("seen") or {}), found.get("done") or 0, read_time(found.get("until"))
        return cls(at, seen, open=found.get("open") is True, done=done, until=until)

    def write(self) -> str:
        """Write it as text, equal for equal cursors."""
        said: dict[str, object] = {"at": to_ms(self.at), "seen": dict(self.seen)}
        said |= {"open": True} if self.open else {}
        said |= {"done": self.done} if self.done else {}
        said |= {"until": to_ms(self.until)} if self.until else {}
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()


class Way(StrEnum):
    """Which posts a list call asks for, and in which order it shows them."""

    OPEN = "open"
    UPDATED = "updated"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of GET /posts to ask for."""

    way: Way
    since: datetime
    offset: int = 0

    def params(self) -> dict[str, str]:
        """Write the query."""
        asked = {
            Way.OPEN: {"status": "scheduled,publishing", "sort": "updated_at", "order": "asc"},
            Way.UPDATED: {"updated_after": to_ms(self.since), "sort": "updated_at", "order": "asc"},
            Way.NEWEST: {"created_after": to_ms(self.since), "sort": "created_at", "order": "desc"},
        }[self.way]
        return asked | {"limit": str(PAGE)} | ({"offset": str(self.offset)} if self.offset else {})

    def time_of(self, data: Json) -> datetime | None:
        """Return the time of a row that the page is bounded by, to the millisecond."""
        at = read_time(data.get("created_at" if self.way is Way.NEWEST else "updated_at"))
        return at and at.replace(microsecond=at.microsecond // 1000 * 1000)

    def is_answered_by(self, rows: Sequence[Json]) -> bool:
        """Whether rows are as new as was asked for, and in order; else the server does not know what it was asked.

        A row without a time says nothing of that, unless none has one.
        """
        times = [at for at in map(self.time_of, rows) if at is not None]
        new = all(at >= self.since - _TOLERATED for at in times)
        return new and (bool(times) or not rows) and times == sorted(times)

    def begins_too_late(self, rows: Sequence[Json]) -> bool:
        """Whether a sweep that began among rows of one instant shows none of them: others may be before its rows."""
        first = self.time_of(rows[0]) if rows else None
        return self.way is Way.UPDATED and self.offset > 0 and (first is None or first > self.since)

    def after(self, rows: Sequence[Json]) -> "Page":
        """Return the page after these rows: from the last one's time on, so that rows that move away shift none."""
        last = self.time_of(rows[-1]) if rows and self.way is Way.UPDATED else None
        if last is not None and last > self.since:
            return replace(self, since=last, offset=0)
        return replace(self, offset=self.offset + len(rows))


def to_ms(at: datetime) -> str:
    """Write an instant to the millisecond, as the vendor shows it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
