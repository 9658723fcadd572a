"""`record` and `accept`: what is stored is read once a table, a plan is made, and it is written in one list a table.

Nothing here raises for a stale version. What only the engine can see (an id or a unique value that is taken) shows as a
row too few and raises `Clash`; the group then runs the items one by one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Update, bindparam, delete, func, null, select, update
from sqlalchemy.sql import ClauseElement

from bridge.core.endpoints import REPLY, destination_of
from bridge.core.errors import FailureReason
from bridge.core.model import Endpoint, Lane, WorkState, Write
from bridge.ports import Acceptance, Accepted, Clock
from bridge.store._claims import is_free
from bridge.store._engine import Clash
from bridge.store._plan import VERSIONED, Plan, Rows, Told
from bridge.store._rows import (
    ACCOUNTS,
    ATTEMPTS,
    CAUSES,
    COMMANDS,
    DELIVERIES,
    ENDPOINTS,
    EVENTS,
    FEEDS,
    KEYS,
    LOOKUPS,
    MESSAGES,
    OBJECTS,
    OUTBOUND,
    POSTS,
    REPLAYS,
    Codec,
)
from bridge.store._sql import Sql, Unit
from bridge.store._statements import Among, Each
from bridge.store._tables import (
    deliveries,
    endpoints,
    events,
    in_state,
    messages,
    outbound_bodies,
    outbound_events,
    posts,
    word,
)
from bridge.store._types import from_micros, to_micros

_CODECS: dict[str, Codec[Any]] = {
    "posts": POSTS,
    "commands": COMMANDS,
    "accounts": ACCOUNTS,
    "keys": KEYS,
    "causes": CAUSES,
    "endpoints": ENDPOINTS,
    "objects": OBJECTS,
    "lookups": LOOKUPS,
    "feeds": FEEDS,
    "replays": REPLAYS,
    "messages": MESSAGES,
}


_ENDS = 0x656E_6473
"""The lock of whoever ends all that is sent to an endpoint: "ends" in ASCII."""


class VersionedTable:
    """The statements that write one table whose rows have versions."""

    def __init__(self, sql: Sql, codec: Codec[Any]) -> None:
        (identity,) = codec.identity
        self._codec = codec
        self._has_place = "place" in codec.table.c
        born = [codec.table.c.created_at] if codec is ENDPOINTS else []
        self._versions = sql.by_ids(identity, [identity, codec.table.c.version, *born], lock=True)
        self._insert = sql.insert(codec.table)
        self._replace = sql.replace(codec.table)

    def stored(self, unit: Unit, ids: Iterable[str]) -> Rows:
        """Return what stands of these rows, and lock them."""
        rows = self._versions.rows(unit.connection, ids)
        births = {row[0]: row[2] if row[2] is None else from_micros(row[2]) for row in rows if len(row) > 2}
        return Rows({row[0]: row[1] for row in rows}, births)

    def store(self, unit: Unit, rows: Rows, places: dict[str, int]) -> None:
        """Write planned rows; raises `Clash` when an inserted id is there already."""
        encode = self._codec.encode
        if rows.inserted:
            new = [encode(row) for row in rows.inserted.values()]
            if self._has_place:
                new = [(*values, places[values[0]]) for values in new]
            insert_all(unit, self._insert, new)
        # A partner's id may go from one post to another in one write: it is given up before it is taken.
        taking = [row for row in rows.replaced.values() if getattr(row, "partner_id", None) is not None]
        giving_up = [row for row in rows.replaced.values() if getattr(row, "partner_id", None) is None]
        for changed in (giving_up, taking):
            self._replace.many(unit.connection, [encode(row) for row in changed])


def insert_all(unit: Unit, insert: Each, rows: list[tuple[Any, ...]]) -> None:
    """Insert rows; raises `Clash` when one of them was there already."""
    if rows and insert.many(unit.connection, rows) != len(rows):
        raise Clash


class Records:
    """Applies writes."""

    def __init__(self, sql: Sql, clock: Clock) -> None:
        self._clock = clock
        self._tables = {name: VersionedTable(sql, _CODECS[name]) for name in VERSIONED}
        self._endpoints = sql.one(select(*ENDPOINTS.columns).order_by(endpoints.c.name))
        self._upsert_attempt = sql.upsert(ATTEMPTS.table)
        self._insert_outbound = sql.insert(OUTBOUND.table)
        self._insert_delivery = sql.insert(DELIVERIES.table)
        self._insert_body = sql.insert(outbound_bodies)
        own = messages.c
        self._messages_of = sql.by_ids(own.event_id, [own.event_id, own.source, own.id])
        self._drop_endpoints = sql.listed(lambda names: delete(endpoints).where(names(endpoints.c.name)))
        self._free_keys = sql.listed(lambda ids: update(events).values(key=null()).where(ids(events.c.id)))
        self._last_told = sql.listed(_last_told)
        self._kill = sql.listed(_kill)
        self._kill_all = sql.listed(_kill_all)
        self._ends = sql.lock(_ENDS)
        self._decoded: dict[tuple[Any, ...], Endpoint] = {}

    def record(self, unit: Unit, writes: Sequence[Write]) -> list[bool]:
        """Apply each write whole or not at all; False for those that do not fit what is stored."""
        plan = self.plan(unit, writes)
        answers = [plan.add(write) for write in writes]
        self.store(unit, plan)
        return answers

    def plan(self, unit: Unit, writes: Sequence[Write]) -> Plan:
        """Read all that is needed to plan these writes."""
        self._lock_endpoints(unit, writes)
        rows = self.endpoints(unit) if any(write.events for write in writes) else {}
        return Plan(self._stored(unit, writes), rows, self._followers_of(unit, writes, rows))

    def store(self, unit: Unit, plan: Plan) -> None:
        """Write what was planned; raises `Clash` when something else has an id or a unique value of it."""
        # What is new is sent to endpoints as they are after all writes: what dies was stored before.
        if plan.kill:
            self._kill.run(unit.connection, sorted(plan.kill), clock=to_micros(self._clock()))
        if plan.drop:
            self._drop_endpoints.run(unit.connection, sorted(plan.drop))
        self._take_names(unit, plan.rows["endpoints"].inserted)
        for name, rows in plan.rows.items():
            self._tables[name].store(unit, rows, plan.places)
        self._upsert_attempt.many(unit.connection, [ATTEMPTS.encode(attempt) for attempt in plan.attempts.values()])
        insert_all(unit, self._insert_outbound, [OUTBOUND.encode(event) for event in plan.events])
        self.send(unit, plan.told)
        self.free_keys(unit, plan.free_keys)
        unit.made_due |= plan.made_due

    def keep_endpoints(self, unit: Unit) -> None:
        """Let nobody end all that an endpoint is sent until this transaction is over: what it makes would be left."""
        self._ends.share(unit.connection)

    def _lock_endpoints(self, unit: Unit, writes: Sequence[Write]) -> None:
        """Let no delivery be made for an endpoint while another process ends all that it is sent."""
        if any(write.kill_deliveries_of or write.drop_endpoints for write in writes):
            self._ends.take(unit.connection)
        elif any(write.events for write in writes):
            self.keep_endpoints(unit)

    def _take_names(self, unit: Unit, made: dict[str, Endpoint]) -> None:
        """Let a new endpoint that has the name of one that is gone go on with its sequence, which was told.

        What was on its way to the former one when that went dies, whoever makes it: it is not for the new one.
        """
        self._kill_all.run(unit.connection, sorted(made), clock=to_micros(self._clock()))
        told = self._last_told.rows(unit.connection, [f"endpoint:{name}" for name in made])
        for subject, last in told:
            name = subject.removeprefix("endpoint:")
            made[name] = replace(made[name], sequence=max(last, made[name].sequence))

    def send(self, unit: Unit, told: Told) -> None:
        """Write new deliveries with the bodies they send; a body that is there already stays."""
        insert_all(unit, self._insert_delivery, [DELIVERIES.encode(made) for made in told.deliveries])
        self._insert_body.many(unit.connection, [(*key, body) for key, body in told.bodies.items()])

    def endpoints(self, unit: Unit) -> dict[str, Endpoint]:
        """Return all endpoints by name. They seldom change and are read at nearly every commit: see `_decoded`."""
        rows = [tuple(row) for row in self._endpoints.rows(unit.connection)]
        self._decoded = {row: self._decoded.get(row) or ENDPOINTS.decode(row) for row in rows}
        return {endpoint.name: endpoint for endpoint in self._decoded.values()}

    def free_keys(self, unit: Unit, event_ids: Sequence[str]) -> None:
        """Let the dedupe keys of these events be used again."""
        self._free_keys.run(unit.connection, event_ids)

    def _stored(self, unit: Unit, writes: Sequence[Write]) -> dict[str, Rows]:
        stored: dict[str, Rows] = {}
        for name, identify in VERSIONED.items():
            # A row of version 1 must be new; the insert itself finds out if it is not.
            ids = {identify(row) for write in writes for row in getattr(write, name) if row.version != 1}
            stored[name] = self._tables[name].stored(unit, ids) if ids else Rows({})
        return stored

    def _followers_of(
        self, unit: Unit, writes: Sequence[Write], rows: dict[str, Endpoint]
    ) -> dict[str, list[tuple[str, str]]]:
        """Return the stored messages that follow what is told of; nothing is read where there are no chats."""
        found: dict[str, list[tuple[str, str]]] = {}
        if any(row.kind == REPLY for row in rows.values()):
            ids = {event.event_id for write in writes for event in write.events if event.event_id}
            for event_id, source, message_id in self._messages_of.rows(unit.connection, sorted(ids)):
                found.setdefault(event_id, []).append((destination_of(source), message_id))
        return found


def _last_told(subjects: Among) -> ClauseElement:
    told = outbound_events.c
    return select(told.subject, func.max(told.sequence)).where(subjects(told.subject)).group_by(told.subject)


def _kill(names: Among) -> ClauseElement:
    """End due deliveries of endpoints, but not those that somebody is making right now: their claimant settles them."""
    return _kill_all(names).where(is_free(deliveries))


def _kill_all(names: Among) -> Update:
    """End due deliveries of endpoints; whoever makes one of them finds that it is not his any more."""
    return (
        update(deliveries)
        .values(
            state=word(WorkState.DEAD),
            reason=word(FailureReason.ENDPOINT_DISABLED),
            settled_at=bindparam("clock"),
            lease_until=null(),
            version=deliveries.c.version + 1,
        )
        .where(
            in_state(deliveries.c.state, WorkState.DUE),
            in_state(deliveries.c.lane, *Lane),
            names(deliveries.c.destination),
        )
    )


@dataclass(frozen=True, slots=True)
class _Holder:
    """The event that has a dedupe key; `post_ids` is None for one that was stored before."""

    event_id: str
    until: int | None
    fingerprint: str
    post_ids: tuple[str, ...] | None = None


class Accepts:
    """Stores events with what they cause."""

    def __init__(self, sql: Sql, records: Records) -> None:
        self._records = records
        self._insert = sql.insert(events)
        key = events.c
        self._holders = sql.by_ids(key.key, [key.scope, key.key, key.id, key.key_until, key.fingerprint])
        self._posts_of = sql.by_ids(posts.c.event_id, [posts.c.event_id, posts.c.created_at, posts.c.place, posts.c.id])

    def accept(self, unit: Unit, items: Sequence[tuple[Acceptance, int]]) -> list[Accepted]:
        """Store new events with their writes and answer known ones; beside each stands the caller's `now`."""
        holders = self._stored_holders(unit, items)
        expired: list[str] = []
        new: list[Acceptance] = []
        decided: list[tuple[_Holder, str | None]] = []
        for item, now in items:
            event = item.event
            holder = holders.get((event.scope, event.key)) if event.key is not None else None
            if holder is not None and (holder.until is None or holder.until > now):
                decided.append((holder, event.fingerprint))
                continue
            if holder is not None:
                expired.append(holder.event_id)
            # A write may also change posts of earlier events; the answer names only those that this one made.
            made = tuple(post.id for post in item.write.posts if post.event_id == event.id)
            own = _Holder(event.id, None, event.fingerprint, made)
            holders[event.scope, event.key] = own
            new.append(item)
            decided.append((own, None))
        self._records.free_keys(unit, expired)
        self._store(unit, new)
        return self._answers(unit, decided)

    def _stored_holders(
        self, unit: Unit, items: Sequence[tuple[Acceptance, int]]
    ) -> dict[tuple[str, str | None], _Holder]:
        keys = {item.event.key for item, _ in items if item.event.key is not None}
        rows = self._holders.rows(unit.connection, keys)
        return {(scope, key): _Holder(event_id, until, print_) for scope, key, event_id, until, print_ in rows}

    def _store(self, unit: Unit, new: list[Acceptance]) -> None:
        insert_all(unit, self._insert, [EVENTS.encode(item.event) for item in new])
        if new and not all(self._records.record(unit, [item.write for item in new])):
            raise Clash

    def _answers(self, unit: Unit, decided: list[tuple[_Holder, str | None]]) -> list[Accepted]:
        before = {holder.event_id for holder, _ in decided if holder.post_ids is None}
        stored = self._stored_posts(unit, before) if before else {}
        answers: list[Accepted] = []
        for holder, asked in decided:
            post_ids = stored[holder.event_id] if holder.post_ids is None else holder.post_ids
            same = asked == holder.fingerprint
            known = asked is not None
            answers.append(Accepted(holder.event_id, post_ids, duplicate=known and same, conflict=known and not same))
        return answers

    def _stored_posts(self, unit: Unit, event_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        found: defaultdict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for event_id, created_at, place, post_id in self._posts_of.rows(unit.connection, event_ids):
            found[event_id].append((created_at, place, post_id))
        return defaultdict(tuple, {event_id: tuple(row[2] for row in sorted(rows)) for event_id, rows in found.items()})
