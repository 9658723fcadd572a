"""One simulated partner as a whole: world, fault script and journal, with short ways to script all three."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any

from bridge.simulator.faults import Fault, FaultKind, FaultScript
from bridge.simulator.genviral import worker
from bridge.simulator.genviral.defaults import default_accounts, default_keys
from bridge.simulator.genviral.journal import Entry
from bridge.simulator.genviral.model import Account, Json, Key, Outcome, Post
from bridge.simulator.genviral.world import Options, World
from bridge.simulator.instants import utc_now
from bridge.simulator.journal import Journal


class GenviralSimulator:
    """One simulated partner.

    Args:
        now: the clock; a test moves its own.
        seed: of ids, URLs and random faults: the same seed and calls give the same answers.
        keys, accounts: the world to start with; default `default_keys()`, `default_accounts()`.
        options: the fields of `Options`: `contract`, `retry_word`, `replay_first`, `deleted_frees_key`.
    """

    world: World
    faults: FaultScript
    journal: Journal[Entry]

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = utc_now,
        seed: int = 0,
        keys: Iterable[Key] | None = None,
        accounts: Iterable[Account] | None = None,
        **options: Any,
    ) -> None:
        self._now, self._seed, self._options = now, seed, options
        self._keys = default_keys() if keys is None else list(keys)
        self._accounts = default_accounts() if accounts is None else list(accounts)
        self.reset()

    def reset(self) -> None:
        """Start again with the first keys and accounts: no posts, no faults, an empty journal."""
        chance = Random(self._seed)
        keys, accounts = [replace(key) for key in self._keys], [replace(account) for account in self._accounts]
        self.world = World(self._now, chance, options=Options(**self._options), keys=keys, accounts=accounts)
        self.faults = FaultScript(chance)
        self.journal = Journal(Entry)

    def tick(self, times: int = 1, *, now: datetime | None = None) -> int:
        """Run the worker, at `now` or the clock's time; answers how many posts changed."""
        return sum(worker.tick(self.world, now) for _ in range(times))

    def fault(self, kind: FaultKind | str, operation: str = "*", times: int = 1, **details: Any) -> Fault:
        """Script a fault; see `Fault` for the details."""
        return self.faults.add(Fault(FaultKind(kind), operation, times, **details))

    def script(self, account_id: str, *outcomes: Outcome | str | Json) -> None:
        """Queue outcomes of one account's next due rows: `sim.script(TIKTOK, {"kind": "fail", "text": "…"}, "ok")`."""
        self.world.script(account_id, *outcomes)

    def seed_post(self, status: str, **given: Any) -> Post:
        """Store a post that was not created through the API; see `World.seed`."""
        return self.world.seed({"status": status, **given})
