"""What becomes of deliveries after their claim, and named leases."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, null, or_, select, update
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.sql import ClauseElement

from bridge.core.model import WorkState, Write
from bridge.ports import Clock, Due, Find, Settlement
from bridge.store._filters import delivery_conditions
from bridge.store._rows import ATTEMPTS, DELIVERIES
from bridge.store._sql import Sql, Unit
from bridge.store._tables import attempts, deliveries, in_state, leases, outbound_events, word
from bridge.store._types import to_micros
from bridge.store._writes import Records


@dataclass(frozen=True, slots=True)
class Replay:
    """Which settled deliveries are to be made again: those named, else those found (at most `find.limit`)."""

    find: Find
    ids: Collection[str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """Who asks for a named lease, and for how long."""

    name: str
    holder: str
    seconds: float


class Settles:
    """Settles and replays deliveries, and keeps named leases."""

    def __init__(self, sql: Sql, records: Records, clock: Clock) -> None:
        self._sql = sql
        self._records = records
        self._clock = clock
        self._versions = sql.by_ids(deliveries.c.id, [deliveries.c.id, deliveries.c.version], lock=True)
        self._replace = sql.replace(deliveries)
        self._lease_place = DELIVERIES.place("lease_until")
        self._upsert_attempt = sql.upsert(attempts)
        self._replay = sql.listed(_replay)
        self._take_lease = sql.one(_take_lease(sql))

    def settle(self, unit: Unit, items: Sequence[Settlement]) -> list[bool]:
        """Store each delivery whose claim still holds, and how its attempt ended; a settled delivery has no lease."""
        versions = {
            row[0]: row[1] for row in self._versions.rows(unit.connection, {item.delivery.id for item in items})
        }
        answers: list[bool] = []
        rows: list[tuple[Any, ...]] = []
        ended: list[tuple[Any, ...]] = []
        for item in items:
            delivery = item.delivery
            fits = versions.get(delivery.id) == delivery.version - 1
            answers.append(fits)
            if fits:
                versions[delivery.id] = delivery.version
                rows.append(self._settled_row(DELIVERIES.encode(delivery)))
                ended.append(ATTEMPTS.encode(item.attempt))
                if delivery.state is WorkState.DUE:
                    unit.made_due |= Due.DELIVERIES
        self._replace.many(unit.connection, rows)
        self._upsert_attempt.many(unit.connection, ended)
        told = [Write(events=item.events) for item, fits in zip(items, answers, strict=True) if fits and item.events]
        if told:
            self._records.record(unit, told)
        return answers

    def replay(self, unit: Unit, items: Sequence[Replay]) -> list[int]:
        """Make settled deliveries due again; the count of calls goes on, that of attempts begins anew."""
        answers = [self._replay_one(unit, item) for item in items]
        if any(answers):
            unit.made_due |= Due.DELIVERIES
        return answers

    def lease(self, unit: Unit, items: Sequence[Lease]) -> list[bool]:
        """Take or renew leases by the store's clock; one that is given up is free whatever the clock says later."""
        clock = to_micros(self._clock())
        return [
            self._take_lease.run(
                unit.connection,
                name=item.name,
                holder=item.holder,
                until=clock + int(item.seconds * 1_000_000) if item.seconds else 0,
                clock=clock,
            )
            == 1
            for item in items
        ]

    def _settled_row(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        values[self._lease_place] = None
        return tuple(values)

    def _replay_one(self, unit: Unit, item: Replay) -> int:
        ids = sorted(item.ids) or self._find_settled(unit, item.find)
        return self._replay.run(unit.connection, ids, now=to_micros(item.now))

    def _find_settled(self, unit: Unit, find: Find) -> list[str]:
        found = (
            select(deliveries.c.id)
            .join(outbound_events, outbound_events.c.id == deliveries.c.outbound_id)
            .where(in_state(deliveries.c.state, WorkState.DONE, WorkState.DEAD), *delivery_conditions(find))
            .order_by(deliveries.c.id.desc())
            .limit(find.limit)
        )
        return [row[0] for row in self._sql.one(found).rows(unit.connection)]


def _replay(ids: list[Any]) -> ClauseElement:
    return (
        update(deliveries)
        .values(
            state=word(WorkState.DUE),
            due_at=bindparam("now"),
            attempts=0,
            reason=null(),
            settled_at=null(),
            lease_until=null(),
            version=deliveries.c.version + 1,
        )
        .where(deliveries.c.id.in_(ids), in_state(deliveries.c.state, WorkState.DONE, WorkState.DEAD))
    )


def _take_lease(sql: Sql) -> ClauseElement:
    new: Insert = sql.new(leases).values(name=bindparam("name"), holder=bindparam("holder"), until=bindparam("until"))
    return new.on_conflict_do_update(
        index_elements=[leases.c.name],
        set_={"holder": new.excluded.holder, "until": new.excluded.until},
        where=or_(leases.c.until <= bindparam("clock"), leases.c.holder == new.excluded.holder),
    )
