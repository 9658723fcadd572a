"""What the store is asked and answers: filters with pages, timelines, counts, and what a commit made due."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    text: str | None = None
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

    `queue` and `oldest` are by `commands`, `deliveries`, `lookups` (due), `commands_parked` and `deliveries_dead`.
    """

    posts: Mapping[tuple[str, str], int]
    accounts: Mapping[tuple[str, str, str], int]
    causes: Mapping[str, int]
    queue: Mapping[str, int]
    oldest: Mapping[str, datetime]


class Due(Flag):
    """What a commit made due."""

    NOTHING = 0
    COMMANDS = auto()
    DELIVERIES = auto()
    LOOKUPS = auto()
