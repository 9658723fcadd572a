"""Counts by the minute, of all processes together: what the console draws the last hour of."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

EVENTS, POSTS, DELIVERIES, REFUSED = "events", "posts", "deliveries", "refused"
"""What is counted, by outcome: events as they are in the metrics, posts that ended, tries to deliver; `events:SOURCE`
are those of one source, and `refused:SOURCE` has the reason as its outcome."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something had an outcome in the minute that begins at an instant."""

    minute: datetime
    what: str
    outcome: str
    count: int


def added_up(tallies: Iterable[Tally]) -> list[Tally]:
    """Return one tally for each minute, what and outcome, in their order."""
    sums: Counter[tuple[datetime, str, str]] = Counter()
    for one in tallies:
        sums[one.minute, one.what, one.outcome] += one.count
    return [Tally(*key, count) for key, count in sorted(sums.items())]


class Tallying:
    """What this process has counted and not stored yet."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, what: str, outcome: str, count: int = 1) -> None:
        """Count so many."""
        self._counts[what, outcome] += count

    def take(self, now: datetime) -> list[Tally]:
        """Return what was counted since the last time as of this minute, and forget it."""
        counts, self._counts = self._counts, Counter()
        minute = now.replace(second=0, microsecond=0)
        return [Tally(minute, what, outcome, count) for (what, outcome), count in counts.items()]

    def put_back(self, tallies: Sequence[Tally]) -> None:
        """Count again what could not be stored."""
        for one in tallies:
            self._counts[one.what, one.outcome] += one.count
