"""The store: `bridge.ports.Store` over any engine. Writes go through group commit, reads through a few threads."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bridge.core.errors import StoreBusy, StoreError
from bridge.core.meters import Meter, Spending
from bridge.core.model import (
    Account,
    Attempt,
    Cause,
    Command,
    Delivery,
    Endpoint,
    Event,
    FeedState,
    Key,
    Lane,
    Lookup,
    Message,
    OutboundEvent,
    Post,
    Replay,
    SourceObject,
    Write,
)
from bridge.core.restoring import Restore
from bridge.ports import (
    Acceptance,
    Accepted,
    ClaimedCommand,
    ClaimedDelivery,
    Clock,
    Counts,
    Due,
    EndpointStats,
    Find,
    Rooms,
    Settled,
    Settlement,
    Timeline,
    Untold,
)
from bridge.store._claims import Claim, Claims
from bridge.store._counts import Counting
from bridge.store._dead import DeadLetters
from bridge.store._desk import SqlDesk
from bridge.store._engine import Database
from bridge.store._erase import Erase, Erasure
from bridge.store._group import GroupCommit, Operation
from bridge.store._inbound import Inbound
from bridge.store._lanes import LaneClaim, Lanes
from bridge.store._meters import Meters
from bridge.store._prune import Limits, Prune
from bridge.store._reads import Reads
from bridge.store._replays import Replays
from bridge.store._settle import Again, Lease, Renewal, Settles
from bridge.store._sql import Sql
from bridge.store._stats import Stats
from bridge.store._types import to_micros
from bridge.store._writes import Accepts, Records

_FULL_FOR_S = 10.0
"""How long after a write for which there was no room a store counts as full."""

P = ParamSpec("P")
Found = TypeVar("Found")


class SqlStore:
    """`bridge.ports.Store` over a database. Made by `open_store`, in the event loop that will use it.

    Args:
        database: the open engine; it is closed with the store.
        clock: lease time, where it is not the database's own.
        readers: how many reads run at once.
        max_waiting: items that may wait to be written; more are refused with `StoreBusy`.
    """

    def __init__(self, database: Database, clock: Clock | None, *, readers: int, max_waiting: int) -> None:
        clock = clock or database.clock
        sql = Sql(database.dialect)
        records = Records(sql, clock)
        accepts, claims, lanes = Accepts(sql, records), Claims(sql, clock), Lanes(sql, clock)
        settles = Settles(sql, records, clock)
        self._database, self._clock = database, clock
        self._reads, self._inbound, self._stats = Reads(sql), Inbound(sql, clock), Stats(sql)
        self._counting, self._dead, self._prune = Counting(sql, clock), DeadLetters(sql), Prune(sql)
        self._accept = Operation(accepts.accept)
        self._record = Operation(records.record, refused=lambda _: False)
        self._claim_commands = Operation(claims.claim)
        self._claim_deliveries = Operation(lanes.claim)
        self._settle = Operation(settles.settle, refused=lambda _: Settled.OVERTAKEN)
        self._replays = Replays(sql, records, settles)
        self._replay = Operation(settles.replay)
        self._replay_some = Operation(self._replays.send)
        self._erasing = Erase(sql, records)
        self._erase = Operation(self._erasing.erase)
        self._renew = Operation(settles.renew)
        self._lease = Operation(settles.lease, rank=1)
        self._spend = Operation(Meters(sql, clock).spend, rank=2)
        self._delete = Operation(self._prune.delete)
        self._wakes: list[Callable[[Due], None]] = []
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="bridge-store-reader")
        self._loop = asyncio.get_running_loop()
        self._group = GroupCommit(database, self._loop, self._wake, max_waiting=max_waiting)
        self.desk = SqlDesk(sql, self._group, self._read)
        self._listening: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def shared(self) -> bool:
        """See `bridge.ports.Store.shared`."""
        return self._database.shared

    @property
    def restored(self) -> Restore | None:
        """See `bridge.ports.Store.restored`."""
        return self._database.restored

    async def start(self) -> None:
        """Start the writer, and hear what other processes do."""
        await asyncio.to_thread(self._group.start)
        self._listening = asyncio.create_task(self._database.listen(self._wake))

    async def accept(self, items: Sequence[Acceptance], now: datetime) -> list[Accepted]:
        """See `bridge.ports.Store.accept`. `StoreBusy` also says that a row of a write did not fit: look again."""
        at, weight = to_micros(now), sum(len(item.event.body) for item in items)
        return await self._group.submit(self._accept, [(item, at) for item in items], weight=weight)

    async def record(self, writes: Sequence[Write]) -> list[bool]:
        """See `bridge.ports.Store.record`; False also when a unique value (a partner's id, a sequence) is taken."""
        return await self._group.submit(self._record, writes)

    async def claim_commands(
        self, now: datetime, limit: int, lease: timedelta, partners: Collection[str]
    ) -> list[ClaimedCommand]:
        """See `bridge.ports.Store.claim_commands`."""
        claim = Claim(now, limit, lease, frozenset(partners))
        return (await self._group.submit(self._claim_commands, [claim]))[0]

    async def claim_deliveries(
        self, now: datetime, lane: Lane, rooms: Rooms, lease: timedelta
    ) -> list[ClaimedDelivery]:
        """See `bridge.ports.Store.claim_deliveries`."""
        return (await self._group.submit(self._claim_deliveries, [LaneClaim(now, lane, rooms, lease)]))[0]

    async def renew(self, commands: Collection[str], deliveries: Collection[str], lease: timedelta) -> None:
        """See `bridge.ports.Store.renew`."""
        if commands or deliveries:
            await self._group.submit(self._renew, [Renewal(commands, deliveries, lease)])

    async def settle(self, items: Sequence[Settlement]) -> list[Settled]:
        """See `bridge.ports.Store.settle`."""
        return await self._group.submit(self._settle, items)

    async def replay(self, ids: Collection[str], now: datetime) -> int:
        """See `bridge.ports.Store.replay`."""
        return (await self._group.submit(self._replay, [Again(frozenset(ids), now)]))[0]

    async def count_replay(self, job: Replay) -> int:
        """See `bridge.ports.Store.count_replay`."""
        return await self._read(self._replays.count, job)

    async def replay_some(self, job: Replay, now: datetime, limit: int) -> Replay | None:
        """See `bridge.ports.Store.replay_some`."""
        found = await self._read(self._replays.find, job, limit)
        return (await self._group.submit(self._replay_some, [(found, now)]))[0]

    async def erase(self, subject_id: str, now: datetime) -> Mapping[str, int] | None:
        """See `bridge.ports.Store.erase`."""
        [erased] = await self._group.submit(self._erase, [Erasure(subject_id, now)])
        if erased is not None:
            await self._loop.run_in_executor(self._readers, self._database.scrub)
        return erased

    async def concerned(self, subject_id: str) -> list[Post] | None:
        """See `bridge.ports.Store.concerned`."""
        return await self._read(self._erasing.concerned, subject_id)

    def clock(self) -> datetime:
        """See `bridge.ports.Store.clock`."""
        return self._clock()

    async def lease(self, name: str, holder: str, seconds: float, *, longest: float = 600.0) -> bool:
        """See `bridge.ports.Store.lease`."""
        return (await self._group.submit(self._lease, [Lease(name, holder, seconds, longest)]))[0]

    async def spend(self, meters: Sequence[Meter], *, yields: bool = False) -> Sequence[float]:
        """See `bridge.ports.Store.spend`."""
        return (await self._group.submit(self._spend, [Spending(meters, yields)]))[0]

    async def prune(
        self,
        *,
        events_before: datetime,
        attempts_before: datetime,
        posts_before: datetime,
        audit_before: datetime | None = None,
        limit: int,
    ) -> AsyncIterator[int]:
        """See `bridge.ports.Store.prune`. Posts go with all that is theirs; each table is gone through once."""
        limits = Limits(events_before, attempts_before, posts_before, self._clock(), audit_before)
        for table in self._prune.tables:
            doomed = await self._read(self._prune.find, table, limits, limit)
            while doomed.keys:
                [gone] = await self._group.submit(self._delete, [doomed])
                yield gone
                # Where nothing went all came back to life meanwhile: the next call looks again.
                if len(doomed.keys) < limit or not gone:
                    break
                doomed = await self._read(self._prune.find, table, limits, limit, doomed.reached)

    async def writable(self) -> bool:
        """See `bridge.ports.Store.writable`; on a full disk a small write may find room, which proves nothing."""
        if time.monotonic() - self._group.full_at < _FULL_FOR_S:
            return False
        try:
            return await self.lease("writable", "store", 0)
        except StoreError:
            return False

    async def tracked(self, partner: str, now: datetime, limit: int) -> list[Post]:
        """See `bridge.ports.Store.tracked`."""
        return await self._read(self._reads.tracked, partner, now, limit)

    async def posts(self, ids: Collection[str]) -> dict[str, Post]:
        """See `bridge.ports.Store.posts`."""
        return await self._read(self._reads.posts, tuple(ids))

    async def post_id(self, partner: str, partner_id: str) -> str | None:
        """See `bridge.ports.Store.post_id`."""
        return await self._read(self._reads.post_id, partner, partner_id)

    async def post_ids(self, partner: str, partner_ids: Collection[str]) -> dict[str, str]:
        """See `bridge.ports.Store.post_ids`."""
        return await self._read(self._reads.post_ids, partner, tuple(partner_ids))

    async def find_posts(self, find: Find) -> list[Post]:
        """See `bridge.ports.Store.find_posts`."""
        return await self._read(self._reads.find_posts, find)

    async def timeline(self, post_id: str) -> Timeline | None:
        """See `bridge.ports.Store.timeline`."""
        return await self._read(self._reads.timeline, post_id)

    async def event(self, event_id: str) -> tuple[Event, list[Post]] | None:
        """See `bridge.ports.Store.event`."""
        return await self._read(self._reads.event, event_id)

    async def find_events(self, find: Find) -> list[Event]:
        """See `bridge.ports.Store.find_events`; `type` is the intent, `partner` and `state` are of its posts."""
        return await self._read(self._reads.find_events, find)

    async def objects(self, source: str, ids: Collection[str]) -> list[SourceObject]:
        """See `bridge.ports.Store.objects`."""
        return await self._read(self._inbound.objects, source, tuple(ids))

    async def due_lookups(self, now: datetime, limit: int, skip: Collection[str] = ()) -> list[Lookup]:
        """See `bridge.ports.Store.due_lookups`; a lease ends by the store's clock."""
        return await self._read(self._inbound.due_lookups, now, limit, tuple(skip))

    async def feeds(self) -> dict[str, FeedState]:
        """See `bridge.ports.Store.feeds`."""
        return await self._read(self._inbound.feeds)

    async def commands(self, post_id: str) -> list[Command]:
        """See `bridge.ports.Store.commands`."""
        return await self._read(self._reads.commands, post_id)

    async def parked(self, limit: int, after: str = "") -> list[ClaimedCommand]:
        """See `bridge.ports.Store.parked`."""
        return await self._read(self._reads.parked, limit, after)

    async def waiting(self, cause: Cause, account: str | None) -> list[str]:
        """See `bridge.ports.Store.waiting`."""
        return await self._read(self._reads.waiting, cause, account)

    async def unsure(self, partner: str) -> list[ClaimedCommand]:
        """See `bridge.ports.Store.unsure`."""
        return await self._read(self._reads.unsure, partner)

    async def find_deliveries(self, find: Find) -> list[Delivery]:
        """See `bridge.ports.Store.find_deliveries`."""
        return await self._read(self._reads.find_deliveries, find)

    async def delivery(self, delivery_id: str) -> tuple[Delivery, OutboundEvent, list[Attempt]] | None:
        """See `bridge.ports.Store.delivery`."""
        return await self._read(self._reads.delivery, delivery_id)

    async def told(self, find: Find) -> list[OutboundEvent]:
        """See `bridge.ports.Store.told`."""
        return await self._read(self._reads.told, find)

    async def endpoint_stats(self, name: str, since: datetime) -> EndpointStats:
        """See `bridge.ports.Store.endpoint_stats`."""
        return await self._read(self._stats.of, name, since)

    async def untold(self, told_before: datetime) -> dict[str, Untold]:
        """See `bridge.ports.Store.untold`."""
        return await self._read(self._dead.untold, told_before)

    async def replays(self, find: Find) -> list[Replay]:
        """See `bridge.ports.Store.replays`."""
        return await self._read(self._replays.jobs, find)

    async def due_again(self, now: datetime) -> dict[str, int]:
        """See `bridge.ports.Store.due_again`."""
        return await self._read(self._replays.due_again, now)

    async def accounts(self) -> list[Account]:
        """See `bridge.ports.Store.accounts`."""
        return await self._read(self._reads.accounts)

    async def keys(self) -> dict[str, Key]:
        """See `bridge.ports.Store.keys`."""
        return await self._read(self._reads.keys)

    async def causes(self) -> dict[str, Cause]:
        """See `bridge.ports.Store.causes`."""
        return await self._read(self._reads.causes)

    async def messages(self, ids: Collection[str]) -> dict[str, Message]:
        """See `bridge.ports.Store.messages`."""
        return await self._read(self._reads.messages, tuple(ids))

    async def messages_of(self, event_id: str) -> list[Message]:
        """See `bridge.ports.Store.messages_of`."""
        return await self._read(self._reads.messages_of, event_id)

    async def endpoints(self) -> dict[str, Endpoint]:
        """See `bridge.ports.Store.endpoints`."""
        return await self._read(self._reads.endpoints)

    async def counts(self, now: datetime, partners: Collection[str]) -> Counts:
        """See `bridge.ports.Store.counts`; commands, deliveries and lookups count when due by `now`."""
        return await self._read(self._counting.counts, now, partners)

    async def next_due(self) -> datetime | None:
        """See `bridge.ports.Store.next_due`; a command of a held key counts from the end of the hold."""
        return await self._read(self._counting.next_due)

    def on_commit(self, wake: Callable[[Due], None]) -> None:
        """See `bridge.ports.Store.on_commit`; what was put off to a later time counts too."""
        self._wakes.append(wake)

    async def close(self) -> None:
        """See `bridge.ports.Store.close`; every call after it raises `StoreError`."""
        if self._closed:
            return
        self._closed = True
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._group.close()
        self._readers.shutdown()
        self._database.close()

    async def _read(
        self, read: Callable[Concatenate[Connection, P], Found], *args: P.args, **kwargs: P.kwargs
    ) -> Found:
        if self._closed:
            raise StoreError("the store is closed")
        return await self._loop.run_in_executor(self._readers, lambda: self._read_now(read, *args, **kwargs))

    def _read_now(self, read: Callable[Concatenate[Connection, P], Found], *args: P.args, **kwargs: P.kwargs) -> Found:
        try:
            try:
                return self._read_once(read, *args, **kwargs)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                # It was cut while nobody used it, and with it all that were kept: the next one is new.
                return self._read_once(read, *args, **kwargs)
        except DBAPIError as error:
            meaning = self._database.translate(error)
            raise meaning if isinstance(meaning, StoreError) else StoreBusy(*meaning.args) from error

    def _read_once(self, read: Callable[Concatenate[Connection, P], Found], *args: P.args, **kwargs: P.kwargs) -> Found:
        with self._database.reading() as connection:
            return read(connection, *args, **kwargs)

    def _wake(self, made_due: Due) -> None:
        for wake in self._wakes:
            wake(made_due)
