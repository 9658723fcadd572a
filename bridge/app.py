"""The wiring: settings -> store, partners, sources, flows -> one running `Bridge`; no other file names them all."""

import asyncio
import random
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import CollectorRegistry
from sqlalchemy import make_url

from bridge import partners, sources
from bridge.core.delivering import health
from bridge.core.endpoint_fields import Known, columns
from bridge.core.endpoints import Sending
from bridge.core.hook_rules import HookRules
from bridge.core.model import ADOPTED, PostState
from bridge.core.public_keys import key_set, private_key
from bridge.core.redact import Redactor
from bridge.core.rules import SourceRules
from bridge.core.sealing import Sealer, Sendings
from bridge.core.signing import secret_key
from bridge.core.times import sortable
from bridge.core.tokens import Token, Tokens
from bridge.flows import Book, Kit, Pump
from bridge.flows.act import Actions
from bridge.flows.adopt import Adopter
from bridge.flows.configured import follow_owners, renew_secrets, sync_endpoints
from bridge.flows.deliver import Deliverer
from bridge.flows.endpoints import Endpoints
from bridge.flows.feeds import Feeds, Followed
from bridge.flows.fetch import Fetcher
from bridge.flows.ingest import API, Ingest, Look
from bridge.flows.lookups import Lookups
from bridge.flows.publish import Publisher
from bridge.flows.replay import Replayer
from bridge.flows.resume import Resumer
from bridge.flows.wait import Waiters
from bridge.flows.watch import Watcher
from bridge.metrics import Metrics
from bridge.net import GuardedClient
from bridge.ports import Clock, Due, Source, Store
from bridge.schedule import Schedule
from bridge.settings import Kinds, Settings
from bridge.sources.feed import parse as parse_feed
from bridge.store import open_store
from bridge.web import ROUTES, Web

log = structlog.get_logger("bridge")

KINDS = Kinds(
    partners=partners.CONFIGS,
    sources=sources.CONFIGS,
    source_faults=lambda kind, config: sources.KINDS[kind].faults(config),
)
"""The configuration types of every kind of partner and source."""

JOBS = ("posts", "accounts", "resume", "feeds", "replays", "exhausted", "gauges", "retention")
_GAUGES = timedelta(seconds=10)
_FEEDS = timedelta(seconds=30)
_REPLAYS = timedelta(seconds=1)
_EXHAUSTED = timedelta(minutes=1)
_RETENTION = timedelta(minutes=10)
_PRUNE_AT_ONCE = 500
_OTHER_CONNECTIONS = 64
"""How many connections of the guarded client are for what is fetched, beside those for deliveries."""


def utc_now() -> datetime:
    """Give the wall time in UTC."""
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """Give a new id that sorts by time. Ids are names, not secrets, so their chance need not be a system call."""
    return sortable(prefix, datetime.now(UTC), random.getrandbits(64).to_bytes(8))


@dataclass
class Bridge:
    """The parts of one running process. `web` is what the HTTP side needs; `Bridge` itself is its `Health`."""

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
    tokens: Tokens
    sealer: Sealer | None
    endpoints: Endpoints
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
            key_set=key_set(_private_keys(self.settings)),
            writes_off=tuple(name for name, one in self.kit.partners.items() if not one.writes),
        )

    async def start(self) -> None:
        """Sync what is configured, then begin to work."""
        await self.watcher.add_keys()
        await sync_endpoints(self.kit, configured(self.settings))
        await follow_owners(self.kit, {token.name: token.accounts for token in self.settings.tokens})
        await renew_secrets(self.kit, self.sealer)
        await self.kit.book.refresh(self.kit.store)
        await warn_of_missing_keys(self.kit)
        await self.gauges()
        self.kit.store.on_commit(self._wake)
        watch = self.settings.watch
        self.schedule.every("accounts", watch.accounts_every, self.watcher.accounts)
        self.schedule.every("posts", watch.tick, self.watcher.posts)
        self.schedule.every("resume", watch.tick, self.resumer.tick)
        if self.feeds.feeds:
            self.schedule.every("feeds", _FEEDS, self.feeds.tick, first=_GAUGES)
        self.schedule.every("replays", _REPLAYS, self.replayer.tick, first=_REPLAYS)
        self.schedule.every("exhausted", _EXHAUSTED, self.deliverer.dead_letters.tick, first=_EXHAUSTED)
        self.schedule.every("gauges", _GAUGES, self.gauges, first=_GAUGES)
        self.schedule.every("retention", _RETENTION, self.retention, first=_RETENTION)
        self.schedule.start()
        self._running = [asyncio.create_task(pump.run()) for pump in self.pumps]

    @property
    def pumps(self) -> "tuple[Pump[Any], ...]":
        """What keeps the flows' work in flight."""
        return self.publisher.pump, self.lookups.pump, *self.deliverer.pumps

    def _wake(self, due: Due) -> None:
        if Due.COMMANDS in due:
            self.publisher.pump.wake()
        if Due.DELIVERIES in due:
            self.deliverer.wake()
        if Due.LOOKUPS in due:
            self.lookups.pump.wake()

    def drain(self) -> None:
        """Refuse new work from now on, and answer everybody who waits."""
        self.ingest.load.draining = True

    async def stop(self, limit: timedelta) -> None:
        """Finish or release what is in flight within `limit`."""
        self.drain()
        pumps = [pump.stop(limit.total_seconds()) for pump in self.pumps]
        await asyncio.gather(self.waiters.drain(), self.schedule.stop(limit), self.ingest.hints.stop(), *pumps)
        await asyncio.gather(*self._running, return_exceptions=True)

    def live(self) -> bool:
        """Say whether the loop's own work still goes on."""
        return self.schedule.alive and not any(task.done() for task in self._running)

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
        """Bring the gauges and what intake knows of its load up to date."""
        counts = await self.kit.store.counts(self.kit.clock())
        self.kit.metrics.set_counts(counts)
        endpoints = (await self.kit.store.endpoints()).values()
        self.kit.metrics.set_endpoints(health(one, self.kit.clock()) for one in endpoints)
        self.ingest.load.queue = counts.queue.get("commands", 0) + counts.queue.get("deliveries", 0)
        self.ingest.load.free = free_disk(self.settings.database.url)

    async def retention(self) -> None:
        """Delete ended history that is past its time, in small batches."""
        rules, now = self.settings.retention, self.kit.clock()
        while True:
            gone = await self.kit.store.prune(
                events_before=now - rules.events,
                attempts_before=now - rules.attempts,
                posts_before=now - rules.posts,
                limit=_PRUNE_AT_ONCE,
            )
            if not gone:
                return
            log.info("history.pruned", rows=gone)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    clock: Clock = utc_now,
    store: Store | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Bridge]:
    """Open everything, start, and on leaving stop and close in the other order.

    Args:
        settings: the whole configuration.
        clock: the time that decisions go by.
        store: an open store; by default that of `database.url`, made and brought up to date.
        transport: what carries partner calls instead of the network.

    Raises:
        StoreError: the database cannot be opened.
        SettingsError: the configuration does not go with what is in it.
    """
    redactor = Redactor(settings.secrets)
    opened = store or await open_store(settings.database.url)
    reach, most = settings.network, settings.deliver.concurrency + _OTHER_CONNECTIONS
    network = GuardedClient(allow=reach.allow, allow_http=reach.allow_http, ports=reach.ports, connections=most)
    try:
        async with network:
            bridge = build(settings, opened, network, redactor, clock=clock, transport=transport)
            try:
                await bridge.start()
                yield bridge
            finally:
                await bridge.stop(settings.server.drain * 0.7)
                await asyncio.gather(*(partner.close() for partner in bridge.kit.partners.values()))
    finally:
        await opened.close()


def build(
    settings: Settings,
    store: Store,
    network: GuardedClient,
    redactor: Redactor,
    *,
    clock: Clock = utc_now,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Bridge:
    """Wire the parts over an open store; nothing runs yet."""
    metrics = _metrics(settings, clock())
    kit = Kit(
        store=store,
        partners={
            name: partners.build(name, entry.config, metrics.partner_call, now=clock, transport=transport)
            for name, entry in settings.partners.items()
        },
        book=Book(settings.accounts, tuple(settings.partners)),
        metrics=metrics,
        clock=clock,
        new_id=new_id,
        chance=random.random,
    )
    tokens = Tokens(
        (secret, Token(entry.name, frozenset(entry.scopes), entry.accounts))
        for entry in settings.tokens
        for secret in entry.token
    )
    adopt = Adopter(kit, settings.watch, settings.retry).adopt if settings.watch.adopt == "all" else None
    watcher = Watcher(kit, settings.publish, settings.watch, settings.retry, adopt=adopt)
    sealer = Sealer(settings.server.secret_key) if settings.server.secret_key else None
    sending = Sendings(_sendings(settings), sealer, _private_keys(settings))
    fetcher = Fetcher(kit, network, settings.media, settings.publish, settings.watch)
    ingest = _ingest(kit, settings, tokens, watcher.look)
    deliverer = Deliverer(kit, settings.deliver, network, sending, redactor)
    return Bridge(
        settings=settings,
        kit=kit,
        ingest=ingest,
        publisher=Publisher(kit, settings.publish, settings.watch, watcher.listing, fetcher.act),
        deliverer=deliverer,
        watcher=watcher,
        resumer=Resumer(kit, settings.publish, settings.watch),
        replayer=Replayer(kit, settings.deliver),
        feeds=Feeds(kit, network, followed(settings), ingest.take, parse_feed),
        lookups=Lookups(kit, network, ingest.sources, ingest.take, settings.publish),
        waiters=Waiters(store),
        actions=Actions(kit),
        schedule=Schedule(metrics.job),
        tokens=tokens,
        sealer=sealer,
        endpoints=_endpoints(kit, settings, sealer, sending, deliverer),
    )


def configured(settings: Settings) -> dict[str, dict[str, object]]:
    """Return the fields of the configured endpoints, by name."""
    return {name: columns(entry) for name, entry in settings.endpoints.items()}


def _endpoints(
    kit: Kit, settings: Settings, sealer: Sealer | None, sending: Sendings, deliverer: Deliverer
) -> Endpoints:
    platforms = [account.platform for account in settings.accounts if account.platform]
    known = Known(tuple(settings.partners), tuple(settings.sources), platforms, settings.network.reachable)
    return Endpoints(
        kit,
        known=known,
        sealer=sealer,
        sending=sending,
        entropy=secrets.token_bytes,
        disable_after=settings.deliver.disable_after,
        owners=[token.name for token in settings.tokens],
        changed=deliverer.endpoints.stale,
    )


def _private_keys(settings: Settings) -> tuple[Ed25519PrivateKey, ...]:
    return tuple(private_key(key) for key in settings.server.signing_key)


def _sendings(settings: Settings) -> dict[str, Sending]:
    return {
        name: Sending(tuple(secret_key(secret) for secret in entry.secret), entry.headers, url=entry.url)
        for name, entry in settings.endpoints.items()
    }


def _ingest(kit: Kit, settings: Settings, tokens: Tokens, look: Look) -> Ingest:
    hooks = {name: sources.build(name, entry.kind, entry.config) for name, entry in settings.sources.items()}
    given: dict[str, Source] = {API: sources.Api(tokens), **hooks}
    own = {name: entry.config for name, entry in settings.sources.items() if isinstance(entry.config, SourceRules)}
    return Ingest(kit, settings.publish, settings.limits, given, own=own, look=look)


def followed(settings: Settings) -> list[Followed]:
    """Return the sources whose feed is read: those of the kind `feed`, and any other for what its hook missed."""
    return [
        Followed(name, entry.config, hooked=entry.kind != "feed")
        for name, entry in settings.sources.items()
        if isinstance(entry.config, HookRules) and entry.config.feed
    ]


def _metrics(settings: Settings, started: datetime) -> Metrics:
    metrics = Metrics(
        CollectorRegistry(),
        started=started,
        sources=(API, ADOPTED, *settings.sources),
        partners=settings.partners,
        endpoints=settings.endpoints,
        routes=ROUTES,
        jobs=JOBS,
    )
    metrics.poll_interval("posts", settings.watch.first_poll)
    metrics.poll_interval("accounts", settings.watch.accounts_every)
    metrics.config_warned(len(settings.warnings))
    return metrics


async def warn_of_missing_keys(kit: Kit) -> None:
    """Say of each key that left the configuration how many of its posts nobody sends or watches any more."""
    now = kit.clock()
    counts = (await kit.store.counts(now)).posts
    for name in sorted({name for name, _ in counts} - kit.partners.keys()):
        unsent = counts.get((name, PostState.ACCEPTED), 0) + counts.get((name, PostState.PARKED), 0)
        watched = len(await kit.store.tracked(name, now + _EVER, _COUNTED))
        if unsent or watched:
            kit.metrics.config_warned()
            left = f"{unsent} of its posts were not sent and {watched}{'+' if watched == _COUNTED else ''} not watched"
            warning = f"partners.{name}: is not configured any more, so {left} to their end; put the key back"
            log.warning("config.warned", warning=warning, partner=name, unsent=unsent, watched=watched)


_EVER = timedelta(days=3650)
_COUNTED = 1000
"""How many watched posts of a missing key are counted."""


def free_disk(url: str) -> int | None:
    """Return the free bytes where a SQLite file is; None for other databases."""
    database = make_url(url)
    if database.get_backend_name() != "sqlite" or not database.database:
        return None
    return shutil.disk_usage(Path(database.database).resolve().parent).free
