"""What stays while the configuration changes: the store, the counts, those who wait, what the listeners serve.

Everything else is a `Generation`. `change` exchanges it: the old one begins no more work and ends what is under way,
while its ingest goes on taking requests; then the new one starts, and gets the requests from there on. Work that is cut
short is leased, as after a stop, and taken up by the new one when its lease ends. When the new one does not start the
old one is started anew, behind whoever asked for the change: another may come meanwhile.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import structlog

from bridge.app._bridge import Bridge
from bridge.app._build import Carried, build, follow, metrics_for, utc_now
from bridge.app._configured import configured
from bridge.app._generation import Front, Generation
from bridge.core.errors import StoreError
from bridge.core.redact import Redactor
from bridge.flows.configured import check_endpoints
from bridge.flows.wait import Waiters
from bridge.metrics import Metrics
from bridge.net import GuardedClient
from bridge.ports import Clock, Due, Partner, Store
from bridge.settings import Settings, Tracing
from bridge.tracing import open_spans

if TYPE_CHECKING:
    from bridge.tracing import Spans

log = structlog.get_logger("bridge")

Heed = Callable[[Settings, Redactor], None]
"""Told of each configuration before it is used, with what hides its secrets."""

_OTHER_CONNECTIONS = 64
"""How many connections of the guarded client are for what is fetched, beside those for deliveries."""
_LONGEST = timedelta(seconds=30)
"""What is under way gets no longer at a change, whatever `server.drain` is: others keep our endpoints for a minute."""
_MEETS = timedelta(seconds=5)
"""How long new connections of Socket Mode are waited for before the old ones are hung up."""
_AGAIN_S = 1.0
_ALIVE_FOR_S = 120.0
"""A change that takes longer hangs."""
_LAST_SPANS = 0.1
"""For how much of the limit of a stop it is waited, at most, until the last spans are exported."""
_MOST_OLD = 500
"""How many secrets of earlier configurations are hidden, the latest first; each makes every line of the log dearer."""


def ignore(_settings: Settings, _redactor: Redactor) -> None:
    """Do nothing: by default nobody is told."""


class Service:
    """One process over an open store; its `Health` too. Made, started and stopped once.

    Args:
        store: is closed by whoever opened it.
        settings: the configuration to begin with.
        clock: the time that decisions go by.
        transport: what carries partner calls instead of the network.
        heed: has the log follow a configuration.
        rested: is called when nothing is left of an earlier generation.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        clock: Clock = utc_now,
        transport: httpx.AsyncBaseTransport | None = None,
        heed: Heed = ignore,
        rested: Callable[[], object] = lambda: None,
    ) -> None:
        self.store, self.clock, self.metrics = store, clock, metrics_for(settings, clock())
        self.waiters, self._spans = Waiters(store), _spans(settings.tracing, self.metrics)
        self.note: Mapping[str, object] = {}
        self._transport, self._heed, self._rested = transport, heed, rested
        self._secrets: tuple[str, ...] = ()
        self._redactor = self._hide(settings)
        self._current = self._made(settings)
        self._coming: Generation | None = None
        self._old: list[Generation] = []
        self._leaving: set[asyncio.Task[None]] = set()
        self._resuming: asyncio.Task[None] | None = None
        self._idle = False
        self._ending = asyncio.Event()
        self._changing_since: float | None = None
        self.public, self.admin = (Front(lambda: self._current, name) for name in ("public", "admin"))

    @property
    def bridge(self) -> Bridge:
        """What is at work now."""
        return self._current.bridge

    @property
    def settings(self) -> Settings:
        """The configuration that runs."""
        return self.bridge.settings

    async def start(self) -> None:
        """Begin to work.

        Raises:
            SettingsError: the configuration does not go with what is in the store.
            StoreError: the store refused.
        """
        self.store.on_commit(self._wake)
        await self._start(self._current)

    async def change(self, settings: Settings) -> None:
        """Go by another configuration; what a process cannot change of it must be as it is.

        Raises:
            SettingsError: it does not go with what is in the store. The one before goes on.
            StoreError: the store refused. The one before goes on.
        """
        if not await self.store.writable():
            raise StoreError("a write to the database failed")
        await check_endpoints(self.bridge.kit, configured(settings))
        await self.bridge.take_leave()
        await self._end_resuming()
        self._changing_since = self._changing_since or time.monotonic()
        try:
            await self._exchange(settings)
        finally:
            if not self._idle:
                self._changing_since = None

    async def _exchange(self, settings: Settings) -> None:
        before = self._current
        self._redactor = self._hide(settings)
        self._coming = self._made(settings, before)
        await before.bridge.halt(min(before.bridge.settings.server.drain, _LONGEST))
        try:
            await self._start(self._coming)
        except Exception:
            self._idle = True
            await self._discard(self._coming)
            self._resuming = asyncio.create_task(self._resume(before))
            raise
        self._take()

    async def _resume(self, before: Generation) -> None:
        """Start the configuration anew that was halted, however often that takes: until then nothing works."""
        settings = before.bridge.settings
        self._heed(settings, self._redactor)
        while True:
            self._coming = self._made(settings, before)
            try:
                await self._start(self._coming)
            except Exception as error:  # noqa: BLE001  # Of whatever kind: until it starts nothing works.
                _tell_not_resumed(error)
                await self._discard(self._coming)
                await asyncio.sleep(_AGAIN_S)
            else:
                self._take()
                self._changing_since = None
                return

    async def _end_resuming(self) -> None:
        """Leave off starting the configuration before, for another comes, or the end."""
        if self._resuming is None:
            return
        self._resuming.cancel()
        await asyncio.gather(self._resuming, return_exceptions=True)
        self._resuming = None
        if self._coming is not None:
            await self._discard(self._coming)

    def _hide(self, settings: Settings) -> Redactor:
        """Return what hides the secrets of a configuration and of those before it, once the log knows them."""
        known = tuple(dict.fromkeys((*settings.secrets, *self._secrets)))
        self._secrets = known[: len(settings.secrets) + _MOST_OLD]
        redactor = Redactor(self._secrets)
        self._heed(settings, redactor)
        return redactor

    def _made(self, settings: Settings, before: Generation | None = None) -> Generation:
        """Make a generation; partners that are configured as before are the same: their budget must not begin anew."""
        reach, most = settings.network, settings.deliver.concurrency + _OTHER_CONNECTIONS
        network = GuardedClient(allow=reach.allow, allow_http=reach.allow_http, ports=reach.ports, connections=most)
        same = _same(settings, before.bridge) if before else {}
        earlier = before.bridge.schedule if before else None
        carried = Carried(self.metrics, self.waiters, same, self._spans, earlier)
        bridge = build(
            settings, self.store, network, self._redactor, carried, clock=self.clock, transport=self._transport
        )
        return Generation(bridge, network, replace(bridge.web, health=self))

    async def _start(self, generation: Generation) -> None:
        follow(self.metrics, generation.bridge.settings, self.clock())
        await generation.network.__aenter__()
        await generation.bridge.start()

    def _take(self) -> None:
        """Let requests go to the generation that has come, and the one before end."""
        assert self._coming is not None
        before, self._current, self._coming = self._current, self._coming, None
        self._idle = False
        self._old.append(before)
        leaving = asyncio.create_task(self._leave(before, self._current.bridge))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def _leave(self, before: Generation, after: Bridge) -> None:
        """Close a generation once it is not needed any more, or everything ends."""
        limit = min(before.bridge.settings.server.drain * 0.7, _LONGEST)
        # Who listens asks again, and is judged by the tokens that there are now.
        before.bridge.streams.end()
        waiting = [asyncio.create_task(_unneeded(before, after, limit)), asyncio.create_task(self._ending.wait())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        self._old.remove(before)
        try:
            await before.bridge.leave(limit)
            await before.close(self._own(before))
        except Exception as error:  # The outermost step of a task that nobody awaits.
            log.error("config.not_closed", exc_info=error)
        self._rested()

    async def _discard(self, generation: Generation) -> None:
        """Close a generation that did not start."""
        await generation.bridge.halt(timedelta())
        self._coming = None
        await generation.close(self._own(generation))

    def _own(self, generation: Generation) -> list[Partner]:
        """Return the partners of a generation that none has that is at work, comes, or still answers."""
        others = [one for one in (self._current, self._coming, *self._old) if one and one is not generation]
        kept = {id(partner) for one in others for partner in one.bridge.kit.partners.values()}
        return [partner for partner in generation.bridge.kit.partners.values() if id(partner) not in kept]

    def drain(self) -> None:
        """Refuse new work from now on, and answer everybody who waits."""
        self.bridge.drain()

    async def stop(self, limit: timedelta) -> None:
        """Finish or release what is in flight within `limit`, in the middle of a change too, and close everything."""
        self._ending.set()
        await self._end_resuming()
        every = [self._current, *([self._coming] if self._coming else [])]
        await asyncio.gather(*self._leaving, *(one.bridge.stop(limit) for one in every))
        await asyncio.gather(*(one.close(one.bridge.kit.partners.values()) for one in every))
        if self._spans is not None:
            await asyncio.to_thread(self._spans.close, limit.total_seconds() * _LAST_SPANS)

    def _wake(self, due: Due) -> None:
        self.bridge.wake(due)

    def live(self) -> bool:
        """Say whether the work still goes on, or is just being exchanged."""
        if self._changing_since is not None:
            return time.monotonic() - self._changing_since < _ALIVE_FOR_S
        return self.bridge.live()

    async def ready(self) -> Mapping[str, str]:
        """Return what keeps us from taking work, by check: a change of the configuration does only if it fails."""
        failed = dict(await self.bridge.ready())
        if self._changing_since is not None:
            failed.pop("scheduler", None)
        if self._idle:
            failed["configuration"] = "the changed one did not start, nor has the one before again"
        return failed

    def config(self) -> Mapping[str, object]:
        """Say what keeps a changed configuration from being that which runs."""
        return self.note


def _spans(tracing: Tracing, metrics: Metrics) -> "Spans | None":
    if not tracing.enabled:
        return None
    return open_spans(
        collector=tracing.collector,
        headers=tracing.headers,
        service_name=tracing.service_name,
        sample=tracing.sample,
        to_partners=tracing.partners,
        lost=metrics.spans_lost,
    )


async def _unneeded(before: Generation, after: Bridge, limit: timedelta) -> None:
    """Wait for a generation's last answer. Its chats hang up when those after it are connected."""
    if sockets := before.bridge.sockets:
        if after.sockets:
            await after.sockets.met(_MEETS)
        await sockets.stop(limit)
    await before.unused(limit)


def _same(settings: Settings, before: Bridge) -> dict[str, Partner]:
    """Return the partners that are configured as they were."""
    known = before.settings.partners
    return {name: one for name, one in before.kit.partners.items() if settings.partners.get(name) == known.get(name)}


def _tell_not_resumed(error: Exception) -> None:
    if isinstance(error, StoreError):  # No trace says more of it.
        log.warning("config.not_resumed", error=str(error))
    else:
        log.error("config.not_resumed", error=str(error), exc_info=error)
