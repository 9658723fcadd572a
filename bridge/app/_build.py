"""Wires the parts over an open store."""

import random
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import httpx
from prometheus_client import CollectorRegistry

from bridge import partners, sources
from bridge.app._alone import Alone
from bridge.app._bridge import JOBS, Bridge
from bridge.app._chats import Chats, cards, chats, rows, sockets, workspaces
from bridge.app._configured import followed, private_keys, sendings
from bridge.core.endpoint_fields import Known
from bridge.core.model import ADOPTED
from bridge.core.redact import Redactor
from bridge.core.rules import SourceRules
from bridge.core.sealing import Sealer, Sendings
from bridge.core.times import sortable
from bridge.core.tokens import Token, Tokens
from bridge.flows import Book, Kit
from bridge.flows.act import Actions
from bridge.flows.adopt import Adopter
from bridge.flows.deliver import Deliverer
from bridge.flows.endpoints import Endpoints
from bridge.flows.feeds import Feeds
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
from bridge.ports import Clock, Partner, Source, Store
from bridge.schedule import Schedule
from bridge.settings import Kinds, Settings
from bridge.sources.feed import parse as parse_feed
from bridge.web import ROUTES

if TYPE_CHECKING:
    from bridge.tracing import Spans

KINDS = Kinds(
    partners=partners.CONFIGS,
    sources=sources.CONFIGS,
    source_faults=lambda kind, config: sources.KINDS[kind].faults(config),
)
"""The configuration types of every kind of partner and source."""


def utc_now() -> datetime:
    """Give the wall time in UTC."""
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """Give a new id that sorts by time. Ids are names, not secrets, so their chance need not be a system call."""
    return sortable(prefix, datetime.now(UTC), random.getrandbits(64).to_bytes(8))


@dataclass(frozen=True, slots=True)
class Carried:
    """What one configuration hands on to the next.

    `partners` are those that stay as they are: their budget goes on. `schedule` is that of the one before: ticks run
    when they would have been due.
    """

    metrics: Metrics
    waiters: Waiters
    partners: Mapping[str, Partner] = field(default_factory=dict)
    spans: "Spans | None" = None
    schedule: Schedule | None = None


def build(
    settings: Settings,
    store: Store,
    network: GuardedClient,
    redactor: Redactor,
    carried: Carried,
    *,
    clock: Clock = utc_now,
    transport: httpx.AsyncBaseTransport | None = None,
    new_id: Callable[[str], str] = new_id,
) -> Bridge:
    """Wire the parts over an open store; nothing runs yet."""
    metrics = carried.metrics
    spend = store.spend if store.shared else None
    made = partial(partners.build, observe=metrics.partner_call, now=clock, transport=transport, spend=spend)
    made = partial(made, spans=carried.spans)
    kit = Kit(
        store=store,
        partners={
            name: carried.partners.get(name) or made(name, entry.config) for name, entry in settings.partners.items()
        },
        book=Book(settings.accounts, tuple(settings.partners)),
        metrics=metrics,
        clock=clock,
        new_id=new_id,
        chance=random.random,
        spans=carried.spans,
    )
    tokens = Tokens(
        (secret, Token(entry.name, frozenset(entry.scopes), entry.accounts))
        for entry in settings.tokens
        for secret in entry.token
    )
    adopt = Adopter(kit, settings.watch, settings.retry).adopt if settings.watch.adopt == "all" else None
    watcher = Watcher(kit, settings.publish, settings.watch, settings.retry, adopt=adopt)
    sealer = Sealer(settings.server.secret_key) if settings.server.secret_key else None
    sending = Sendings(sendings(settings), sealer, private_keys(settings))
    actions = Actions(kit)
    told = chats(kit, settings, network, actions)
    access = {"access": told.access} if told else {}
    fetcher = Fetcher(kit, network, settings.media, settings.publish, settings.watch, **access)
    ingest = _ingest(kit, settings, tokens, watcher.look, told)
    reply = told.replier.call if told else None
    owned = sending.of_owners({token.name for token in settings.tokens})
    deliverer = Deliverer(kit, settings.deliver, network, owned, redactor, reply=reply)
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
        waiters=carried.waiters,
        actions=actions,
        schedule=Schedule(metrics.job, earlier=carried.schedule),
        alone=Alone(store, new_id("holder")),
        tokens=tokens,
        sealer=sealer,
        endpoints=_endpoints(kit, settings, sealer, sending, deliverer),
        chats=told,
        sockets=sockets(kit, settings, ingest),
        changed=settings.partners.keys() - carried.partners.keys() if carried.schedule else (),
    )


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


def _ingest(kit: Kit, settings: Settings, tokens: Tokens, look: Look, told: Chats | None) -> Ingest:
    hooks = {name: sources.build(name, entry.kind, entry.config) for name, entry in settings.sources.items()}
    given: dict[str, Source] = {API: sources.Api(tokens), **hooks}
    own = {name: entry.config for name, entry in settings.sources.items() if isinstance(entry.config, SourceRules)}
    return Ingest(
        kit,
        settings.publish,
        settings.limits,
        given,
        own=own,
        look=look,
        know=told.converser.know if told else None,
        act=told.converser.act if told else None,
        cards=cards(settings),
    )


def metrics_for(settings: Settings, started: datetime) -> Metrics:
    """Return the metrics of a process that begins with a configuration."""
    return Metrics(CollectorRegistry(), started=started, routes=ROUTES, jobs=JOBS, **_names(settings))


def follow(metrics: Metrics, settings: Settings, at: datetime) -> None:
    """Have the metrics show what a configuration names, and what it says of itself."""
    metrics.follow(at, **_names(settings))
    metrics.poll_interval("posts", settings.watch.first_poll)
    metrics.poll_interval("accounts", settings.watch.accounts_every)
    for name, entry in settings.partners.items():
        metrics.partner_rate(name, entry.config.rate)
    metrics.config_warned(len(settings.warnings))


def _names(settings: Settings) -> dict[str, Iterable[str]]:
    return {
        "sources": (API, ADOPTED, *settings.sources),
        "partners": tuple(settings.partners),
        "endpoints": (*settings.endpoints, *rows(settings)),
        "sockets": [name for name, one in workspaces(settings).items() if one.socket],
    }
