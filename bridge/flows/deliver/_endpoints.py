"""The endpoints' rows as they were last read: what pacing looks at, and what a change begins from."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from bridge.core.delivering import was_healed
from bridge.core.model import Endpoint
from bridge.flows import Kit

_FRESH = timedelta(seconds=1)
"""How long rows are good for: what another replica or the API changes counts after that, at the latest."""


class Rows:
    """Rows by name, as new as they were read: a change of one is checked against the store by its version.

    `healed` is told the name of an endpoint that somebody else enabled, repaired, or had a success with; `seen` all
    rows whenever they were read.
    """

    def __init__(
        self, kit: Kit, healed: Callable[[str], None], seen: Callable[[Mapping[str, Endpoint], datetime], None]
    ) -> None:
        self.kit, self._healed, self._seen = kit, healed, seen
        self.rows: dict[str, Endpoint] = {}
        self._read_at: datetime | None = None
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def read_if_old(self) -> Mapping[str, Endpoint]:
        """Return the rows, read anew when they are older than a second."""
        now = self.kit.clock()
        if self._read_at is None or not timedelta() <= now - self._read_at < _FRESH:
            await self.read()
        return self.rows

    def stale(self) -> None:
        """Read the rows anew at the next claim: somebody in this process changed one."""
        self._read_at = None

    async def read(self) -> None:
        """Read the rows."""
        at = self.kit.clock()
        found = await self.kit.store.endpoints()
        before, self.rows = self.rows, {name: self._newer(row) for name, row in found.items()}
        self._read_at = at
        self._seen(self.rows, at)
        for name, row in self.rows.items():
            if name in before and was_healed(before[name], row):
                self._healed(name)

    async def look(self, name: str) -> Endpoint | None:
        """Return an endpoint that seemed not to be enabled, if it is after all; these are rare, so looking is cheap."""
        await self.read()
        row = self.rows.get(name)
        return row if row is not None and row.enabled else None

    def put(self, row: Endpoint) -> None:
        """Keep a row as it was just written."""
        self.rows[row.name] = row

    def turn(self, name: str) -> asyncio.Lock:
        """Return what lets only one change of a row be under way in this process."""
        return self._turns.setdefault(name, asyncio.Lock())

    def _newer(self, row: Endpoint) -> Endpoint:
        """Return what was written while the rows were being read rather than what was read."""
        known = self.rows.get(row.name)
        if known is not None and known.created_at == row.created_at and known.version > row.version:
            return known
        return row
