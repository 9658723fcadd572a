"""The edge to the database: `Store`, where flows meet, and what it is given and answers."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Protocol

from bridge.core.meters import Meter
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
from bridge.core.nouns import noun
from bridge.core.queries import Counts, Due, EndpointStats, Find, Rooms, Timeline, Untold
from bridge.core.restoring import Restore
from bridge.ports.desk import Desk


@noun(frozen=True, slots=True)
class Acceptance:
    """One event with all it causes. `write` has posts, commands and, when something parks or is refused, events."""

    event: Event
    write: Write


@noun(frozen=True, slots=True)
class Accepted:
    """The answer to an `Acceptance`: `event_id` is the stored one; `duplicate` says it was there before.

    `conflict` is set when the key was used for another request. `post_ids` are those of the stored event, in order.
    """

    event_id: str
    post_ids: tuple[str, ...]
    duplicate: bool = False
    conflict: bool = False


@noun(frozen=True, slots=True)
class ClaimedCommand:
    """A command that is ours until its lease ends, with its post as stored at the claim."""

    command: Command
    post: Post


@noun(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that is ours until its lease ends. The claim raised `calls` and wrote that attempt as `started`.

    `body` is the event's in the format of the delivery. `endpoint_created_at` tells its endpoint, as it was then, from
    others of the same name; None where that does not say, or there is none. `traceparent` is that of the event.
    """

    delivery: Delivery
    body: bytes
    event_created_at: datetime
    endpoint_created_at: datetime | None = None
    traceparent: str | None = None


NOTHING = Write()
"""A step that changes nothing."""


@noun(frozen=True, slots=True)
class Settlement:
    """What became of a claimed delivery: `delivery` as it is to be stored (version raised by one), its attempt, ended.

    `write` (the endpoint's row, what is told) is applied in the same transaction, when the claim still holds; when the
    write does not fit, nothing of the settlement is kept.
    """

    delivery: Delivery
    attempt: Attempt
    write: Write = NOTHING


class Settled(Enum):
    """What became of a settlement: kept, overtaken (its write did not fit: decide anew), or no longer ours."""

    KEPT = auto()
    OVERTAKEN = auto()
    NOT_OURS = auto()


class Store(Protocol):
    """The one place where flows meet; durable when a method that writes has returned.

    Writes raise `StoreBusy` (try again), `StoreFull`, or `StoreError`; then nothing of the call is kept. Concurrent
    calls of one method share a transaction (group commit); one bad item never aborts its neighbours. Reads see every
    write that returned before they began. Lease time is the store's own clock; due time is the caller's `now`.
    """

    @property
    def shared(self) -> bool:
        """Whether other processes may work on the same database at the same time."""
        ...

    @property
    def restored(self) -> Restore | None:
        """When the database was put back from a copy the last time; None when it never was."""
        ...

    @property
    def desk(self) -> Desk:
        """What is kept of people: who is signed in, who asked for what, and counts by the minute."""
        ...

    def clock(self) -> datetime:
        """The time that leases go by, the same for all processes: by it goes what a flow writes as a lease itself."""
        ...

    # Hot paths: lists in, one answer an item, in order.
    async def accept(self, items: Sequence[Acceptance], now: datetime) -> list[Accepted]:
        """Store events with all they cause; a known (scope, key) answers what is stored there instead."""
        ...

    async def record(self, writes: Sequence[Write]) -> list[bool]:
        """Apply each write whole or not at all; False: a version did not fit, and the caller must look again."""
        ...

    async def claim_commands(
        self, now: datetime, limit: int, lease: timedelta, partners: Collection[str]
    ) -> list[ClaimedCommand]:
        """Take due commands of these keys, oldest due first.

        Of each post only the lowest number among its due ones, and none while another of the post is leased: parked and
        later ones do not stand in the way. A key that is held (`held_until` after `now`) gives nothing, unless it is
        `blocked`: its commands are given so that they can be parked. An attempt that stands `started` is marked `lost`.
        """
        ...

    async def claim_deliveries(
        self, now: datetime, lane: Lane, rooms: Rooms, lease: timedelta
    ) -> list[ClaimedDelivery]:
        """Take due deliveries of a lane, of each endpoint oldest due first and no more than there is room for.

        `calls` is raised and the attempt written as `started`. Endpoints come by `rooms.turns`, then those whose oldest
        is due longest; each gets no more than `rooms.fair` of how many stand in line, so one claim may give less than
        there is room for. Of deliveries with `ordered_by` none is taken while one of the same endpoint and `ordered_by`
        with a smaller sequence is due, leased or not. What costs is what is taken and how many endpoints have due work,
        never how much is due; only what waits for its turn behind another of its subject is looked at each time, and
        nothing of an endpoint without room.
        """
        ...

    async def renew(self, commands: Collection[str], deliveries: Collection[str], lease: timedelta) -> None:
        """Let the leases of claimed work last so much longer from now on, where they stand at all.

        It raises no version: work that somebody else has taken meanwhile stays his, and refuses whoever had it before.
        """
        ...

    async def settle(self, items: Sequence[Settlement]) -> list[Settled]:
        """Store what became of claimed deliveries, as they are given: one that is due again names the second lane."""
        ...

    async def replay(self, ids: Collection[str], now: datetime) -> int:
        """Make settled deliveries (done or dead) due again in the second lane; answer how many.

        Left alone are those whose payload was erased, that an earlier endpoint of the same name was told, and that tell
        of accounts of which the endpoint may not be told any more.
        """
        ...

    async def count_replay(self, job: Replay) -> int:
        """Count what a job would look at to send, at most 100,000.

        What goes to an endpoint that is disabled or gone is none, nor what an earlier one of its name was told.
        """
        ...

    async def replay_some(self, job: Replay, now: datetime, limit: int) -> Replay | None:
        """Make the next at most `limit` deliveries of a job due and move its cursor, in one transaction.

        With `missed`, a delivery is made where there was none; one call then looks at 10,000 events at most, and may
        send nothing before the end. Whether the endpoint may be told is asked anew: what it may not be is `skipped`.
        Return the job as stored after that, `done` when nothing is left; None when its version was overtaken or its
        endpoint is gone, disabled, or younger than the job (then nothing was done).
        """
        ...

    async def erase(self, subject_id: str, now: datetime) -> Mapping[str, int] | None:
        """Erase the payloads of a post (`post_...`) or an accepted event with all its posts (`evt_...`), everywhere.

        Rows, ids, states and times stay; contents, bodies, texts of errors and answers go; what is due of it to an
        endpoint dies as `erased`. With a post goes what its event was given, for that has all that its posts say, and
        with an event what its sender said of the same object in other events, under whichever of its names: a change
        says again what the posts say. The posts of those go with an event, not with another post. The body of an event,
        in or out, is empty after that, content and request are `{}`. Versions go up: whoever read a row before cannot
        write it back. Return how many rows of each table were emptied (a row of a table that has nothing else is
        deleted); None when there is no such subject.

        Raises:
            StoreOvertaken: a command or lookup of it is due or parked, and needs what it is about; nothing was done.
                Whoever asked is told what is open, and to end that or wait for its end (409).
        """
        ...

    async def concerned(self, subject_id: str) -> list[Post] | None:
        """All posts of the events that `erase` would empty for a subject, whether it empties them too or not."""
        ...

    async def lease(self, name: str, holder: str, seconds: float, *, longest: float = 600.0) -> bool:
        """Take or renew a named lease, or give it up with 0 seconds; False while another holder has it.

        One that ends in more than `longest` seconds is over: it was taken by a clock that was wrong.
        """
        ...

    async def spend(self, meters: Sequence[Meter], *, yields: bool = False) -> Sequence[float]:
        """Count one call against all of these meters, by the store's clock, or against none.

        One that `yields` is refused while one that does not was, and has yet to ask again. Answers for each meter in
        how many seconds it has room for the call: the call was counted when all say 0.
        """
        ...

    def prune(
        self,
        *,
        events_before: datetime,
        attempts_before: datetime,
        posts_before: datetime,
        audit_before: datetime | None = None,
        limit: int,
    ) -> AsyncIterator[int]:
        """Delete ended history, at most `limit` rows of a table at a time, and say after each time how many went.

        It may be left at any time. No event goes before its posts and its lookup; objects and feeds stay, and so do
        notes without a limit. A message that stays loses where it was answered, once that takes no more answers.
        """
        ...

    # Reads.
    async def tracked(self, partner: str, now: datetime, limit: int) -> list[Post]:
        """Posts of a key whose `poll_at` has come, most due first."""
        ...

    async def posts(self, ids: Collection[str]) -> dict[str, Post]:
        """Posts by id (ours)."""
        ...

    async def post_id(self, partner: str, partner_id: str) -> str | None:
        """Our id of a partner's post."""
        ...

    async def post_ids(self, partner: str, partner_ids: Collection[str]) -> dict[str, str]:
        """Our ids of a partner's posts, by its ids; those that are not ours are missing."""
        ...

    async def find_posts(self, find: Find) -> list[Post]:
        """Posts, newest first; `text` looks into caption, title and url."""
        ...

    async def timeline(self, post_id: str) -> Timeline | None:
        """All of one post."""
        ...

    async def event(self, event_id: str) -> tuple[Event, list[Post]] | None:
        """One event and its posts."""
        ...

    async def find_events(self, find: Find) -> list[Event]:
        """Events, newest first."""
        ...

    async def objects(self, source: str, ids: Collection[str]) -> list[SourceObject]:
        """What became of objects of a source, by their ids; each once, by key."""
        ...

    async def due_lookups(self, now: datetime, limit: int, skip: Collection[str] = ()) -> list[Lookup]:
        """Lookups that are due and that nobody holds, oldest due first; whoever takes one writes its lease.

        Those of the sources `skip` are left out.
        """
        ...

    async def feeds(self) -> dict[str, FeedState]:
        """Where the sweeps of feeds stand, by source."""
        ...

    async def commands(self, post_id: str) -> list[Command]:
        """All commands of a post, in order."""
        ...

    async def parked(self, limit: int, after: str = "") -> list[ClaimedCommand]:
        """Parked commands with their posts (not claimed), oldest id first, ids greater than `after`."""
        ...

    async def waiting(self, cause: Cause, account: str | None) -> list[str]:
        """Ids of at most 1,000 posts that a cause keeps, oldest first: what is parked for it and what it will meet.

        For the cause of an `account` (the partner's id) that is what has yet to go out on it, at the partner or here;
        for that of a key what has yet to be sent.
        """
        ...

    async def unsure(self, partner: str) -> list[ClaimedCommand]:
        """Publishes of a key (not claimed) whose bytes may have reached the partner, and whose post has no id there."""
        ...

    async def find_deliveries(self, find: Find) -> list[Delivery]:
        """Deliveries, newest first; `account` is any of those that their event is about."""
        ...

    async def delivery(self, delivery_id: str) -> tuple[Delivery, OutboundEvent, list[Attempt]] | None:
        """One delivery with its event and attempts."""
        ...

    async def told(self, find: Find) -> list[OutboundEvent]:
        """Outbound events, newest first; erased ones are left out.

        `type`, `partner`, `account`, `subject`, `since`, `until` filter.
        """
        ...

    async def endpoint_stats(self, name: str, since: datetime) -> EndpointStats:
        """What became of an endpoint's deliveries: what is due, and of those made since an instant what ended.

        Nothing counts that an earlier endpoint of the same name was told. Attempts are those begun since then; of
        durations the newest 10,000 count.
        """
        ...

    async def untold(self, told_before: datetime) -> dict[str, Untold]:
        """What died as `exhausted` since it was last told of an endpoint's, where that was no later than an instant.

        By endpoint; those of which it was never told are left out, and events about endpoints and deliveries.
        """
        ...

    async def replays(self, find: Find) -> list[Replay]:
        """Replay jobs, newest first; `state` and `key`, which is a job's id, filter."""
        ...

    async def due_again(self, now: datetime) -> dict[str, int]:
        """How many deliveries of the second lane are due, by endpoint."""
        ...

    async def accounts(self) -> list[Account]:
        """All accounts of all keys."""
        ...

    async def keys(self) -> dict[str, Key]:
        """All keys by name."""
        ...

    async def causes(self) -> dict[str, Cause]:
        """All causes by id, open and closed."""
        ...

    async def messages(self, ids: Collection[str]) -> dict[str, Message]:
        """Messages in chats by id."""
        ...

    async def messages_of(self, event_id: str) -> list[Message]:
        """The messages that follow an event, oldest first."""
        ...

    async def endpoints(self) -> dict[str, Endpoint]:
        """All endpoints by name."""
        ...

    async def counts(self, now: datetime, partners: Collection[str]) -> Counts:
        """Numbers for the gauges, given the names of the partners that are configured."""
        ...

    async def next_due(self) -> datetime | None:
        """When the next command or delivery that is not leased can be taken, holds of keys and endpoints included."""
        ...

    async def writable(self) -> bool:
        """Whether a small durable write succeeds now."""
        ...

    def on_commit(self, wake: Callable[[Due], None]) -> None:
        """Call `wake` in the event loop after each commit that made commands, deliveries or lookups due: which."""
        ...

    async def close(self) -> None:
        """Finish waiting writes and close."""
        ...
