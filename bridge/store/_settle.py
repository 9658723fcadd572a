"""What becomes of deliveries after their claim, and named leases."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, exists, null, or_, select, update
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.sql import ClauseElement

from bridge.core.model import Lane, WorkState
from bridge.core.replaying import may_go_again
from bridge.ports import NOTHING, Clock, Due, Settled, Settlement
from bridge.store._claims import renew
from bridge.store._rows import ATTEMPTS, DELIVERIES, OUTBOUND
from bridge.store._sql import Sql, Unit
from bridge.store._statements import Among
from bridge.store._tables import (
    attempts,
    commands,
    deliveries,
    endpoints,
    has_body,
    in_state,
    leases,
    outbound_events,
    word,
)
from bridge.store._types import to_micros
from bridge.store._writes import Records


@dataclass(frozen=True, slots=True)
class Again:
    """Which settled deliveries are to be sent again, and when."""

    ids: Collection[str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """Who asks for a named lease, and for how long; and how long anybody may ask for one of that name."""

    name: str
    holder: str
    seconds: float
    longest: float


@dataclass(frozen=True, slots=True)
class Renewal:
    """Whose leases are to last so much longer: ids of commands and of deliveries."""

    commands: Collection[str]
    deliveries: Collection[str]
    lease: timedelta


class Settles:
    """Settles and replays deliveries, and keeps named leases."""

    def __init__(self, sql: Sql, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._versions = sql.by_ids(deliveries.c.id, [deliveries.c.id, deliveries.c.version], lock=True)
        self._replace = sql.replace(deliveries)
        self._lease_place = DELIVERIES.place("lease_until")
        self._upsert_attempt = sql.upsert(attempts)
        self._told = sql.listed(_told)
        self._keep_told = sql.listed(_keep_told)
        self._send_again = sql.listed(_send_again)
        self._take_lease = sql.one(_take_lease(sql))
        self._renew_commands = sql.listed(renew(commands))
        self._renew_deliveries = sql.listed(renew(deliveries))

    def settle(self, unit: Unit, items: Sequence[Settlement]) -> list[Settled]:
        """Store each delivery whose claim still holds, and how its attempt ended; a settled delivery has no lease."""
        versions = {
            row[0]: row[1] for row in self._versions.rows(unit.connection, {item.delivery.id for item in items})
        }
        writes = [item.write for item in items if item.write is not NOTHING]
        plan = self._records.plan(unit, writes) if writes else None
        answers: list[Settled] = []
        kept: list[Settlement] = []
        for item in items:
            delivery = item.delivery
            if versions.get(delivery.id) != delivery.version - 1:
                answers.append(Settled.NOT_OURS)
            elif plan is not None and item.write is not NOTHING and not plan.add(item.write):
                answers.append(Settled.OVERTAKEN)
            else:
                versions[delivery.id] = delivery.version
                kept.append(item)
                answers.append(Settled.KEPT)
        self._store(unit, kept)
        # After the deliveries: what the write does to those of an endpoint, it does to these too.
        if plan is not None:
            self._records.store(unit, plan)
        return answers

    def replay(self, unit: Unit, items: Sequence[Again]) -> list[int]:
        """Make settled deliveries due again; the count of calls goes on, that of attempts begins anew."""
        return [self.send_again(unit, self.sendable(unit, item.ids), item.now) for item in items]

    def sendable(self, unit: Unit, ids: Collection[str]) -> set[str]:
        """Leave out the deliveries whose endpoint may not be told of their accounts any more."""
        narrow = {name: one for name, one in self._records.endpoints(unit).items() if one.allowed}
        rows = self._told.rows(unit.connection, sorted(ids)) if narrow else []
        told = [(row[0], narrow[row[1]], OUTBOUND.decode(row[2:])) for row in rows if row[1] in narrow]
        return {*ids} - {one for one, endpoint, event in told if not may_go_again(endpoint, event)}

    def send_again(self, unit: Unit, ids: Collection[str], now: datetime) -> int:
        """Make settled deliveries due again and return how many.

        Not those whose payload was erased, nor what an earlier endpoint of the same name was told.
        """
        # What is being erased is waited for: a later statement sees that it is empty.
        self._keep_told.rows(unit.connection, sorted(ids))
        made_due = self._send_again.run(unit.connection, sorted(ids), now=to_micros(now))
        if made_due:
            unit.made_due |= Due.DELIVERIES
        return made_due

    def lease(self, unit: Unit, items: Sequence[Lease]) -> list[bool]:
        """Take or renew leases by the store's clock; one that is given up is free whatever the clock says later."""
        clock, taken = to_micros(self._clock()), dict[int, bool]()
        # By name: two processes that want the same ones must not wait for each other.
        for place, item in sorted(enumerate(items), key=lambda one: one[1].name):
            until = clock + int(item.seconds * 1_000_000) if item.seconds else 0
            values = {"name": item.name, "holder": item.holder, "until": until, "clock": clock}
            values["furthest"] = clock + int(item.longest * 1_000_000)
            taken[place] = self._take_lease.run(unit.connection, **values) == 1
        return [taken[place] for place in range(len(items))]

    def renew(self, unit: Unit, items: Sequence[Renewal]) -> list[None]:
        """Let leases of claimed work last longer by the store's clock."""
        for item in items:
            until = to_micros(self._clock() + item.lease)
            self._renew_commands.run(unit.connection, sorted(item.commands), until=until)
            self._renew_deliveries.run(unit.connection, sorted(item.deliveries), until=until)
        return [None] * len(items)

    def _store(self, unit: Unit, kept: Sequence[Settlement]) -> None:
        rows = [self._settled_row(DELIVERIES.encode(item.delivery)) for item in kept]
        self._replace.many(unit.connection, rows)
        self._upsert_attempt.many(unit.connection, [ATTEMPTS.encode(item.attempt) for item in kept])
        if any(item.delivery.state is WorkState.DUE for item in kept):
            unit.made_due |= Due.DELIVERIES

    def _settled_row(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        values[self._lease_place] = None
        return tuple(values)


def _told(ids: Among) -> ClauseElement:
    own = deliveries.c
    found = select(own.id, own.destination, *OUTBOUND.columns).join(deliveries, own.outbound_id == outbound_events.c.id)
    return found.where(ids(own.id))


def _keep_told(ids: Among) -> ClauseElement:
    own = outbound_events.c
    told_in = own.id.in_(select(deliveries.c.outbound_id).where(ids(deliveries.c.id)))
    return select(own.id).where(told_in).order_by(own.id).with_for_update(key_share=True)


def _send_again(ids: Among) -> ClauseElement:
    told = outbound_events.c
    was_anothers = exists().where(
        endpoints.c.name == deliveries.c.destination, endpoints.c.created_at > deliveries.c.created_at
    )
    return (
        update(deliveries)
        .values(
            state=word(WorkState.DUE),
            lane=word(Lane.AGAIN),
            due_at=bindparam("now"),
            attempts=0,
            reason=null(),
            settled_at=null(),
            lease_until=null(),
            version=deliveries.c.version + 1,
        )
        .where(
            ids(deliveries.c.id),
            in_state(deliveries.c.state, WorkState.DONE, WorkState.DEAD),
            exists().where(told.id == deliveries.c.outbound_id, has_body(told.body)),
            ~was_anothers,
        )
    )


def _take_lease(sql: Sql) -> ClauseElement:
    new: Insert = sql.new(leases).values(name=bindparam("name"), holder=bindparam("holder"), until=bindparam("until"))
    return new.on_conflict_do_update(
        index_elements=[leases.c.name],
        set_={"holder": new.excluded.holder, "until": new.excluded.until},
        # One that ends later than any can was given by the clock of another server, which is no more.
        where=or_(
            leases.c.until <= bindparam("clock"),
            leases.c.until > bindparam("furthest"),
            leases.c.holder == new.excluded.holder,
        ),
    )
