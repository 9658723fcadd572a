"""The edge to partners: `Partner`, and what it is given and answers."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import BinaryIO, Protocol

from bridge.core.errors import FailureReason, Fault
from bridge.core.model import (
    Account,
    Command,
    Hosted,
    Json,
    Judgement,
    Link,
    Listing,
    Post,
    Receipt,
    Snapshot,
    Stranger,
)
from bridge.core.nouns import noun

Begin = Callable[[], Awaitable[None]]
"""Notes that a call begins, or raises because it may not any more."""


async def at_once() -> None:
    """Let a call begin."""


@noun(frozen=True, slots=True)
class Checked:
    """What a partner's rules say of a request before it is sent: `faults` refuse it, `warnings` do not.

    A warning with the code `NOT_TARGETED` is about something that no account would get; an edit is refused for it.
    """

    faults: tuple[Fault, ...] = ()
    warnings: tuple[Json, ...] = ()


@noun(frozen=True, slots=True)
class Send:
    """The bytes to send now."""

    body: bytes


@noun(frozen=True, slots=True)
class Later:
    """It must not be sent before `until` (a schedule inside the partner's gap)."""

    until: datetime


@noun(frozen=True, slots=True)
class Reading:
    """What one `Partner.read` learnt.

    `failed` names the partner ids whose read failed, with why; `unchanged` those of which it is known that they are as
    we have them; `strangers` are posts that are not ours.
    """

    snapshots: tuple[Snapshot, ...]
    cursor: str | None
    failed: Mapping[str, FailureReason] = field(default_factory=dict)
    unchanged: tuple[str, ...] = ()
    strangers: tuple[Stranger, ...] = ()


Known = Callable[[Collection[str]], Awaitable[Mapping[str, Post]]]
"""Gives our posts of the key by the partner's ids; ids that are not ours are missing."""


@noun(frozen=True, slots=True)
class MediaFile:
    """A file to be stored with a partner: `stream` stands at its beginning and has `size` bytes."""

    stream: BinaryIO
    size: int
    content_type: str
    filename: str


@noun(frozen=True, slots=True)
class MediaLimits:
    """What a partner keeps, by content type: how many bytes at most. A type that is not there is not taken."""

    most: Mapping[str, int]


class Partner(Protocol):
    """One credential at one partner. Requests are built and replies read purely; only `async` methods call out.

    Every `async` method raises `PartnerError` and nothing else; it never retries by itself. It waits for the key's rate
    budget (commands before reads) and obeys `hold`. `sweeps` says that `read` learns of changes by one list call, so it
    is worth a call before a post is due. `breaker` is the number of failures with the same content after which the
    partner refuses it for good (its own tries count), None where there is no such number. `writes` False: it is told
    nothing. `limits` is what `host` takes. `fetches` says that `host_url` may do something. `lacks` are fields of a
    request that it has no place for, whatever the account: a fault of `check` unless others of the request can use
    them. `looks` is when a create whose answer was lost is looked for, counted from the loss: what none of the looks
    found is not there.
    """

    name: str
    kind: str
    sweeps: bool
    breaker: int | None
    writes: bool
    limits: MediaLimits
    fetches: bool
    lacks: frozenset[str]
    looks: tuple[timedelta, ...]

    def check(self, content: Json, accounts: Sequence[Account], scheduled_at: datetime | None) -> Checked:
        """Judge a request by the partner's published limits, for these accounts, all faults at once."""
        ...

    def split(self, content: Json, accounts: Sequence[Account]) -> list[list[Account]]:
        """Group accounts into one list a request, where one request cannot serve all (count, provider blocks)."""
        ...

    def build(self, command: Command, post: Post, now: datetime) -> Send | Later:
        """Make the request bytes of a command as of `now`; deterministic for equal arguments.

        Raises:
            PartnerError: the partner could not be told in any words; no call is made.
        """
        ...

    def line(self, command: Command, post: Post) -> str:
        """Return the method and path, below the partner's base address, that `send` calls: `POST /posts`."""
        ...

    async def send(self, command: Command, post: Post, body: bytes, begin: Begin = at_once) -> Receipt:
        """Call the partner with exactly these bytes.

        `begin` is awaited once the call's turn has come and right before anything is written there: whoever waited for
        the turn may have lost the command meanwhile. What it raises ends the call unsent.

        Raises:
            PartnerError: refused (`maybe_stored` False: nothing was stored there) or lost (`maybe_stored` True).
        """
        ...

    def must_find(self, command: Command, now: datetime) -> bool:
        """Whether a command whose answer was lost must be looked for (`find`) before its bytes are sent again."""
        ...

    async def find(self, command: Command, post: Post) -> list[Receipt]:
        """Look by list for a post whose answer was lost; every post that may be it, oldest first.

        A list does not show whose a post is: another post of ours with the same content is answered, too. What fits
        only as far as it is shown is answered as not `sure`.
        """
        ...

    async def read(
        self,
        tracked: Sequence[Post],
        cursor: str | None,
        budget: int,
        *,
        known: Known,
        adopt: bool = False,
        urgent: Collection[str] = (),
    ) -> Reading:
        """Read the state of as many of these posts (all have `partner_id`) as `budget` calls allow, most due first.

        A sweep may show others of ours, too: `known` finds them. A list never proves absence: VANISHED comes only from
        a GET's 404. A failed single read is in `failed`; a fault of the whole key is raised. `cursor` is what the last
        reading gave. With `adopt` posts that are not ours are told as strangers: those that have not ended when there
        is no cursor yet, afterwards all that are new or have changed; one is told until `known` finds it. `urgent` are
        ids of which there is news: that a list does not show them says nothing.
        """
        ...

    def to_host(self, content: Json, accounts: Sequence[Account], *, refused: bool = False) -> tuple[str, ...]:
        """Return the addresses of media that must be stored with the partner before it can publish them.

        `refused`: the partner could not use the addresses themselves, so all of them.
        """
        ...

    async def host_url(self, url: str) -> Hosted | None:
        """Let the partner fetch a file itself; None when it cannot, so that the bytes must be brought."""
        ...

    async def host(self, media: MediaFile) -> Hosted:
        """Store a file with the partner."""
        ...

    async def hosted(self, handle: str) -> Hosted:
        """Look at a stored file that was not ready."""
        ...

    def links(self, platform: str) -> bool:
        """Say whether `reconnect_link` makes one for accounts of a platform, while `writes` is on."""
        ...

    async def reconnect_link(self, account_id: str) -> Link | None:
        """Make an address where a person reconnects an account; None when the partner has none for this account."""
        ...

    async def accounts(self) -> Listing:
        """List the accounts that the key sees; only a 200 says anything about accounts."""
        ...

    async def plan(self) -> str:
        """Say in a few words which plan the key is on; empty where the partner does not tell."""
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
