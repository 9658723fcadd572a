"""Taking deliveries that are due, a lane at a time, of each endpoint as many as there is room for.

An endpoint that gets nothing costs one look into an index, however much is due for it: the endpoints with due work are
found by jumping along the index from one to the next, and of those without room nothing is looked at but the name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import CTE, Select, and_, bindparam, exists, func, literal_column, or_, select
from sqlalchemy.sql import ClauseElement, FromClause
from sqlalchemy.sql.elements import ColumnElement

from bridge.core.endpoints import REPLY
from bridge.core.model import Attempt, Lane, WorkState
from bridge.core.queries import Division, Rooms
from bridge.ports import ClaimedDelivery, Clock
from bridge.store._claims import Taken, is_free, mark_lost, take
from bridge.store._rows import ATTEMPTS, DELIVERIES, Row
from bridge.store._sql import Sql, Unit
from bridge.store._statements import Among
from bridge.store._tables import attempts, deliveries, endpoints, in_state, outbound_bodies, outbound_events
from bridge.store._types import from_micros, to_micros


@dataclass(frozen=True, slots=True)
class LaneClaim:
    """What a claimant of deliveries asks for."""

    now: datetime
    lane: Lane
    rooms: Rooms
    lease: timedelta


_next, _first, _earlier = deliveries.alias("next"), deliveries.alias("first"), deliveries.alias("earlier")


def destinations(lane: Lane) -> CTE:
    """Select the destinations for which anything is due in a lane, now or later; the last row is null."""
    in_lane = in_state(_next.c.state, WorkState.DUE), in_state(_next.c.lane, lane)
    line = select(func.min(_next.c.destination).label("destination")).where(*in_lane).cte("line", recursive=True)
    following = select(func.min(_next.c.destination)).where(*in_lane, _next.c.destination > line.c.destination)
    return line.union_all(select(following.scalar_subquery()).where(line.c.destination.is_not(None)))


def first_due(lane: Lane, destination: ColumnElement[str], *further: ColumnElement[bool]) -> ColumnElement[int | None]:
    """Select since when the first delivery of a destination in a lane that can be taken has been due."""
    return (
        select(_first.c.due_at)
        .where(
            in_state(_first.c.state, WorkState.DUE),
            in_state(_first.c.lane, lane),
            _first.c.destination == destination,
            is_free(_first),
            is_in_turn(_first),
            *further,
        )
        .order_by(_first.c.due_at)
        .limit(1)
        .scalar_subquery()
    )


_REPLY: ColumnElement[str] = literal_column(f"'{REPLY}'")


def is_in_turn(delivery: FromClause) -> ColumnElement[bool]:
    """Say that nothing stands before a delivery that it must keep in order with.

    What brings a message in a chat up to date shows what is true when it is sent, so it need not keep in order.
    """
    before = exists().where(
        in_state(_earlier.c.state, WorkState.DUE),
        _earlier.c.destination == delivery.c.destination,
        _earlier.c.ordered_by == delivery.c.ordered_by,
        _earlier.c.sequence < delivery.c.sequence,
    )
    return or_(delivery.c.ordered_by.is_(None), delivery.c.destination_kind == _REPLY, ~before)


def due_destinations(lane: Lane) -> Select[Any]:
    """Select the destinations for which anything is due in a lane, now or later."""
    line = destinations(lane)
    return select(line.c.destination).where(line.c.destination.is_not(None))


def due_since(lane: Lane, names: Among) -> ClauseElement:
    """Select since when the first that each of these destinations can take is due; null when none is yet."""
    line = destinations(lane)
    since = first_due(lane, line.c.destination, _first.c.due_at <= bindparam("now"))
    return select(line.c.destination, since).where(names(line.c.destination))


def due_deliveries(lane: Lane) -> ClauseElement:
    """Select what may be sent to one destination now, with what is sent."""
    told, own, made = outbound_events.c, deliveries.c, outbound_bodies.c
    born = select(endpoints.c.created_at).where(endpoints.c.name == own.destination)
    return (
        select(*DELIVERIES.columns, func.coalesce(made.body, told.body), told.created_at, told.traceparent)
        .add_columns(born.scalar_subquery())
        .select_from(deliveries)
        .join(outbound_events, told.id == own.outbound_id)
        .outerjoin(outbound_bodies, and_(made.outbound_id == own.outbound_id, made.format == own.format))
        .where(
            in_state(own.state, WorkState.DUE),
            in_state(own.lane, lane),
            own.destination == bindparam("destination"),
            own.due_at <= bindparam("now"),
            is_free(deliveries),
            is_in_turn(deliveries),
        )
        .order_by(own.due_at)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, of=deliveries)
    )


class Lanes:
    """Claims due deliveries."""

    def __init__(self, sql: Sql, clock: Clock) -> None:
        self._clock = clock
        self._destinations = {lane: sql.one(due_destinations(lane)) for lane in Lane}
        self._since = {lane: sql.listed(partial(due_since, lane)) for lane in Lane}
        self._due = {lane: sql.one(due_deliveries(lane)) for lane in Lane}
        self._take = sql.listed(take(deliveries, calls=deliveries.c.calls + 1))
        self._mark_lost = sql.listed(mark_lost)
        self._start_attempt = sql.upsert(attempts)
        self._taken = Taken(DELIVERIES, "calls")

    def claim(self, unit: Unit, claims: Sequence[LaneClaim]) -> list[list[ClaimedDelivery]]:
        """Take deliveries for one claimant after the other."""
        return [self._claim(unit, claim) for claim in claims]

    def _claim(self, unit: Unit, claim: LaneClaim) -> list[ClaimedDelivery]:
        clock = self._clock()
        rows = self._find(unit, claim, to_micros(clock))
        if not rows:
            return []
        until = to_micros(clock + claim.lease)
        self._take.run(unit.connection, [row[0] for row in rows], until=until)
        self._begin_attempts(unit, rows, claim.now)
        return [self._claimed(row, until) for row in rows]

    def _claimed(self, row: Row, until: int) -> ClaimedDelivery:
        body, told_at, traceparent, born_at = row[-4:]
        born = from_micros(born_at) if born_at is not None else None
        return ClaimedDelivery(self._taken(row, until), body, from_micros(told_at), born, traceparent)

    def _find(self, unit: Unit, claim: LaneClaim, clock: int) -> list[Row]:
        """Select what there is room for, the same for all in line; what some leave over is for the next claim."""
        if claim.rooms.total <= 0:
            return []
        instants = {"now": to_micros(claim.now), "clock": clock}
        line = self._in_line(unit, claim, instants)
        division, due = Division(claim.rooms, len(line)), self._due[claim.lane]
        found: list[Row] = []
        for destination in line:
            most = division.most(destination)
            if most > 0:
                rows = due.rows(unit.connection, destination=destination, most=most, **instants)
                division.give(destination, len(rows))
                found += rows
            if division.left <= 0:
                break
        return found

    def _in_line(self, unit: Unit, claim: LaneClaim, instants: Mapping[str, int]) -> list[str]:
        """Return who can take something now, by turns; of those whose turn it is who has waited longest."""
        rooms = claim.rooms
        names = [row[0] for row in self._destinations[claim.lane].rows(unit.connection)]
        rows = self._since[claim.lane].rows(
            unit.connection, [name for name in names if rooms.room(name) > 0], **instants
        )
        waiting = [(rooms.turns.get(name, (0, 0)), since, name) for name, since in rows if since is not None]
        return [name for _, _, name in sorted(waiting)]

    def _begin_attempts(self, unit: Unit, rows: Sequence[Row], now: datetime) -> None:
        calls = DELIVERIES.place("calls")
        self._mark_lost.run(unit.connection, [row[0] for row in rows if row[calls]], ended=to_micros(now))
        begun = [ATTEMPTS.encode(Attempt(row[0], row[calls] + 1, None, now)) for row in rows]
        self._start_attempt.many(unit.connection, begun)
