"""The parts of one running process: how they start, what keeps them at work, and how they stop."""

import asyncio
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import make_url

from bridge.app._alone import RENEW_EVERY, Alone
from bridge.app._chats import Chats
from bridge.app._configured import configured, private_keys
from bridge.app._keys import warn_of_missing_keys
from bridge.core.delivering import health
from bridge.core.errors import StoreError
from bridge.core.public_keys import key_set
from bridge.core.sealing import Sealer
from bridge.core.tokens import Tokens
from bridge.flows import Kit, Pump
from bridge.flows.act import Actions
from bridge.flows.configured import follow_configurations, follow_owners, renew_secrets, say, sync_endpoints
from bridge.flows.deliver import Deliverer
from bridge.flows.endpoints import Endpoints
from bridge.flows.feeds import Feeds
from bridge.flows.ingest import Ingest
from bridge.flows.lookups import Lookups
from bridge.flows.publish import Publisher
from bridge.flows.replay import Replayer
from bridge.flows.resume import Resumer
from bridge.flows.stream import Streams
from bridge.flows.wait import Waiters
from bridge.flows.watch import Watcher
from bridge.ports import Due, Hint
from bridge.schedule import Schedule
from bridge.settings import Settings
from bridge.web import Web

if TYPE_CHECKING:
    from bridge.sockets import Sockets

log = structlog.get_logger("bridge")

JOBS = ("posts", "accounts", "resume", "feeds", "replays", "exhausted", "gauges", "tallies", "retention", "leases")
_GAUGES = timedelta(seconds=10)
_TALLIES = timedelta(seconds=2)
_FEEDS = timedelta(seconds=30)
_REPLAYS = timedelta(seconds=1)
_EXHAUSTED = timedelta(minutes=1)
_RETENTION = timedelta(minutes=10)
_PRUNE_AT_ONCE = 200
"""A write that comes while history goes waits for so many rows of one table: some 20 ms as a rule, of 500 some 90."""
_PRUNE_PAUSE_S = 0.02
"""For so long others have the writer to themselves, after each piece."""


@dataclass
class Bridge:
    """The parts of one running process. `web` is what the HTTP side needs; `Bridge` itself is its `Health`.

    `changed` are the partners that are new or other since the configuration before, if there was one.
    """

    settings: Settings
    kit: Kit
    ingest: Ingest
    publisher: Publisher
    deliverer: Deliverer
    watcher: Watcher
    resumer: Resumer
    replayer: Replayer
    feeds: Feeds
    lookups: Lookups
    waiters: Waiters
    actions: Actions
    schedule: Schedule
    alone: Alone
    tokens: Tokens
    sealer: Sealer | None
    endpoints: Endpoints
    chats: Chats | None = None
    sockets: "Sockets | None" = None
    changed: Collection[str] = ()
    streams: Streams = field(default_factory=Streams)
    _running: list["asyncio.Task[None]"] = field(default_factory=list)

    @property
    def web(self) -> Web:
        """What the HTTP side is given."""
        server = self.settings.server
        return Web(
            ingest=self.ingest,
            actions=self.actions,
            endpoints=self.endpoints,
            replayer=self.replayer,
            waiters=self.waiters,
            store=self.kit.store,
            metrics=self.kit.metrics,
            tokens=self.tokens,
            clock=self.kit.clock,
            public_url=server.public_url,
            max_body=server.max_body,
            health=self,
            with_admin=server.admin is None,
            key_set=key_set(private_keys(self.settings)),
            writes_off=tuple(name for name, one in self.kit.partners.items() if not one.writes),
            ephemeral=self.settings.database.ephemeral and not self.kit.store.shared,
            spans=self.kit.spans,
            streams=self.streams,
            session=self.settings.console.session if self.settings.console.enabled else None,
        )

    async def start(self) -> None:
        """Sync what is configured, then begin to work."""
        await self.watcher.add_keys()
        await sync_endpoints(self.kit, configured(self.settings))
        await follow_owners(self.kit, self._owners)
        await renew_secrets(self.kit, self.sealer)
        await self.kit.refresh()
        await warn_of_missing_keys(self.kit)
        await self.gauges()
        self._plan()
        self.schedule.start()
        self._running = [asyncio.create_task(pump.run()) for pump in self.pumps]
        for name in self.changed:
            # The tick keeps its time, for what it misses counts; what is new must not wait for it.
            self.ingest.hints.follow(Hint(name, accounts=("any",)))
        if self.sockets:
            self.sockets.start()

    def _plan(self) -> None:
        """Say when what runs."""
        watch, every, alone = self.settings.watch, self.schedule.every, self.alone.tick
        every("accounts", watch.accounts_every, alone("accounts", self.watcher.accounts))
        every("posts", watch.tick, alone("posts", self.watcher.posts))
        every("resume", watch.tick, alone("resume", self.resumer.tick))
        if self.feeds.feeds:
            every("feeds", _FEEDS, alone("feeds", self.feeds.tick), first=_GAUGES)
        # It has a lease of its own, which it takes only while there is a job.
        every("replays", _REPLAYS, self.replayer.tick, first=_REPLAYS)
        every("exhausted", _EXHAUSTED, alone("exhausted", self.deliverer.dead_letters.tick), first=_EXHAUSTED)
        every("gauges", _GAUGES, self.gauges, first=_GAUGES)
        every("tallies", _TALLIES, self.tallies, first=_TALLIES)
        every("retention", _RETENTION, alone("retention", self.retention), first=_RETENTION)
        every("leases", RENEW_EVERY, self.leases, first=RENEW_EVERY)

    @property
    def pumps(self) -> "tuple[Pump[Any], ...]":
        """What keeps the flows' work in flight."""
        return self.publisher.pump, self.lookups.pump, *self.deliverer.pumps

    def wake(self, due: Due) -> None:
        """Look for work now: a commit made some due."""
        if Due.COMMANDS in due:
            self.publisher.pump.wake()
        if Due.DELIVERIES in due:
            self.deliverer.wake()
        if Due.LOOKUPS in due:
            self.lookups.pump.wake()

    def drain(self) -> None:
        """Refuse new work from now on, and answer everybody who waits."""
        self.ingest.load.draining = True
        self.streams.end()
        if self.sockets:
            self.sockets.refuse()

    async def stop(self, limit: timedelta) -> None:
        """Finish or release what is in flight within `limit`."""
        self.drain()
        await asyncio.gather(self.waiters.drain(), self.halt(limit), self.leave(limit))

    async def halt(self, limit: timedelta) -> None:
        """Begin no work any more, and finish or release what is in flight within `limit`; requests are still taken."""
        await asyncio.gather(self._end_ticks(limit), *(pump.stop(limit.total_seconds()) for pump in self.pumps))
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._last_tallies()

    async def leave(self, limit: timedelta) -> None:
        """End what goes on for requests that were answered, when no more come."""
        await asyncio.gather(self._hang_up(limit), self.ingest.hints.stop())

    async def _end_ticks(self, limit: timedelta) -> None:
        await self.schedule.stop(limit)
        await self.alone.stop()

    async def _hang_up(self, limit: timedelta) -> None:
        """End the conversations: first what people speak by, then what goes on behind their answers."""
        if self.sockets:
            await self.sockets.stop(limit)
        if self.chats:
            await self.chats.converser.stop()

    def live(self) -> bool:
        """Say whether the loop's own work still goes on."""
        kept = self.sockets is None or self.sockets.alive
        return kept and self.schedule.alive and not any(task.done() for task in self._running)

    def config(self) -> Mapping[str, object]:
        """Return nothing: what there is of a changed configuration is known where that is read."""
        return {}

    async def ready(self) -> Mapping[str, str]:
        """Return what keeps us from taking work, by check."""
        failed = {}
        if self.ingest.load.draining:
            failed["draining"] = "the process is stopping"
        if not self.schedule.alive:
            failed["scheduler"] = "the scheduler has stopped"
        if not await self.kit.store.writable():
            failed["store"] = "a write to the database failed"
        return failed

    async def gauges(self) -> None:
        """Bring the gauges, and what is known here of the load and of the accounts and keys, up to date."""
        # First, for a database that refuses must not hide that its disk is full.
        self._room()
        if self.kit.store.shared:
            await self.kit.refresh()
        counts = await self.kit.store.counts(self.kit.clock(), self.kit.partners)
        self.kit.metrics.set_counts(counts)
        self.kit.metrics.set_accounts(self.kit.book.directory.census())
        endpoints = (await self.kit.store.endpoints()).values()
        self.kit.metrics.set_endpoints(health(one, self.kit.clock()) for one in endpoints)
        self.ingest.load.queue = counts.queue.get("commands", 0) + counts.queue.get("deliveries", 0)

    async def tallies(self) -> None:
        """Store what was counted since the last time, for all processes to draw."""
        counted = self.kit.metrics.counted
        tallies = counted.take(self.kit.clock())
        try:
            await self.kit.store.desk.tally(tallies)
        except StoreError:
            counted.put_back(tallies)
            raise

    async def _last_tallies(self) -> None:
        with suppress(StoreError):
            await self.tallies()

    def _room(self) -> None:
        load, limits, metrics = self.ingest.load, self.ingest.limits, self.kit.metrics
        metrics.queue_limit(limits.queue)
        load.free = free_disk(self.settings.database.url)
        if load.free is not None:
            metrics.free_disk(load.free, limits.free_disk)

    async def leases(self) -> None:
        """Say to the other processes what is ours, and what is configured here; see what is configured no more."""
        await self.alone.renew()
        await follow_configurations(self.kit, configured(self.settings), self._owners)

    async def take_leave(self) -> None:
        """Say a last time what is configured here, so that nothing is lost of what left by mistake and is put back."""
        await say(self.kit, configured(self.settings), self._owners)

    @property
    def _owners(self) -> dict[str, tuple[str, ...]]:
        return {token.name: token.accounts for token in self.settings.tokens}

    async def retention(self) -> None:
        """Delete ended history that is past its time, in small batches."""
        rules, now, gone = self.settings.retention, self.kit.clock(), 0
        pruning = self.kit.store.prune(
            events_before=now - rules.events,
            attempts_before=now - rules.attempts,
            posts_before=now - rules.posts,
            audit_before=now - rules.audit,
            limit=_PRUNE_AT_ONCE,
        )
        async for rows in pruning:
            gone += rows
            await asyncio.sleep(_PRUNE_PAUSE_S)
        if gone:
            log.info("history.pruned", rows=gone)


def free_disk(url: str) -> int | None:
    """Return the free bytes where a SQLite file is; None for other databases."""
    if not url.startswith("sqlite:") or not (path := make_url(url).database):
        return None
    return shutil.disk_usage(Path(path).resolve().parent).free
