"""Who may go now where several bounds hold at once, and who goes next: each of some lanes takes only so many.

It is kept in memory alone: what stands in line must come again by itself, too, for a process that ends forgets it.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Generic, TypeVar

Item = TypeVar("Item")
Bounds = Mapping[tuple[str, ...], int]
"""What somebody needs a place in: lane -> how many it takes at most."""


class Lanes(Generic[Item]):
    """Counts who is where, and keeps those that wait in the order in which they came."""

    def __init__(self) -> None:
        self._taken: Counter[tuple[str, ...]] = Counter()
        self._line: dict[str, tuple[Bounds, Item]] = {}

    def __len__(self) -> int:
        """Return how many stand in line."""
        return len(self._line)

    def enter(self, name: str, bounds: Bounds) -> bool:
        """Take a place in each lane, and step out of the line; False, with nothing taken, when one is full."""
        if not _fits(self._taken, bounds):
            return False
        self._taken.update(bounds.keys())
        self._line.pop(name, None)
        return True

    def leave(self, bounds: Bounds) -> None:
        """Give the places back."""
        self._taken.subtract(bounds.keys())
        # Lanes are named after hosts and files, so empty ones may not stay.
        self._taken = +self._taken

    def wait(self, name: str, bounds: Bounds, item: Item) -> None:
        """Stand in line until `called` gives `item`; who stands there already keeps the place."""
        self._line[name] = bounds, item

    def called(self) -> list[Item]:
        """Take those out of the line that could enter now all together; no place is kept for them."""
        taken, found = Counter(self._taken), []
        for name, (bounds, _) in self._line.items():
            if _fits(taken, bounds):
                taken.update(bounds.keys())
                found.append(name)
        return [self._line.pop(name)[1] for name in found]


def _fits(taken: Counter[tuple[str, ...]], bounds: Bounds) -> bool:
    return all(taken[lane] < most for lane, most in bounds.items())
