"""What a simulated partner was asked, in order: the entries are each partner's own, keeping them is the same."""

from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Generic, Protocol, TypeVar

KEPT = 100_000


class Called(Protocol):
    """What every entry has."""

    operation: str


Entry = TypeVar("Entry", bound=Called)


class Journal(Generic[Entry]):
    """The last 100,000 calls in order; `total` counts all.

    Args:
        make: makes an entry of its number, the instant, and the operation.
    """

    def __init__(self, make: Callable[[int, datetime, str], Entry]) -> None:
        self._make = make
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self.total = 0

    def open(self, at: datetime, operation: str) -> Entry:
        """Write down that a call began."""
        self.total += 1
        entry = self._make(self.total, at, operation)
        self._entries.append(entry)
        return entry

    def of(self, operation: str) -> list[Entry]:
        """Give the calls of one operation, oldest first."""
        return [entry for entry in self._entries if entry.operation == operation]

    def clear(self) -> None:
        """Forget all calls."""
        self._entries.clear()
        self.total = 0

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
