"""Early notices: what GET /accounts does not tell of an account that can post, GET /accounts/{id}/health does.

A token that expires within 7 days is shown there alone, and a person who hears of it in time loses no post.
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


class Checkups:
    """Asks each account that can post how it is, once an hour; the longest not asked come first.

    Args:
        ask: looks at one account by its id.
        now: the clock.
    """

    def __init__(self, ask: Callable[[str], Awaitable[Listed]], now: Clock) -> None:
        self._ask, self._now = ask, now
        self._asked: dict[str, datetime] = {}
        self._begun = False

    async def over(self, listing: Listing) -> Listing:
        """Lay what was asked just now over a listing; of the others it is said that the list does not tell all.

        A question that fails is asked again in an hour: the listing itself was answered. With the first listing of a
        process nothing is asked: publishing waits for it.
        """
        well = {row.id for row in listing.accounts if row.state is AccountState.ACTIVE}
        self._asked = {name: at for name, at in self._asked.items() if name in well}
        found = {name: await self._check(name) for name in self._due(well)} if self._begun else {}
        self._begun = True
        rows = (_with(row, found.get(row.id)) if row.id in well else row for row in listing.accounts)
        return replace(listing, accounts=tuple(rows))

    def _due(self, names: set[str]) -> list[str]:
        now = self._now()
        due = [name for name in names if name not in self._asked or now - self._asked[name] >= EVERY]
        never = datetime.min.replace(tzinfo=now.tzinfo)
        return sorted(due, key=lambda name: (self._asked.get(name, never), name))[:AT_ONCE]

    async def _check(self, name: str) -> Listed | None:
        self._asked[name] = self._now()
        try:
            return await self._ask(name)
        except PartnerError:
            return None


def _with(row: Listed, shown: Listed | None) -> Listed:
    if shown is None:
        return replace(row, thorough=False)
    return replace(row, state=shown.state, detail=shown.detail)
