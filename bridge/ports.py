"""The edges of bridge as Protocols: `Source`, `Partner`, `Store`.

Flows depend on these and on `core`; the rooms `sources`, `partners` and `store` fulfil them. The docstrings carry what
a signature cannot say: order, leases, idempotence, errors.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from bridge.core.errors import FailureReason, Fault
from bridge.core.model import (
    Account,
    Attempt,
    Cause,
    Command,
    Delivery,
    Endpoint,
    Event,
    Json,
    Key,
    Listing,
    OutboundEvent,
    Post,
    RawRequest,
    Receipt,
    Snapshot,
    Verified,
)
from bridge.core.model import Judgement as Judgement
from bridge.core.model import Write as Write  # Re-exported: a write is part of the Store contract.
from bridge.core.queries import Counts as Counts
from bridge.core.queries import Due as Due
from bridge.core.queries import Find as Find
from bridge.core.queries import Timeline as Timeline

Clock = Callable[[], datetime]
"""Gives the present instant, aware and in UTC."""


# --- Source -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a source read out of a verified request: publish requests in our own field names, before defaults.

    `requests` hold raw field values (see `bridge.core.request` for their shapes); `key` is an explicit idempotency key.
    """

    intent: str
    requests: tuple[Json, ...] = ()
    key: str | None = None
    object_id: str | None = None
    revision: str | None = None
    reply_to: Json | None = None


class Source(Protocol):
    """One kind of sender. Sans-I/O: bytes in, data out."""

    kind: str

    def verify(self, raw: RawRequest) -> Verified:
        """Check that the sender is who it says, over the raw bytes, in constant time.

        Raises:
            Problem: 401 without a hint of why; 403 when the sender is known but may not do this.
        """
        ...

    def read(self, verified: Verified) -> Parsed:
        """Parse a verified request.

        Raises:
            Problem: 400 (not parsable, with the offset), 415.
        """
        ...


# --- Partner ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """What a partner's rules say of a request before it is sent: `faults` refuse it, `warnings` do not.

    A warning with the code `NOT_TARGETED` is about something that no account would get; an edit is refused for it.
    """

    faults: tuple[Fault, ...] = ()
    warnings: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Send:
    """The bytes to send now. `detail` is for the log."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Later:
    """It must not be sent before `until` (a schedule inside the partner's gap)."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """What one `Partner.read` learnt. `failed` names the partner ids whose read failed, with why."""

    snapshots: tuple[Snapshot, ...]
    cursor: str | None
    failed: Mapping[str, "FailureReason"] = field(default_factory=dict)


class Partner(Protocol):
    """One credential at one partner. Requests are built and replies read purely; only `async` methods call out.

    Every `async` method raises `PartnerError` and nothing else; it never retries by itself. It waits for the key's rate
    budget (commands before reads) and obeys `hold`.
    """

    name: str
    kind: str

    def check(self, content: Json, accounts: Sequence[Account], scheduled_at: datetime | None) -> Checked:
        """Judge a request by the partner's published limits, for these accounts, all faults at once."""
        ...

    def split(self, content: Json, accounts: Sequence[Account]) -> list[list[Account]]:
        """Group accounts into one list a request, where one request cannot serve all (count, provider blocks)."""
        ...

    def build(self, command: Command, post: Post, now: datetime) -> Send | Later:
        """Make the request bytes of a command as of `now`; deterministic for equal arguments."""
        ...

    async def send(self, command: Command, post: Post, body: bytes) -> Receipt:
        """Call the partner with exactly these bytes.

        Raises:
            PartnerError: refused (`maybe_stored` False: nothing was stored there) or lost (`maybe_stored` True).
        """
        ...

    def must_find(self, command: Command, now: datetime) -> bool:
        """Whether a command whose answer was lost must be looked for (`find`) before its bytes are sent again."""
        ...

    async def find(self, command: Command, post: Post) -> list[Receipt]:
        """Look by list for a post whose answer was lost; every post that may be it, oldest first.

        A list does not show whose a post is: another post of ours with the same content is answered, too.
        """
        ...

    async def read(self, tracked: Sequence[Post], cursor: str | None, budget: int) -> Reading:
        """Read the state of as many of these posts (all have `partner_id`) as `budget` calls allow, most due first.

        A list never proves absence: VANISHED comes only from a GET's 404. A failed single read is in `failed`; a fault
        of the whole key is raised.
        """
        ...

    async def accounts(self) -> Listing:
        """List the accounts that the key sees; only a 200 says anything about accounts."""
        ...

    def judge(self, error: str, platform: str) -> Judgement:
        """Say what a target's failure text means, by the evidence table of the partner's contract."""
        ...

    def hold(self, until: datetime | None) -> None:
        """Let no call out before `until` (None lifts it); one that would wait long raises `RATE_LIMITED`, unsent."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


# --- Store ------------------------------------------------------------------------------------------------------------


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
        """Take or renew a named lease; False while another holder has it."""
        ...

    async def prune(
        self, *, events_before: datetime, attempts_before: datetime, posts_before: datetime, limit: int
    ) -> int:
        """Delete at most `limit` rows of ended history a table, never an event before its posts; answer how many."""
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

    async def commands(self, post_id: str) -> list[Command]:
        """All commands of a post, in order."""
        ...

    async def parked(self, limit: int, after: str = "") -> list[ClaimedCommand]:
        """Parked commands with their posts (not claimed), oldest id first, ids greater than `after`."""
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
        """Call `wake` in the event loop after each commit that made commands or deliveries due, saying which."""
        ...

    async def close(self) -> None:
        """Finish waiting writes and close."""
        ...
