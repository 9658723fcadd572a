"""What a list of writes comes to, decided in Python before anything is written.

Versions are those stored; later writes of a list see the earlier ones. A write that does not fit leaves no trace.
"""

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Any

from bridge.core import formats
from bridge.core.endpoints import REPLY, TEST, WANTED, delivery, destination_of, reply, wanted_message, wants
from bridge.core.errors import FailureReason
from bridge.core.events import matches
from bridge.core.model import Attempt, Command, Delivery, Endpoint, Lane, Lookup, OutboundEvent, WorkState, Write
from bridge.ports import Due
from bridge.store._types import to_micros

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
    "replays": attrgetter("id"),
    "messages": attrgetter("id"),
}
"""The fields of a `Write` whose rows have versions, with what identifies a row."""


@dataclass
class Rows:
    """The last row of each id of one table: those to insert and those to replace; `versions` as they will stand.

    `births` says of endpoints when each was made. A name can be given again, and versions begin anew with it: what was
    decided on a row that is gone is not about the one that has its name now.
    """

    versions: dict[str, int]
    births: dict[str, datetime | None] = field(default_factory=dict)
    inserted: dict[str, Any] = field(default_factory=dict)
    replaced: dict[str, Any] = field(default_factory=dict)

    def fits(self, identity: str, row: Any) -> bool:
        """Say whether a row follows on the one that will stand."""
        if self.versions.get(identity, 0) != row.version - 1:
            return False
        return identity not in self.births or self.births[identity] == row.created_at

    def put(self, identity: str, row: Any) -> Callable[[], None]:
        """Plan a row that fits, and return what takes it back."""
        before = self.versions.get(identity)
        if before is None and isinstance(row, Endpoint):
            self.births[identity] = row.created_at
        place = self.inserted if before is None or identity in self.inserted else self.replaced
        undo = partial(self._take_back, identity, before, place, place.get(identity))
        place[identity] = row
        self.versions[identity] = row.version
        return undo

    def drop(self, identity: str) -> None:
        """Plan that a row goes; one of the same id may be inserted after that."""
        for known in (self.versions, self.births, self.inserted, self.replaced):
            known.pop(identity, None)

    def _take_back(self, identity: str, version: int | None, place: dict[str, Any], row: Any) -> None:
        if version is None:
            del self.versions[identity]
            self.births.pop(identity, None)
        else:
            self.versions[identity] = version
        if row is None:
            del place[identity]
        else:
            place[identity] = row


_DISABLED: dict[str, Any] = {"state": WorkState.DEAD, "reason": FailureReason.ENDPOINT_DISABLED}


@dataclass
class Told:
    """What is sent of events: `deliveries`, and `bodies` by (outbound event, format), without the standard ones."""

    deliveries: list[Delivery] = field(default_factory=list)
    bodies: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def add(self, event: OutboundEvent, endpoint: Endpoint) -> None:
        """Send news to an endpoint, unless its format has nothing to say of it; a disabled one gets it dead."""
        self._add(event, endpoint, event.created_at, **_end(event, endpoint))

    def add_reply(self, event: OutboundEvent, endpoint: Endpoint, message_id: str) -> None:
        """Bring a message in a chat up to date; one whose chat is disabled gets it dead."""
        made = reply(delivery_id(event.created_at), event, endpoint, message_id)
        self.deliveries.append(replace(made, **_end(event, endpoint)))

    def add_late(self, event: OutboundEvent, endpoint: Endpoint, now: datetime) -> None:
        """Send what an endpoint has missed, unless its format has nothing to say of it."""
        self._add(event, endpoint, now, lane=Lane.AGAIN, due_at=now, created_at=now)

    def kill(self, names: Collection[str]) -> None:
        """Let what is to be sent to these endpoints die."""
        for place, made in enumerate(self.deliveries):
            if made.destination in names and made.state is WorkState.DUE:
                self.deliveries[place] = replace(made, **_DISABLED, settled_at=made.created_at)

    def _add(self, event: OutboundEvent, endpoint: Endpoint, at: datetime, **changes: Any) -> None:
        if endpoint.format == formats.STANDARD or self._has_body(event, endpoint.format):
            made = delivery(delivery_id(at), event, endpoint)
            self.deliveries.append(replace(made, **changes) if changes else made)

    def _has_body(self, event: OutboundEvent, name: str) -> bool:
        if (event.id, name) not in self.bodies:
            body = formats.body(name, event)
            if body is None:
                return False
            self.bodies[event.id, name] = body
        return True


def _end(event: OutboundEvent, endpoint: Endpoint) -> dict[str, Any]:
    """Return how a delivery to a disabled endpoint begins."""
    return {} if endpoint.enabled else {**_DISABLED, "settled_at": event.created_at}


@dataclass
class Plan:
    """Everything a list of writes will do.

    Args:
        rows: one entry for each field of `VERSIONED`, with the stored versions.
        endpoints: all endpoints; needed when a write has events.
        followers: the names of the chats and the ids of the stored messages there that follow an event, by its id;
            needed of the events that writes tell of.
    """

    rows: dict[str, Rows]
    endpoints: dict[str, Endpoint]
    followers: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    attempts: dict[tuple[str, int], Attempt] = field(default_factory=dict)
    events: list[OutboundEvent] = field(default_factory=list)
    told: Told = field(default_factory=Told)
    free_keys: list[str] = field(default_factory=list)
    kill: set[str] = field(default_factory=set)
    drop: set[str] = field(default_factory=set)
    _named: set[object] = field(default_factory=set)
    _candidates: dict[str, list[Endpoint]] = field(default_factory=dict)

    def add(self, write: Write) -> bool:
        """Plan a write; False, and nothing of it is planned, when one of its rows does not fit."""
        if not self._put_rows(write):
            return False
        self._change_endpoints(write)
        for message in write.messages:
            if message.version == 1:
                chat = destination_of(message.source)
                self.followers.setdefault(message.event_id, []).append((chat, message.id))
        for event in write.events:
            self._tell(event)
        for place, post in enumerate(write.posts):
            self.places.setdefault(post.id, place)
        for attempt in write.attempts:
            self.attempts[attempt.subject_id, attempt.number] = attempt
        self.free_keys.extend(write.free_keys)
        if doomed := {*write.kill_deliveries_of, *write.drop_endpoints}:
            self.told.kill(doomed)
            self.kill.update(doomed)
        return True

    @property
    def made_due(self) -> Due:
        """What becomes due that nobody holds."""
        due = Due.NOTHING
        if _any_free(self.rows["commands"]):
            due |= Due.COMMANDS
        if any(made.state is WorkState.DUE for made in self.told.deliveries):
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
                if not rows.fits(identity, row):
                    return _take_back(undo)
                undo.append(rows.put(identity, row))
        if not _fresh(self._named, write.events):
            return _take_back(undo)
        return True

    def _change_endpoints(self, write: Write) -> None:
        if not write.endpoints and not write.drop_endpoints:
            return
        for name in write.drop_endpoints:
            self.rows["endpoints"].drop(name)
            self.endpoints.pop(name, None)
        self.drop.update(write.drop_endpoints)
        self.endpoints.update((endpoint.name, endpoint) for endpoint in write.endpoints)
        self._candidates.clear()

    def _tell(self, event: OutboundEvent) -> None:
        self._named.update((event.id, (event.subject, event.sequence)))
        self.events.append(event)
        for endpoint in self._candidates_for(event.type):
            if wants(endpoint, event):
                self.told.add(event, endpoint)
        for chat, message_id in self._followers_of(event):
            if (row := self.endpoints.get(chat)) is not None and row.kind == REPLY:
                self.told.add_reply(event, row, message_id)

    def _followers_of(self, event: OutboundEvent) -> Sequence[tuple[str, str]]:
        """Return the messages that an event brings up to date, each after its chat."""
        if event.type == WANTED:
            return ((event.endpoint, wanted_message(event)),)
        return self.followers.get(event.event_id, ()) if event.event_id else ()

    def _candidates_for(self, event_type: str) -> Sequence[Endpoint]:
        """Return the endpoints that may want an event of a type; their other conditions are asked of each event."""
        found = self._candidates.get(event_type)
        if found is None:
            everyone = self.endpoints.values()
            found = [one for one in everyone if event_type == TEST or matches(one.events, event_type)]
            self._candidates[event_type] = found
        return found


def _any_free(work: Rows) -> bool:
    return any(map(_is_free, work.inserted.values())) or any(map(_is_free, work.replaced.values()))


def _is_free(work: Command | Lookup) -> bool:
    return work.state is WorkState.DUE and work.lease_until is None


def _take_back(undo: list[Callable[[], None]]) -> bool:
    for step in reversed(undo):
        step()
    return False


def _fresh(named: set[object], events: Sequence[OutboundEvent]) -> bool:
    """Say whether no event of these, nor its place in its subject's sequence, was planned before."""
    names = [name for event in events for name in (event.id, (event.subject, event.sequence))]
    return len(set(names)) == len(names) and named.isdisjoint(names)


def delivery_id(at: datetime) -> str:
    """Make an id that sorts by the instant it was made for."""
    return f"{first_delivery_id(at)}{os.urandom(6).hex()}"


def first_delivery_id(at: datetime) -> str:
    """Return what the id of no delivery made for an earlier instant is greater than."""
    return f"dlv_{to_micros(at):014x}"
