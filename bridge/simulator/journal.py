"""What a simulated partner was asked, call by call: the evidence for "one intent, one partner post"."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from bridge.simulator.instants import stamp

KEPT = 100_000


@dataclass(slots=True)
class Entry:
    """One call. `status` is None while it runs and when the connection was cut; `worked` tells if its work was done.

    `key` names the key without its secret, None for a bad one; `post_ids` are the ids asked for, or those created.
    """

    sequence: int
    at: datetime
    operation: str
    status: int | None = None
    key: str | None = None
    post_ids: list[str] = field(default_factory=list)
    error_code: str | None = None
    fault: str | None = None
    worked: bool = False

    @property
    def post_id(self) -> str | None:
        """The one post of the call; None for none or many."""
        return self.post_ids[0] if len(self.post_ids) == 1 else None

    def render(self) -> dict[str, Any]:
        """Write the entry for the control API."""
        return asdict(self) | {"at": stamp(self.at), "post_id": self.post_id}


Kept = TypeVar("Kept", bound=Entry)


class Journal(Generic[Kept]):
    """The last 100,000 calls in order; `total` counts all.

    Args:
        make: makes an entry of its number, the instant, and the operation.
    """

    def __init__(self, make: Callable[[int, datetime, str], Kept]) -> None:
        self._make = make
        self._entries: deque[Kept] = deque(maxlen=KEPT)
        self.total = 0

    def open(self, at: datetime, operation: str) -> Kept:
        """Write down that a call began."""
        self.total += 1
        entry = self._make(self.total, at, operation)
        self._entries.append(entry)
        return entry

    def of(self, operation: str) -> list[Kept]:
        """Give the calls of one operation, oldest first."""
        return [entry for entry in self._entries if entry.operation == operation]

    def clear(self) -> None:
        """Forget all calls."""
        self._entries.clear()
        self.total = 0

    def __iter__(self) -> Iterator[Kept]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
