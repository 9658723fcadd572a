"""A list's newest rows as numbers over time, as far back as they tell all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

_PARTS = 24
_SIZES_S = {3600: "24 hours", 900: "6 hours", 300: "2 hours", 60: "24 minutes"}
"""How long a part may be, in seconds, and what so many parts are together."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """How many there were in each part of a span that ends now, the oldest first; `span` is its length in words."""

    counts: list[int]
    span: str

    @property
    def sum(self) -> int:
        """How many there were in all."""
        return sum(self.counts)


def over_time(times: Sequence[str], now: datetime, *, whole: bool) -> Drawn | None:
    """Count instants (ISO 8601, newest first) by parts of the longest span that they tell all of.

    `whole` says that there is no older one; when even the shortest span has more than these, None.
    """
    seconds = [datetime.fromisoformat(text).timestamp() for text in times]
    for size, span in _SIZES_S.items():
        last = int(now.timestamp()) // size
        first = last - _PARTS + 1
        if whole or (seconds and seconds[-1] < first * size):
            counts = Counter(int(one) // size for one in seconds)
            return Drawn([counts[part] for part in range(first, last + 1)], span)
    return None
