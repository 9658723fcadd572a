"""A configuration that is only rehearsed: events taken once more, in a store of its own, without anything sent."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx

from bridge.app._build import Carried, build, metrics_for, new_id
from bridge.core.errors import StoreError
from bridge.core.model import Account, AccountState, Command, Event, Key, Post, Write
from bridge.core.redact import Redactor
from bridge.core.rehearsing import Side, side_of
from bridge.flows.ingest import API, Ingest
from bridge.flows.wait import Waiters
from bridge.net import GuardedClient
from bridge.settings import Settings, Tracing
from bridge.store import open_store

_ERASED = "its contents were erased"
_CHAT = "what people say in a chat is not stored as it came"
_FREE = ("api", "generic", "standard_webhooks", "cloudevents")
"""Kinds of sources of which the configuration, or nobody, says what the fields of a body mean."""


class Rehearsal:
    """One configuration, to which stored events are given in the order they were received in."""

    def __init__(self, settings: Settings, ingest: Ingest, now: "_Now") -> None:
        self._settings, self._ingest, self._now = settings, ingest, now
        self._allowed = {f"token:{token.name}": token.accounts for token in settings.tokens}

    async def side(self, event: Event) -> Side:
        """Return what an event comes to by this configuration."""
        if not event.body and not event.request:
            return Side(unknown=_ERASED)
        if gone := self._gone(event):
            return Side(refused=(gone,))
        kind = API if event.source == API else self._settings.sources[event.source].kind
        if kind == "slack":
            return Side(unknown=_CHAT)
        self._now.event = event
        try:
            again = await self._ingest.again(event, self._allowed.get(event.scope, ()), free=kind in _FREE)
        except StoreError as error:
            return Side(unknown=str(error))
        return Side(unknown=again.unknown) if again.unknown else side_of(again.items)

    def asked(self, event: Event, made: Sequence[tuple[Post, Sequence[Command]]]) -> Side:
        """Return what the stored posts of an event were when it was accepted."""
        return side_of(
            {"outcome": "accepted", "posts": [self._ingest.asked(event, post, commands)]} for post, commands in made
        )

    def _gone(self, event: Event) -> str:
        """Return why nobody could send an event any more."""
        if event.source != API:
            return "" if event.source in self._settings.sources else f"there is no sources.{event.source}"
        known = event.scope in self._allowed
        return "" if known else f"there is no token {event.scope.removeprefix('token:')!r} under tokens"


class _Now:
    """The time and the id that belong to the event that is taken."""

    event: Event | None = None

    def clock(self) -> datetime:
        """Return when it was received."""
        return self.event.received_at if self.event is not None else datetime.now(UTC)

    def new_id(self, prefix: str) -> str:
        """Give the event its own id, for partners are told it, and everything else a new one."""
        return self.event.id if prefix == "evt" and self.event is not None else new_id(prefix)


@asynccontextmanager
async def rehearsing(settings: Settings, accounts: Sequence[Account], keys: Sequence[Key]) -> AsyncIterator[Rehearsal]:
    """Open a store for one rehearsal, with these accounts, all of them usable; on leaving it is gone.

    Raises:
        StoreError: there is no room for it.
    """
    # Nobody is told, and what would be sealed or signed with may not be at hand.
    server = replace(settings.server, secret_key=(), signing_key=())
    settings = replace(settings, server=server, endpoints={}, tracing=Tracing())
    with tempfile.TemporaryDirectory(prefix="bridge-rehearsal-") as folder:
        store, now = await open_store(f"sqlite:///{Path(folder, 'rehearsal.db')}"), _Now()
        try:
            bridge = build(
                settings,
                store,
                GuardedClient(),
                Redactor(settings.secrets),
                Carried(metrics_for(settings, now.clock()), Waiters(store)),
                clock=now.clock,
                transport=httpx.MockTransport(_refuse),
                new_id=now.new_id,
            )
            await store.record([_known(settings, accounts, keys)])
            await bridge.kit.book.refresh(store)
            yield Rehearsal(settings, bridge.ingest, now)
            for partner in bridge.kit.partners.values():
                await partner.close()
        finally:
            await store.close()


def _refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nothing is sent in a rehearsal", request=request)


def _known(settings: Settings, accounts: Sequence[Account], keys: Sequence[Key]) -> Write:
    """Return the accounts and keys of the configured partners as new rows, as if nothing were wrong with them."""
    usable = {AccountState.DEGRADED: AccountState.ACTIVE, AccountState.DISCONNECTED: AccountState.ACTIVE}
    return Write(
        accounts=tuple(
            replace(one, state=usable.get(one.state, one.state), sequence=0, version=1)
            for one in accounts
            if one.partner in settings.partners
        ),
        keys=tuple(
            Key(one.name, one.kind, one.scope, listed_at=one.listed_at) for one in keys if one.name in settings.partners
        ),
    )
