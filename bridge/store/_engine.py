"""What an engine gives so that the one store can stand on it."""

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError

from bridge.core.errors import StoreError


class Clash(Exception):
    """A row could not be written as decided, because another has its id or its unique value."""


class Database(Protocol):
    """An open database with one connection that writes and several that read."""

    dialect: Dialect

    def writing(self) -> AbstractContextManager[Connection]:
        """Open the writer's connection; its transactions take the write lock when they begin."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """Borrow a reading connection, in one snapshot; callable from any thread."""
        ...

    def translate(self, error: DBAPIError) -> StoreError | Clash:
        """Say what a driver's error means; never with values of a statement in its text."""
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
