"""What the store is asked and answers: filters with pages, timelines, counts, and what a commit made due."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Flag, auto

from bridge.core.model import Attempt, Command, Delivery, Event, OutboundEvent, Post


@dataclass(frozen=True, slots=True)
class Find:
    """A filter and a page for lists, newest first. Empty fields filter nothing; the page starts after the id `before`.

    Ids sort by time, so the last id of a page is the next page's `before`. `since` and `until` bound the creation time.
    """

    limit: int = 50
    before: str | None = None
    state: str | None = None
    partner: str | None = None
    account: str | None = None
    source: str | None = None
    event_id: str | None = None
    external_id: str | None = None
    key: str | None = None
    destination: str | None = None
    type: str | None = None
    reason: str | None = None
    subject: str | None = None
    text: str | None = None
    token: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything that happened to one post, each list oldest first. `attempts` are those of commands and deliveries."""

    post: Post
    event: Event | None
    commands: tuple[Command, ...]
    attempts: tuple[Attempt, ...]
    events: tuple[OutboundEvent, ...]
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers for the gauges.

    `queue` and `oldest` are by `commands`, `deliveries`, `lookups` (due), `commands_parked`, `deliveries_dead`, and
    `commands_unconfigured`: what is due or parked for partners that the configuration does not name. `commands`,
    `commands_parked` and `causes` are without those, `oldest` without deliveries whose endpoint is held.
    """

    posts: Mapping[tuple[str, str], int]
    causes: Mapping[str, int]
    queue: Mapping[str, int]
    oldest: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Rooms:
    """How many requests a claimant has room for: `total`, and of one endpoint `each` unless `named` says otherwise.

    An endpoint whose room is 0 or less is left out: what is due for it keeps standing in line and uses up no try.

    Args:
        total: how many requests in all.
        each: how many deliveries of one endpoint.
        named: the same, of those of which it is another number.
        gathering: endpoints whose deliveries go into one request together, and count as one.
        slow: endpoints that hold a request for long, or may.
        for_slow: how many of `total` those have together.
        turns: by endpoint, who goes before whom: the smaller first, and one that is missing before all others.
    """

    total: int
    each: int
    named: Mapping[str, int] = field(default_factory=dict)
    gathering: Collection[str] = frozenset()
    slow: Collection[str] = frozenset()
    for_slow: int = 0
    turns: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def room(self, name: str) -> int:
        """Return how many deliveries of one endpoint there is room for when nobody else wants any."""
        return self.named.get(name, self.each)

    def fair(self, standing: int) -> int:
        """Return how many deliveries each gets at most of so many endpoints in line: as many as are left over.

        One that is alone in line takes nothing from anybody.
        """
        return self.total if standing == 1 else max(self.total // (standing + 1), 1)


_GATHERED = 10
"""How many deliveries of an endpoint that gathers count as one request: mostly more fit into one."""


class Division:
    """One claim's rooms while they are given out to the endpoints in line, one after the other."""

    def __init__(self, rooms: Rooms, standing: int) -> None:
        self._rooms, self._fair = rooms, rooms.fair(standing)
        self.left, self._for_slow = rooms.total, rooms.for_slow

    def most(self, name: str) -> int:
        """Return how many deliveries an endpoint may get."""
        left = min(self.left, self._for_slow) if name in self._rooms.slow else self.left
        room = self._rooms.room(name)
        if name in self._rooms.gathering:
            return room if left > 0 else 0
        return min(room, self._fair, left)

    def give(self, name: str, count: int) -> None:
        """Note how many an endpoint got."""
        requests = -(-count // _GATHERED) if name in self._rooms.gathering else count
        self.left -= requests
        if name in self._rooms.slow:
            self._for_slow -= requests


@dataclass(frozen=True, slots=True)
class EndpointStats:
    """What became of one endpoint's deliveries: by state, the oldest due, and its attempts since an instant.

    `attempts` is by outcome; `durations_s` are those of ended attempts, as (median, 95th percentile, greatest).
    """

    deliveries: Mapping[str, int]
    oldest_due_at: datetime | None
    attempts: Mapping[str, int]
    reasons: Mapping[str, int]
    durations_s: tuple[float, float, float] | None
    last_success_at: datetime | None
    last_failure_at: datetime | None


@dataclass(frozen=True, slots=True)
class Untold:
    """Deliveries to one endpoint that died and were not told of: how many, and the id of the newest."""

    count: int
    newest: str


class Due(Flag):
    """What a commit made due."""

    NOTHING = 0
    COMMANDS = auto()
    DELIVERIES = auto()
    LOOKUPS = auto()
