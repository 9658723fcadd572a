"""Lease: the row of a message while it is brought up to date, and what becomes of it."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from bridge.core.errors import StoreError
from bridge.core.model import Message, Write
from bridge.core.slack import ways
from bridge.core.step import Step
from bridge.flows import TRIES, Kit

_SETTLING = timedelta(seconds=20)
"""How much longer than a call may take a message is ours: a turn is waited for meanwhile, and rows are written."""


class Lease:
    """Holds one message for as long as a call may take (`timeout_s`), and writes what was learnt of it.

    It goes by the store's clock: those of processes may differ.
    """

    def __init__(self, kit: Kit, message_id: str, timeout_s: float) -> None:
        self.message_id = message_id
        self._kit, self._lasts = kit, timedelta(seconds=timeout_s) + _SETTLING
        self._until: datetime | None = None
        self._row: Message | None = None

    async def read(self) -> Message | None:
        """Return the row as it is now; None when it is gone."""
        return (await self._kit.store.messages([self.message_id])).get(self.message_id)

    def is_anothers(self, message: Message) -> bool:
        """Say whether somebody else brings it up to date."""
        until = message.lease_until
        return until is not None and until != self._until and until > self._kit.store.clock()

    async def take(self, message: Message) -> bool:
        """Take the lease of a message, or hold it for another call; False when its row is not what it was."""
        until = self._kit.store.clock() + self._lasts
        held = replace(message, lease_until=until, version=message.version + 1)
        kept = await self._write(held)
        if kept:
            self._until, self._row = until, held
        return kept

    async def renew(self) -> bool:
        """Hold it for one more call; False when somebody has changed its row."""
        return self._row is not None and await self.take(self._row)

    async def leave(self, message: Message, after: Message) -> bool:
        """Give the lease up, if we have it, and keep what else is new; False when the row is not what it was."""
        left = replace(ways.without_spent(after, self._kit.clock()), lease_until=None)
        return left == message or await self._write(replace(left, version=message.version + 1))

    async def settle(self, asked: Message, change: Callable[[Message], Message], *, leave: bool = True) -> bool:
        """Write what became of a call over whatever the row is now: a button may have been pressed meanwhile.

        When the lease was over, nobody knows whose call came last: then it is to be shown again. `asked` is the row
        that the call was made for. Answers whether the message was still ours.

        Raises:
            StoreError: the row kept changing.
        """
        for _ in range(TRIES):
            fresh = await self.read()
            if fresh is None:
                return False
            ours = fresh.lease_until == self._until
            row = ways.without_spent(change(fresh), self._kit.clock())
            if fresh.address and fresh.address != asked.address:
                # What was learnt of one address says nothing of another.
                row = replace(row, address=fresh.address, address_until=fresh.address_until, uses=fresh.uses)
                row = replace(row, replaces=fresh.replaces)
            if ours:
                row = replace(row, lease_until=None if leave else row.lease_until)
            else:
                row = replace(row, shown="", lease_until=fresh.lease_until)
            step = Step(self._kit.moment())
            step.edit(fresh, **_changes(fresh, row))
            if not ours:
                step.want_reply(fresh)
            if await self._kit.record(step):
                return ours
        raise StoreError(f"gave up after {TRIES} tries")

    async def _write(self, row: Message) -> bool:
        [kept] = await self._kit.store.record([Write(messages=(row,))])
        return kept


def _changes(before: Message, after: Message) -> dict[str, Any]:
    named = {one.name: getattr(after, one.name) for one in fields(after)}
    return {name: value for name, value in named.items() if value != getattr(before, name)}
