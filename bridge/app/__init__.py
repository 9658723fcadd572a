"""The wiring: settings -> store, partners, sources, flows -> one running `Bridge`; no other room names them all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from bridge.app._bridge import Bridge
from bridge.app._build import KINDS, build, new_id, utc_now
from bridge.app._configured import configured
from bridge.core.redact import Redactor
from bridge.net import GuardedClient
from bridge.ports import Clock, Store
from bridge.settings import Settings
from bridge.store import open_store

__all__ = ["KINDS", "Bridge", "build", "configured", "new_id", "running", "utc_now"]

_OTHER_CONNECTIONS = 64
"""How many connections of the guarded client are for what is fetched, beside those for deliveries."""


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
    opened = store or await open_store(settings.database.url, notify=settings.database.notify)
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
