"""The wiring: settings -> store, partners, sources, flows -> one running `Bridge`; no other room names them all.

`serving` gives a `Service`, whose configuration may change while it runs; `running` the bridge in it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

from bridge.app._bridge import Bridge
from bridge.app._build import KINDS, build, new_id, utc_now
from bridge.app._chats import workspaces
from bridge.app._configured import configured, sendings
from bridge.app._lasting import check_lasting
from bridge.app._rehearsal import Rehearsal, rehearsing
from bridge.app._reload import Reloader
from bridge.app._service import Heed, Service, ignore
from bridge.ports import Clock, Store
from bridge.settings import Settings
from bridge.store import open_store

__all__ = [
    "KINDS",
    "Bridge",
    "Rehearsal",
    "Reloader",
    "Service",
    "build",
    "check_lasting",
    "configured",
    "new_id",
    "rehearsing",
    "running",
    "sendings",
    "serving",
    "utc_now",
    "workspaces",
]


@asynccontextmanager
async def serving(
    settings: Settings,
    *,
    clock: Clock = utc_now,
    store: Store | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    heed: Heed = ignore,
    rested: Callable[[], object] = lambda: None,
) -> AsyncIterator[Service]:
    """Open everything, start, and on leaving stop and close in the other order.

    Args:
        settings: the whole configuration.
        clock: the time that decisions go by.
        store: an open store; by default that of `database.url`, made and brought up to date.
        transport: what carries partner calls instead of the network.
        heed: see `Service`.
        rested: see `Service`.

    Raises:
        StoreError: the database cannot be opened.
        SettingsError: the configuration does not go with what is in it.
    """
    opened = store or await open_store(settings.database.url, notify=settings.database.notify)
    try:
        service = Service(opened, settings, clock=clock, transport=transport, heed=heed, rested=rested)
        try:
            await service.start()
            yield service
        finally:
            await service.stop(service.settings.server.drain * 0.7)
    finally:
        await opened.close()


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    clock: Clock = utc_now,
    store: Store | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Bridge]:
    """Run a bridge whose configuration stays; as `serving`."""
    async with serving(settings, clock=clock, store=store, transport=transport) as service:
        yield service.bridge
