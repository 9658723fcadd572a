"""Numbers for the gauges, and when there is something to do next; each is read from an index."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, literal_column, select
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.elements import ColumnElement

from bridge.core.model import Lane, WorkState
from bridge.ports import Clock, Counts
from bridge.store._claims import is_free, is_held, leased_beside
from bridge.store._lanes import destinations, first_due
from bridge.store._sql import Sql
from bridge.store._statements import Statement
from bridge.store._tables import causes, commands, deliveries, endpoints, in_state, keys, lookups, posts
from bridge.store._types import from_micros, to_micros

UNCONFIGURED = "commands_unconfigured"
_OF_PARTNERS = ("commands", "commands_parked")


class Counting:
    """Counts rows, and finds the next instant at which work is due."""

    def __init__(self, sql: Sql, clock: Clock) -> None:
        self._clock = clock
        self._posts = sql.one(_grouped(posts.c.partner, posts.c.state))
        self._causes = sql.one(_grouped(causes.c.kind, causes.c.partner).where(causes.c.closed_at.is_(None)))
        self._queues = {name: sql.one(statement) for name, statement in _queues().items()}
        self._next_partner = sql.one(_next_partner())
        self._next_command = sql.one(_next_command())
        self._next_delivery = {lane: sql.one(_next_delivery(lane)) for lane in Lane}
        self._resting = sql.one(select(endpoints.c.name).where(endpoints.c.held_until > bindparam("now")))
        self._held = sql.one(select(keys.c.name, keys.c.held_until).where(is_held()))

    def counts(self, connection: Connection, now: datetime, partners: Collection[str]) -> Counts:
        """Count posts, open causes, and what waits or is dead."""
        queue, oldest = dict.fromkeys((*self._queues, UNCONFIGURED), 0), dict[str, int]()
        for name, number, since in self._waiting(connection, to_micros(now), partners):
            queue[name] += number
            if since is not None:
                oldest[name] = min(since, oldest.get(name, since))
        return Counts(
            posts={(partner, state): number for partner, state, number in self._posts.rows(connection)},
            causes=self._open(connection, partners),
            queue=queue,
            oldest={name: from_micros(since) for name, since in oldest.items()},
        )

    def _waiting(
        self, connection: Connection, now: int, partners: Collection[str]
    ) -> Iterator[tuple[str, int, int | None]]:
        """Give for each queue, in parts, how much waits and since when; a hold is no delay of anybody's."""
        resting = {name for (name,) in self._resting.rows(connection, now=now)}
        for queue, statement in self._queues.items():
            for owner, number, since in statement.rows(connection, now=now):
                gone = queue in _OF_PARTNERS and owner not in partners
                held = queue == "deliveries" and owner in resting
                yield UNCONFIGURED if gone else queue, number, None if held else since

    def _open(self, connection: Connection, partners: Collection[str]) -> dict[str, int]:
        """Count open causes by kind; that of a source is no partner's."""
        found: dict[str, int] = {}
        for kind, partner, number in self._causes.rows(connection):
            if not partner or partner in partners:
                found[kind] = found.get(kind, 0) + number
        return found

    def next_due(self, connection: Connection) -> datetime | None:
        """Return when the next command or delivery that is not leased can be claimed, holds included."""
        clock = to_micros(self._clock())
        found: list[int] = []
        for statement in self._next_delivery.values():
            rows = statement.rows(connection, clock=clock)
            found += [due_at for (due_at,) in rows if due_at is not None]
        held = dict(self._pairs(self._held, connection))
        for partner in self._partners_with_work(connection):
            rows = self._next_command.rows(connection, partner=partner, clock=clock)
            found += [max(row[0], held.get(partner, 0)) for row in rows]
        return from_micros(min(found)) if found else None

    def _pairs(self, statement: Statement, connection: Connection) -> list[tuple[str, int]]:
        return [(name, number) for name, number in statement.rows(connection)]

    def _partners_with_work(self, connection: Connection) -> Iterator[str]:
        """Jump along the index from key to key: there are few keys, and there may be many commands."""
        partner: str | None = ""
        while True:
            partner = self._next_partner.rows(connection, after=partner)[0][0]
            if partner is None:
                return
            yield partner


def _grouped(*columns: ColumnElement[str]) -> Any:
    return select(*columns, func.count()).group_by(*columns)


def _queues() -> dict[str, ClauseElement]:
    """Give for each queue how many rows wait in it, and since when the oldest does, by whom they wait for."""
    now: ColumnElement[int] = bindparam("now")
    due, parked, dead = WorkState.DUE, WorkState.PARKED, WorkState.DEAD
    nobody: ColumnElement[str] = literal_column("''")
    sent, called = deliveries.c, commands.c
    return {
        "commands": _oldest(called.partner, called.due_at)
        .where(in_state(called.state, due), called.due_at <= now)
        .group_by(called.partner),
        # By the lane, too, which is how their index goes.
        "deliveries": _oldest(sent.destination, sent.due_at)
        .where(in_state(sent.state, due), sent.due_at <= now)
        .group_by(sent.lane, sent.destination),
        "commands_parked": _oldest(called.partner, called.parked_at)
        .where(in_state(called.state, parked))
        .group_by(called.partner),
        "deliveries_dead": _oldest(nobody, sent.settled_at).where(in_state(sent.state, dead)),
        "lookups": _oldest(nobody, lookups.c.due_at).where(in_state(lookups.c.state, due), lookups.c.due_at <= now),
    }


def _oldest(owner: ColumnElement[str], since: ColumnElement[int]) -> Any:
    return select(owner, func.count(), func.min(since))


def _next_partner() -> ClauseElement:
    return select(func.min(commands.c.partner)).where(
        in_state(commands.c.state, WorkState.DUE), commands.c.partner > bindparam("after")
    )


def _next_command() -> ClauseElement:
    return (
        select(commands.c.due_at)
        .where(
            in_state(commands.c.state, WorkState.DUE),
            commands.c.partner == bindparam("partner"),
            is_free(commands),
            ~leased_beside(),
        )
        .order_by(commands.c.due_at)
        .limit(1)
    )


def _next_delivery(lane: Lane) -> ClauseElement:
    """Select for each destination with due work when it can take the first of a lane.

    Of one that is held nothing is looked at, however much waits for it: it is worth a look when its hold has ended.
    """
    line = destinations(lane)
    of_line = endpoints.c.name == line.c.destination
    held = select(endpoints.c.held_until).where(of_line, endpoints.c.held_until > bindparam("clock")).scalar_subquery()
    found = case((held.is_not(None), held), else_=first_due(lane, line.c.destination))
    return select(found).where(line.c.destination.is_not(None))
