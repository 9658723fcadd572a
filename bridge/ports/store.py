"""The edge to the database: `Store`, where flows meet, and what it is given and answers."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

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
    Lookup,
    OutboundEvent,
    Post,
    SourceObject,
    Write,
)
from bridge.core.queries import Counts, Due, Find, Timeline


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One event with all it causes. `write` has posts, commands and, when something parks or is refused, events."""

    event: Event
    write: Write


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to an `Acceptance`: `event_id` is the stored one; `duplicate` says it was there before.

    `conflict` is set when the key was used for another request. `post_ids` are those of the stored event, in order.
    """

    event_id: str
    post_ids: tuple[str, ...]
    duplicate: bool = False
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class ClaimedCommand:
    """A command that is ours until its lease ends, with its post as stored at the claim."""

    command: Command
    post: Post


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that is ours until its lease ends. The claim raised `calls` and wrote that attempt as `started`."""

    delivery: Delivery
    body: bytes
    event_created_at: datetime


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a claimed delivery: `delivery` as it is to be stored (version raised by one), its attempt, ended.

    `events` are told in the same transaction, when the claim still holds.
    """

    delivery: Delivery
    attempt: Attempt
    events: tuple[OutboundEvent, ...] = ()


class Store(Protocol):
    """The one place where flows meet; durable when a method that writes has returned.

    Writes raise `StoreBusy` (try again), `StoreFull`, or `StoreError`; then nothing of the call is kept. Concurrent
    calls of one method share a transaction (group commit); one bad item never aborts its neighbours. Reads see every
    write that returned before they began. Lease time is the store's own clock; due time is the caller's `now`.
    """

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

    async def claim_deliveries(self, now: datetime, limit: int, lease: timedelta) -> list[ClaimedDelivery]:
        """Take due deliveries, oldest due first, raise `calls`, and write their attempts as `started`."""
        ...

    async def settle(self, items: Sequence[Settlement]) -> list[bool]:
        """Store what became of claimed deliveries; False when the claim was no longer ours."""
        ...

    async def replay(self, find: Find, ids: Collection[str], now: datetime) -> int:
        """Make settled deliveries (done or dead), by ids or by filter, due again; answer how many."""
        ...

    async def lease(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew a named lease, or give it up with 0 seconds; False while another holder has it."""
        ...

    async def prune(
        self, *, events_before: datetime, attempts_before: datetime, posts_before: datetime, limit: int
    ) -> int:
        """Delete at most `limit` rows of ended history a table and answer how many.

        Never an event before its posts and its lookup. Objects and feeds are kept for good.
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
        """Deliveries, newest first."""
        ...

    async def delivery(self, delivery_id: str) -> tuple[Delivery, OutboundEvent, list[Attempt]] | None:
        """One delivery with its event and attempts."""
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

    async def endpoints(self) -> dict[str, Endpoint]:
        """All endpoints by name."""
        ...

    async def counts(self, now: datetime) -> Counts:
        """Numbers for the gauges."""
        ...

    async def next_due(self) -> datetime | None:
        """When the next command or delivery that is not leased becomes due."""
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
