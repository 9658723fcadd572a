"""What a list of writes comes to, decided in Python before anything is written.

Versions are those stored; later writes of a list see the earlier ones. A write that does not fit leaves no trace.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any

from bridge.core.errors import FailureReason
from bridge.core.events import matches
from bridge.core.model import Attempt, Command, Delivery, Endpoint, Lookup, OutboundEvent, WorkState, Write
from bridge.ports import Due
from bridge.store._types import to_micros

ENDPOINT = "endpoint"
"""The kind of destination that deliveries made here have."""

VERSIONED: dict[str, Callable[[Any], str]] = {
    # Parents come first: a command names its post.
    "posts": attrgetter("id"),
    "commands": attrgetter("id"),
    "accounts": attrgetter("key"),
    "keys": attrgetter("name"),
    "causes": attrgetter("id"),
    "endpoints": attrgetter("name"),
    "objects": attrgetter("key"),
    "lookups": attrgetter("id"),
    "feeds": attrgetter("source"),
}
"""The fields of a `Write` whose rows have versions, with what identifies a row."""


@dataclass
class Rows:
    """The last row of each id of one table: those to insert and those to replace; `versions` as they will stand."""

    versions: dict[str, int]
    inserted: dict[str, Any] = field(default_factory=dict)
    replaced: dict[str, Any] = field(default_factory=dict)

    def put(self, identity: str, row: Any) -> Callable[[], None]:
        """Plan a row whose version fits, and return what takes it back."""
        before = self.versions.get(identity)
        place = self.inserted if before is None or identity in self.inserted else self.replaced
        undo = partial(self._take_back, identity, before, place, place.get(identity))
        place[identity] = row
        self.versions[identity] = row.version
        return undo

    def _take_back(self, identity: str, version: int | None, place: dict[str, Any], row: Any) -> None:
        if version is None:
            del self.versions[identity]
        else:
            self.versions[identity] = version
        if row is None:
            del place[identity]
        else:
            place[identity] = row


@dataclass
class Plan:
    """Everything a list of writes will do.

    Args:
        rows: one entry for each field of `VERSIONED`, with the stored versions.
        endpoints: all endpoints; needed when a write has events.
    """

    rows: dict[str, Rows]
    endpoints: dict[str, Endpoint]
    places: dict[str, int] = field(default_factory=dict)
    attempts: dict[tuple[str, int], Attempt] = field(default_factory=dict)
    events: list[OutboundEvent] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    free_keys: list[str] = field(default_factory=list)
    kill: set[str] = field(default_factory=set)
    _told: set[object] = field(default_factory=set)
    _wanted: dict[str, list[Endpoint]] = field(default_factory=dict)

    def add(self, write: Write) -> bool:
        """Plan a write; False, and nothing of it is planned, when one of its rows does not fit."""
        if not self._put_rows(write) or not self._tell(write):
            return False
        for place, post in enumerate(write.posts):
            self.places.setdefault(post.id, place)
        for attempt in write.attempts:
            self.attempts[attempt.subject_id, attempt.number] = attempt
        self.free_keys.extend(write.free_keys)
        self.kill.update(write.kill_deliveries_of)
        return True

    @property
    def made_due(self) -> Due:
        """What becomes due that nobody holds."""
        due = Due.NOTHING
        if _any_free(self.rows["commands"]):
            due |= Due.COMMANDS
        if any(delivery.state is WorkState.DUE for delivery in self.deliveries):
            due |= Due.DELIVERIES
        if _any_free(self.rows["lookups"]):
            due |= Due.LOOKUPS
        return due

    def _put_rows(self, write: Write) -> bool:
        undo: list[Callable[[], None]] = []
        for name, identify in VERSIONED.items():
            rows = self.rows[name]
            for row in getattr(write, name):
                identity = identify(row)
                if rows.versions.get(identity, 0) != row.version - 1:
                    return _take_back(undo)
                undo.append(rows.put(identity, row))
        if not _fresh(self._told, write.events):
            return _take_back(undo)
        return True

    def _tell(self, write: Write) -> bool:
        if write.endpoints:
            self.endpoints.update((endpoint.name, endpoint) for endpoint in write.endpoints)
            self._wanted.clear()
        for event in write.events:
            self._told.update((event.id, (event.subject, event.sequence)))
            self.events.append(event)
            self.deliveries.extend(_delivery(event, endpoint) for endpoint in self._wanting(event.type))
        return True

    def _wanting(self, event_type: str) -> Sequence[Endpoint]:
        wanting = self._wanted.get(event_type)
        if wanting is None:
            wanting = [endpoint for endpoint in self.endpoints.values() if matches(endpoint.events, event_type)]
            self._wanted[event_type] = wanting
        return wanting


def _any_free(work: Rows) -> bool:
    return any(map(_is_free, work.inserted.values())) or any(map(_is_free, work.replaced.values()))


def _is_free(work: Command | Lookup) -> bool:
    return work.state is WorkState.DUE and work.lease_until is None


def _take_back(undo: list[Callable[[], None]]) -> bool:
    for step in reversed(undo):
        step()
    return False


def _fresh(told: set[object], events: Sequence[OutboundEvent]) -> bool:
    """Say whether no event of these, nor its place in its subject's sequence, was planned before."""
    names = [name for event in events for name in (event.id, (event.subject, event.sequence))]
    return len(set(names)) == len(names) and told.isdisjoint(names)


def _delivery(event: OutboundEvent, endpoint: Endpoint) -> Delivery:
    enabled = endpoint.enabled
    return Delivery(
        id=f"dlv_{to_micros(event.created_at):014x}{os.urandom(6).hex()}",
        outbound_id=event.id,
        type=event.type,
        destination_kind=ENDPOINT,
        destination=endpoint.name,
        subject=event.subject,
        sequence=event.sequence,
        due_at=event.created_at,
        created_at=event.created_at,
        state=WorkState.DUE if enabled else WorkState.DEAD,
        reason=None if enabled else FailureReason.ENDPOINT_DISABLED,
        settled_at=None if enabled else event.created_at,
    )
