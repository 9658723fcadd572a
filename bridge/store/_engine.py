"""What an engine gives so that the one store can stand on it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError

from bridge.core.errors import StoreError
from bridge.core.restoring import Restore
from bridge.ports import Due


class Clash(Exception):
    """A row could not be written as decided, because another has its id or its unique value."""


class Database(Protocol):
    """An open database with one connection that writes and several that read."""

    dialect: Dialect
    shared: bool
    """Whether other processes may work on it at the same time."""
    restored: Restore | None
    """When it was put back from a copy the last time."""

    def clock(self) -> datetime:
        """Return the time that leases go by: the same for all processes."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """Open the writer's connection; its transactions take the write lock when they begin."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """Borrow a reading connection, in one snapshot; callable from any thread."""
        ...

    def translate(self, error: DBAPIError) -> StoreError | Clash:
        """Say what a driver's error means; never with values of a statement in its text."""
        ...

    def is_transient(self, error: DBAPIError) -> bool:
        """Say whether the same transaction may succeed when it is run again at once."""
        ...

    def notify(self, connection: Connection, due: Due) -> None:
        """Tell other processes what this transaction makes due, once it is committed."""
        ...

    async def listen(self, woken: Callable[[Due], None]) -> None:
        """Call `woken` with what other processes made due, until cancelled."""
        ...

    def scrub(self) -> None:
        """Leave nothing in any file of what was deleted; callable from any thread that may read.

        Raises:
            StoreBusy: somebody is in the way for long.
        """
        ...

    def close(self) -> None:
        """Close all connections and let other processes in."""
        ...
