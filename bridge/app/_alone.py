"""Ticks for which one process is enough: each runs where its lease is, and stays there while that process lives."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import structlog

from bridge.core.errors import StoreError
from bridge.flows import LEASE
from bridge.ports import Store

log = structlog.get_logger("bridge")

Tick = Callable[[], Awaitable[object]]

RENEW_EVERY = timedelta(seconds=10)
LEASE_S = LEASE.total_seconds()
"""How long a process that died keeps a tick from the others."""


class Alone:
    """Runs ticks on one of several processes at a time: `renew` is to be called every `RENEW_EVERY`.

    A lease is taken when a tick begins, by whoever comes first, and kept between the ticks. A tick whose lease is over,
    or another's, is cancelled: what it goes on to write before it notices is refused where another wrote first. Where
    no other process can be, nothing is asked.
    """

    def __init__(self, store: Store, holder: str, *, lease_s: float = LEASE_S) -> None:
        self._store, self._holder, self._lease_s = store, holder, lease_s
        self._until: dict[str, float] = {}
        self._limits: dict[str, asyncio.Timeout] = {}

    def tick(self, name: str, tick: Tick) -> Tick:
        """Make a tick one that does nothing where another process has its lease."""
        return partial(self._run, name, tick) if self._store.shared else tick

    async def renew(self) -> None:
        """Hold what we have for longer.

        Raises:
            StoreError: some could not be renewed; they are still ours until they have run out.
        """
        await asyncio.gather(*(self._take(name) for name, until in self._until.items() if until))

    async def stop(self) -> None:
        """Give up what we have, so that others need not wait until it runs out."""
        names = [name for name, until in self._until.items() if until]
        try:
            await asyncio.gather(*(self._store.lease(_lease(name), self._holder, 0) for name in names))
        except StoreError as error:
            log.warning("tick.not_given_up", error=str(error))

    async def _run(self, name: str, tick: Tick) -> None:
        until = self._until.get(name, 0.0)
        if until - _now() < self._lease_s / 2:
            until = await self._take(name)
        if not until:
            return
        limit = self._limits[name] = asyncio.timeout_at(until)
        try:
            async with limit:
                await tick()
        except TimeoutError:
            if not limit.expired():
                raise
            log.warning("tick.lost", job=name)
        finally:
            del self._limits[name]

    async def _take(self, name: str) -> float:
        """Take or renew the lease of a tick; 0, and a tick under way ends, while another process has it.

        It counts from before it was asked for: so we never think it ours for longer than it is.
        """
        until = _now() + self._lease_s
        if not await self._store.lease(_lease(name), self._holder, self._lease_s):
            until = 0.0
        self._until[name] = until
        if (limit := self._limits.get(name)) is not None and not limit.expired():
            limit.reschedule(until)
        return until


def _now() -> float:
    return asyncio.get_running_loop().time()


def _lease(name: str) -> str:
    return f"tick:{name}"
