"""Stream: outbound events as they are told, to everybody who listens, whichever replica told them.

One look at the store, twice a second, serves all who listen here. What was told lately is looked at again, for a write
that began early may be seen late; nobody is told anything twice.
"""

import asyncio
from contextvars import Context
from datetime import datetime, timedelta

from bridge.core.errors import StoreError
from bridge.core.model import OutboundEvent
from bridge.flows import log
from bridge.ports import Clock, Find, Store

_LATELY = timedelta(seconds=5)
_AROUND = timedelta(minutes=1)
"""How far clocks may be apart, or one be set back, without anything told twice; how far ahead is looked."""

_WAITING = 2_000
"""How many events may wait for one listener; one that is slower is cut off, and goes on from where it was."""

_PAGE, _MISSED, _AT_ONCE = 500, 2_000, 100


class Listener:
    """One who listens; `gap` says that there is more it missed than it gets."""

    def __init__(self) -> None:
        self.gap = False
        self._events: list[OutboundEvent] = []
        self._had: set[str] = set()
        self._most = _WAITING
        self._awake = asyncio.Event()
        self._over = False

    async def next(self, limit_s: float) -> list[OutboundEvent] | None:
        """Return some of what is new; nothing when that is nothing within the limit, None when it is over."""
        try:
            async with asyncio.timeout(limit_s):
                await self._awake.wait()
        except TimeoutError:
            return []
        if self._over:
            return None
        events, self._events = self._events[:_AT_ONCE], self._events[_AT_ONCE:]
        if not self._events:
            self._awake.clear()
        return events

    def tell(self, events: list[OutboundEvent]) -> None:
        """Have it told these."""
        self._events += [event for event in events if event.id not in self._had]
        if len(self._events) > self._most:
            self.close()
        elif self._events:
            self._awake.set()

    def begin(self, missed: list[OutboundEvent]) -> None:
        """Have it told first what it missed; what came meanwhile may be among that."""
        self._had, self._most = {event.id for event in missed}, _WAITING + len(missed)
        self._events = missed + [event for event in self._events if event.id not in self._had]
        if self._events:
            self._awake.set()

    def close(self) -> None:
        """Let it be over."""
        self._over = True
        self._awake.set()


class Streams:
    """Everybody who listens to this process.

    Args:
        most: how many may.
        look_s: how long after one look the next one is.
    """

    def __init__(self, *, most: int = 100, look_s: float = 0.5) -> None:
        self._most, self._look_s = most, look_s
        self._listeners: set[Listener] = set()
        self._looking: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self._known: dict[str, datetime] = {}
        self._looked_at: datetime | None = None
        self._ended = False

    @property
    def full(self) -> bool:
        """Whether nobody more may listen, or it is all over."""
        return self._ended or len(self._listeners) >= self._most

    async def listen(self, store: Store, clock: Clock, after: str | None = None) -> Listener:
        """Begin to listen: to what is told from now on, or after an event."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            async with self._beginning:
                if self._looking is None:
                    self._looked_at, self._known = clock(), {}
                    self._unknown(await self._lately(store, clock))
                    # Of no request's trace.
                    self._looking = asyncio.create_task(self._look(store, clock), context=Context())
            if after is not None:
                missed, listener.gap = await _missed(store, after)
                listener.begin(missed)
        except BaseException:
            self.leave(listener)
            raise
        if self._ended:
            listener.close()
        return listener

    def leave(self, listener: Listener) -> None:
        """Listen no more."""
        self._listeners.discard(listener)
        if not self._listeners:
            self._stop()

    def end(self) -> None:
        """Let it be over for everybody, at once."""
        self._ended = True
        for listener in self._listeners:
            listener.close()
        self._stop()

    def _stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look(self, store: Store, clock: Clock) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            try:
                found = await self._lately(store, clock)
            except Exception as error:  # noqa: BLE001  # Without a next look all would listen to silence.
                log.warning("stream.read_failed", error=str(error) if isinstance(error, StoreError) else repr(error))
                continue
            if new := self._unknown(found):
                for listener in list(self._listeners):
                    listener.tell(new)

    def _unknown(self, found: list[OutboundEvent]) -> list[OutboundEvent]:
        """Return what was not seen before, by id, and know it for a while, though the clock may be set back."""
        new = sorted((event for event in found if event.id not in self._known), key=lambda event: event.id)
        self._known |= {event.id: event.created_at for event in new}
        if self._looked_at is not None:
            horizon = self._looked_at - _LATELY - _AROUND
            self._known = {one: at for one, at in self._known.items() if at >= horizon}
        return new

    async def _lately(self, store: Store, clock: Clock) -> list[OutboundEvent]:
        """Return what was told since shortly before the last look that succeeded, newest first."""
        now, since = clock(), (self._looked_at or clock()) - _LATELY
        found: list[OutboundEvent] = []
        before = None
        while True:
            page = await store.told(Find(since=since, until=now + _AROUND, before=before, limit=_PAGE))
            found += page
            if len(page) < _PAGE:
                self._looked_at = now
                return found
            before = page[-1].id


async def _missed(store: Store, after: str) -> tuple[list[OutboundEvent], bool]:
    """Return what was told after an event, oldest first, and whether there was more than that.

    What was told shortly before it is among that: another replica may have written it later.
    """
    found: list[OutboundEvent] = []
    before, since = None, None
    while len(found) < _MISSED:
        page = await store.told(Find(before=before, limit=_PAGE))
        for event in page:
            if event.id == after:
                since = event.created_at - _LATELY
            elif event.id > after or (since is not None and event.created_at >= since):
                found.append(event)
            else:
                return found[::-1], False
        if len(page) < _PAGE:
            return found[::-1], False
        before = page[-1].id
    return found[::-1], True
