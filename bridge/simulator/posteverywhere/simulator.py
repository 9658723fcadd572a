"""One simulated partner as a whole: world, limits, fault script and journal, with short ways to script them all."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import httpx

from bridge.simulator.faults import Fault, FaultKind, FaultScript
from bridge.simulator.instants import utc_now
from bridge.simulator.journal import Journal
from bridge.simulator.posteverywhere import worker
from bridge.simulator.posteverywhere.defaults import default_accounts, default_keys, default_organizations
from bridge.simulator.posteverywhere.journal import Entry
from bridge.simulator.posteverywhere.limits import Limits
from bridge.simulator.posteverywhere.model import Account, Json, Key, Organization, Outcome, Post, Publication
from bridge.simulator.posteverywhere.options import options_of
from bridge.simulator.posteverywhere.outbox import Outbox, Sent
from bridge.simulator.posteverywhere.world import World


def _plain_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=10)


class PostEverywhereSimulator:
    """One simulated partner.

    Args:
        now: the clock; a test moves its own.
        seed: of ids, URLs and random faults: the same seed and calls give the same answers.
        contract: the generation of the vendor's pages: `new`, `sdk` or `old`; see `CONTRACTS`.
        organizations, keys, accounts: the world to start with; default those of `defaults`.
        client: makes the HTTP client of webhooks that are sent by themselves (POST /webhooks/{id}/test, and all when
            the worker runs by itself); default a plain one.
        options: fields of `Options` that differ from the generation's.
    """

    world: World
    faults: FaultScript
    journal: Journal[Entry]
    limits: Limits

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = utc_now,
        seed: int = 0,
        contract: str = "new",
        organizations: Iterable[Organization] | None = None,
        keys: Iterable[Key] | None = None,
        accounts: Iterable[Account] | None = None,
        client: Callable[[], httpx.AsyncClient] | None = None,
        **options: Any,
    ) -> None:
        self._now, self._seed, self._contract, self._options = now, seed, contract, options
        self._organizations = default_organizations() if organizations is None else list(organizations)
        self._keys = default_keys() if keys is None else list(keys)
        self._accounts = default_accounts() if accounts is None else list(accounts)
        self.client = client or _plain_client
        self.reset()

    def reset(self) -> None:
        """Start again with the first keys and accounts: no posts, no faults, no subscriptions, an empty journal."""
        chance = Random(self._seed)
        self.world = World(
            self._now,
            chance,
            options=options_of(self._contract, self._options),
            organizations=[replace(one) for one in self._organizations],
            keys=[replace(one) for one in self._keys],
            accounts=[replace(one, failures=list(one.failures)) for one in self._accounts],
        )
        self.faults, self.journal, self.limits = FaultScript(chance), Journal(Entry), Limits()

    @property
    def outbox(self) -> Outbox:
        """The webhooks: subscriptions, what waits, what was sent."""
        return self.world.outbox

    def tick(self, times: int = 1, *, now: datetime | None = None) -> int:
        """Run the worker, at `now` or the clock's time; answers how many posts changed."""
        return sum(worker.tick(self.world, now) for _ in range(times))

    def advance(self, seconds: float) -> datetime:
        """Move the world's clock ahead of the one it was given."""
        self.world.offset += timedelta(seconds=seconds)
        return self.world.now()

    def fault(self, kind: FaultKind | str, operation: str = "*", times: int = 1, **details: Any) -> Fault:
        """Script a fault; see `Fault` for the details."""
        return self.faults.add(Fault(FaultKind(kind), operation, times, **details))

    def script(self, account_id: int, *outcomes: Outcome | str | Json) -> None:
        """Queue outcomes of one account's next attempts: `sim.script(X, {"kind": "fail", "text": "…"}, "ok")`."""
        self.world.script(account_id, *outcomes)

    def seed_post(self, status: str, **given: Any) -> Post:
        """Store a post that was not created through the API; see `World.seed`."""
        return self.world.seed({"status": status, **given})

    def posts_with(self, content: str) -> list[Post]:
        """Give the posts of exactly this content: more than one is a doubled create."""
        return [post for post in self.world.posts.values() if post.content == content]

    def published(self, content: str) -> list[Publication]:
        """Give what really appeared with exactly this content."""
        return [one for one in self.world.publications if one.content == content]

    # The fate of accounts.

    def expire(self, account_id: int) -> Account:
        """Let the token die: posts to the account fail at once until it is reconnected."""
        account, now = self.world.accounts[account_id], self.world.now()
        account.token_expires_at = account.needs_reconnection_since = now
        return self.world.tell_account(account, "account.reconnect_needed")

    def expire_soon(self, account_id: int, days: float = 3) -> Account:
        """Let the token be near its end: a warning, posts still succeed."""
        account = self.world.accounts[account_id]
        account.token_expires_at = self.world.now() + timedelta(days=days)
        return account

    def deactivate(self, account_id: int) -> Account:
        """Switch the account off; it stays listed."""
        account = self.world.accounts[account_id]
        account.is_active = False
        return self.world.tell_account(account, "account.disconnected")

    def remove(self, account_id: int) -> Account:
        """Take the account away: absent, 404, and what is queued for it fails."""
        return self.world.tell_account(self.world.accounts.pop(account_id), "account.disconnected")

    def reconnect(self, account_id: int) -> Account:
        """Repair the account in place, under its id, with a token of 60 days."""
        return self.world.reconnect(account_id)

    # Webhooks.

    async def deliver(self, client: httpx.AsyncClient, *, to: str | None = None) -> list[Sent]:
        """Send the events that wait; see `Outbox.deliver`."""
        return await self.outbox.deliver(client, self.world.now(), to=to)

    def replay(self, times: int = 1) -> int:
        """Queue the last deliveries once more, byte for byte; answers how many."""
        return self.outbox.replay(times)
