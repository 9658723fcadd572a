"""Replay jobs: what is told again, found on a reading connection and made due a few at a time.

A look through a long table must not hold up writes, so what a job would send next is looked for first; the write asks
again whether each of it may still be sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, exists, func, or_, select
from sqlalchemy.sql import ClauseElement

from bridge.core import formats
from bridge.core.endpoints import wants, was_there
from bridge.core.model import Endpoint, Lane, OutboundEvent, Replay, WorkState, Write
from bridge.ports import Due, Find
from bridge.store._filters import delivery_conditions, replay_conditions
from bridge.store._plan import Told, first_delivery_id
from bridge.store._rows import ENDPOINTS, OUTBOUND, REPLAYS
from bridge.store._settle import Settles
from bridge.store._sql import Sql, Unit
from bridge.store._statements import Among
from bridge.store._tables import deliveries, endpoints, has_body, in_state, outbound_events, replays
from bridge.store._types import from_micros, to_micros
from bridge.store._writes import Records

_MOST_COUNTED = 100_000
_PAGE = 500
_MOST_PAGES = 20
"""How many pages of events one look goes through when it finds little."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a job sends next: ids of deliveries, or of outbound events when it is for what was missed.

    `cursor` is the id that was looked at last; `ended` says that nothing comes after it.
    """

    job: Replay
    ids: tuple[str, ...]
    cursor: str
    ended: bool


class Replays:
    """Finds what jobs send, and makes it due."""

    def __init__(self, sql: Sql, records: Records, settles: Settles) -> None:
        self._sql = sql
        self._records = records
        self._settles = settles
        self._endpoint = sql.one(select(*ENDPOINTS.columns).where(endpoints.c.name == bindparam("name")))
        self._born = sql.one(select(outbound_events.c.created_at).where(outbound_events.c.id == bindparam("id")))
        self._version = sql.by_ids(replays.c.id, [replays.c.version], lock=True)
        self._page = sql.one(_told_after())
        # Locked: what is erased at the same moment is erased first, or with what is made of it here.
        self._events = sql.by_ids(outbound_events.c.id, OUTBOUND.columns, lock=True)
        self._sent = sql.listed(_sent)
        self._due_again = sql.one(_due_again())

    def jobs(self, connection: Connection, find: Find) -> list[Replay]:
        """Return jobs, newest first; `state` and `key` (the id) filter."""
        found = select(*REPLAYS.columns).where(*replay_conditions(find)).order_by(replays.c.id.desc()).limit(find.limit)
        return [REPLAYS.decode(row) for row in self._sql.one(found).rows(connection)]

    def due_again(self, connection: Connection, now: datetime) -> dict[str, int]:
        """Count what is due in the second lane, by endpoint."""
        return dict(map(tuple, self._due_again.rows(connection, now=to_micros(now))))

    def count(self, connection: Connection, job: Replay) -> int:
        """Count what a job would send, up to a number."""
        if job.missed:
            return len(self._missed(connection, job, _MOST_COUNTED, pages=_MOST_COUNTED).ids)
        settled = _settled(job, _MOST_COUNTED).subquery()
        return int(self._sql.one(select(func.count()).select_from(settled)).rows(connection)[0][0])

    def find(self, connection: Connection, job: Replay, limit: int) -> Found:
        """Look for the next at most `limit` of what a job sends."""
        if job.missed:
            return self._missed(connection, job, limit, pages=_MOST_PAGES)
        ids = tuple(row[0] for row in self._sql.one(_settled(job, limit)).rows(connection))
        return Found(job, ids, cursor=ids[-1] if ids else job.cursor, ended=len(ids) < limit)

    def send(self, unit: Unit, items: Sequence[tuple[Found, datetime]]) -> list[Replay | None]:
        """Make due what was found, at the instant beside it, and move the jobs on."""
        return [self._send(unit, found, now) for found, now in items]

    def _send(self, unit: Unit, found: Found, now: datetime) -> Replay | None:
        job = found.job
        self._records.keep_endpoints(unit)
        if self._version.rows(unit.connection, [job.id]) != [(job.version,)]:
            return None
        endpoint = self._records.endpoints(unit).get(job.find.get("destination", ""))
        if "destination" in job.find and (endpoint is None or not _takes(endpoint, job)):
            return None
        if job.missed and endpoint is not None:
            sent, skipped = self._send_missed(unit, found, endpoint, now)
        else:
            sendable = self._settles.sendable(unit, found.ids)
            sent, skipped = self._settles.send_again(unit, sendable, now), len(found.ids) - len(sendable)
        changes: dict[str, Any] = {"cursor": found.cursor, "sent": job.sent + sent, "skipped": job.skipped + skipped}
        if found.ended:
            changes |= {"state": WorkState.DONE, "settled_at": now}
        job = replace(job, version=job.version + 1, **changes)
        self._records.record(unit, [Write(replays=(job,))])
        return job

    def _send_missed(self, unit: Unit, found: Found, endpoint: Endpoint, now: datetime) -> tuple[int, int]:
        """Make what an endpoint missed due: anew what died, and for the first time what was never meant for it.

        Return how many that were, and how many it wants no more, or may not be told any more.
        """
        looked_at = [OUTBOUND.decode(row) for row in self._events.rows(unit.connection, found.ids)]
        events = [event for event in looked_at if wants(endpoint, event)]
        made, told = self._made(unit.connection, events, endpoint), Told()
        for event in events:
            if event.body and event.id not in made:
                told.add_late(event, endpoint, now)
        self._records.send(unit, told)
        if told.deliveries:
            unit.made_due |= Due.DELIVERIES
        dead = [one for one, state in made.values() if state == WorkState.DEAD]
        sent = len(told.deliveries) + self._settles.send_again(unit, dead, now)
        return sent, len(looked_at) - len(events)

    def _missed(self, connection: Connection, job: Replay, limit: int, *, pages: int) -> Found:
        """Go through outbound events, oldest first, until so many were missed or so many pages were looked at."""
        rows = self._endpoint.rows(connection, name=job.find["destination"])
        if not rows:
            return Found(job, (), job.cursor, ended=True)
        endpoint, at, cursor = ENDPOINTS.decode(rows[0]), self._start(connection, job), job.cursor
        ids: list[str] = []
        for _ in range(pages):
            page = self._events_after(connection, at, cursor, job.until)
            ids += self._missed_of(connection, page, endpoint)[: limit - len(ids)]
            if len(ids) == limit:
                return Found(job, tuple(ids), ids[-1], ended=False)
            if page:
                at, cursor = page[-1].created_at, page[-1].id
            if len(page) < _PAGE:
                return Found(job, tuple(ids), cursor, ended=True)
        return Found(job, tuple(ids), cursor, ended=False)

    def _start(self, connection: Connection, job: Replay) -> datetime:
        """Return the time of the event that was looked at last; when it is gone, what is left is looked at anew."""
        rows = self._born.rows(connection, id=job.cursor) if job.cursor else []
        return from_micros(rows[0][0]) if rows else datetime.fromisoformat(job.find["since"])

    def _events_after(self, connection: Connection, at: datetime, cursor: str, until: datetime) -> list[OutboundEvent]:
        values = {"at": to_micros(at), "cursor": cursor, "until": to_micros(until), "most": _PAGE}
        return [OUTBOUND.decode(row) for row in self._page.rows(connection, **values)]

    def _missed_of(self, connection: Connection, events: Sequence[OutboundEvent], endpoint: Endpoint) -> list[str]:
        wanted = [event for event in events if wants(endpoint, event)]
        made = self._made(connection, wanted, endpoint)
        return [
            event.id
            for event in wanted
            if (made[event.id][1] == WorkState.DEAD if event.id in made else formats.body(endpoint.format, event))
        ]

    def _made(
        self, connection: Connection, events: Sequence[OutboundEvent], endpoint: Endpoint
    ) -> dict[str, tuple[str, str]]:
        """Return id and state of the deliveries that an endpoint has of these events, by the event's id.

        What an earlier endpoint of its name has is not its own.
        """
        since = to_micros(endpoint.created_at) if endpoint.created_at is not None else 0
        ids = [event.id for event in events]
        rows = self._sent.rows(connection, ids, destination=endpoint.name, since=since)
        return {row[0]: (row[1], row[2]) for row in rows}


def _takes(endpoint: Endpoint, job: Replay) -> bool:
    return endpoint.enabled and was_there(endpoint, job.created_at)


def _settled(job: Replay, limit: int) -> Select[Any]:
    """Select the next settled deliveries that a job is for, of endpoints that take something, oldest first."""
    asked = dict(job.find)
    since, until = (datetime.fromisoformat(asked.pop(name)) if name in asked else None for name in ("since", "until"))
    own, told = deliveries.c, outbound_events.c
    after = own.id > (job.cursor or (first_delivery_id(since) if since else ""))
    is_its_own = or_(endpoints.c.created_at.is_(None), endpoints.c.created_at <= own.created_at)
    takes = exists().where(endpoints.c.name == own.destination, endpoints.c.enabled, is_its_own)
    return (
        select(own.id)
        .join(outbound_events, told.id == own.outbound_id)
        .where(after, own.id < first_delivery_id(min(job.until, until or job.until)), takes, has_body(told.body))
        .where(in_state(own.state, WorkState.DONE, WorkState.DEAD), *delivery_conditions(Find(**asked)))
        .order_by(own.id)
        .limit(limit)
    )


def _told_after() -> ClauseElement:
    told = outbound_events.c
    is_later = or_(
        told.created_at > bindparam("at"), and_(told.created_at == bindparam("at"), told.id > bindparam("cursor"))
    )
    return (
        select(*OUTBOUND.columns)
        .where(told.created_at >= bindparam("at"), told.created_at < bindparam("until"), is_later, has_body(told.body))
        .order_by(told.created_at, told.id)
        .limit(bindparam("most"))
    )


def _sent(ids: Among) -> ClauseElement:
    own = deliveries.c
    chosen = ids(own.outbound_id), own.destination == bindparam("destination")
    return select(own.outbound_id, own.id, own.state).where(*chosen, own.created_at >= bindparam("since"))


def _due_again() -> ClauseElement:
    own = deliveries.c
    is_due = in_state(own.state, WorkState.DUE), in_state(own.lane, Lane.AGAIN), own.due_at <= bindparam("now")
    return select(own.destination, func.count()).where(*is_due).group_by(own.destination)
