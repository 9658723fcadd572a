"""What GET /accounts does not tell and GET /accounts/{id}/health does: early notices, and accounts removed for good.

A token that expires within 7 days is shown there alone, and a person who hears of it in time loses no post. An account
that is no longer listed is answered 404 there once it was removed.
Source: https://developers.posteverywhere.ai/account-health, read by 2026-11.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.core.errors import PartnerError
from bridge.core.model import AccountState, Listed, Listing
from bridge.ports import Clock

EVERY = timedelta(hours=1)
AT_ONCE = 3
"""Accounts that one listing asks more closely: the key's budget is for posts."""

_GONE = {"state": AccountState.REMOVED, "raw_status": "removed", "detail": "removed at the partner"}


class Checkups:
    """Asks each account that can post how it is, once an hour; the longest not asked come first.

    Args:
        ask: looks at one account by its id.
        now: the clock.
    """

    def __init__(self, ask: Callable[[str], Awaitable[Listed]], now: Clock) -> None:
        self._ask, self._now = ask, now
        self._asked: dict[str, datetime] = {}
        self._begun = self._answers = False
        self._scope = ""
        self._listed: dict[str, Listed] = {}
        self._missed: dict[str, Listed] = {}

    async def over(self, listing: Listing) -> Listing:
        """Lay what was asked just now over a listing; of the others it is said that the list does not tell all.

        What is listed no more is asked once whether it was removed, and then listed as that, once. A question that
        fails is asked again in an hour: the listing itself was answered. With the first listing of a process nothing is
        asked: publishing waits for it.
        """
        well = {row.id for row in listing.accounts if row.state is AccountState.ACTIVE}
        self._asked = {name: at for name, at in self._asked.items() if name in well}
        found = {name: await self._check(name) for name in self._due(well)} if self._begun else {}
        self._begun = True
        rows = (_with(row, found.get(row.id)) if row.id in well else row for row in listing.accounts)
        return replace(listing, accounts=(*rows, *await self._absent(listing)))

    def _due(self, names: set[str]) -> list[str]:
        now = self._now()
        due = [name for name in names if name not in self._asked or now - self._asked[name] >= EVERY]
        never = datetime.min.replace(tzinfo=now.tzinfo)
        return sorted(due, key=lambda name: (self._asked.get(name, never), name))[:AT_ONCE]

    async def _check(self, name: str) -> Listed | None:
        self._asked[name] = self._now()
        try:
            found = await self._ask(name)
        except PartnerError:
            return None
        self._answers = True
        return found

    async def _absent(self, listing: Listing) -> list[Listed]:
        """Return the accounts of which it was just learnt that they were removed."""
        shown = {row.id: row for row in listing.accounts}
        # Another organisation's key sees nothing of the accounts of the one before.
        known = self._missed | self._listed if listing.scope == self._scope else {}
        self._scope, self._listed = listing.scope, shown
        here = {(row.platform, row.username) for row in listing.accounts if row.username}
        # One that is there under another id was replaced.
        self._missed = {
            name: row for name, row in known.items() if name not in shown and (row.platform, row.username) not in here
        }
        # A server that has never answered this question answers 404 because it does not know it.
        due = sorted(self._missed)[:AT_ONCE] if self._answers else []
        rows = [self._missed.pop(name) for name in due]
        return [replace(row, **_GONE) for row in rows if await self._is_removed(row.id)]  # type: ignore[arg-type]  # One value a field.

    async def _is_removed(self, name: str) -> bool:
        try:
            await self._ask(name)
        except PartnerError as error:
            return error.status == 404 and not error.key_wide
        return False


def _with(row: Listed, shown: Listed | None) -> Listed:
    if shown is None:
        return replace(row, thorough=False)
    return replace(row, state=shown.state, detail=shown.detail)
