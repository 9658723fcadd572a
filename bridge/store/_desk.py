"""The desk: `bridge.ports.desk.Desk` over any engine."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, delete, func, literal_column, select, update

from bridge.core.auditing import Note
from bridge.core.sessions import Session
from bridge.core.tallies import Tally, added_up
from bridge.ports import Find
from bridge.store._filters import note_conditions
from bridge.store._group import GroupCommit, Operation
from bridge.store._people import audit, sessions, tallies
from bridge.store._rows import NOTES, SESSIONS, TALLIES
from bridge.store._sql import Sql, Unit
from bridge.store._statements import Given
from bridge.store._tables import events
from bridge.store._types import to_micros

_LOOKED_AT = 10_000
"""Events among which the newest of each source is looked for: all that there ever were would take too long."""


class SqlDesk:
    """Sessions, notes and tallies. Writes go through group commit.

    Args:
        sql: makes the statements.
        group: writes.
        read: runs what it is given with a connection and further values, on a reader.
    """

    def __init__(self, sql: Sql, group: GroupCommit, read: Callable[..., Awaitable[Any]]) -> None:
        self._group, self._read, self._rows = group, read, _Rows(sql)
        self._begin = Operation(self._rows.begin)
        self._end = Operation(self._rows.end)
        self._note = Operation(self._rows.note)
        self._end_note = Operation(self._rows.end_note)
        # Last, for every process wants the row of this minute.
        self._tally = Operation(self._rows.tally, rank=2)

    async def begin_session(self, session: Session) -> None:
        """See `bridge.ports.desk.Desk.begin_session`."""
        await self._group.submit(self._begin, [session])

    async def session(self, id: str, now: datetime) -> Session | None:  # noqa: A002
        """See `bridge.ports.desk.Desk.session`."""
        found: Session | None = await self._read(self._rows.session, id, now)
        return found

    async def end_session(self, id: str) -> None:  # noqa: A002
        """See `bridge.ports.desk.Desk.end_session`."""
        await self._group.submit(self._end, [id])

    async def note(self, note: Note) -> None:
        """See `bridge.ports.desk.Desk.note`."""
        await self._group.submit(self._note, [note])

    async def end_note(self, id: str, outcome: int, subject: str = "") -> None:  # noqa: A002
        """See `bridge.ports.desk.Desk.end_note`."""
        await self._group.submit(self._end_note, [(id, outcome, subject)])

    async def notes(self, find: Find) -> list[Note]:
        """See `bridge.ports.desk.Desk.notes`."""
        found: list[Note] = await self._read(self._rows.notes, find)
        return found

    async def newest(self) -> dict[str, str]:
        """See `bridge.ports.desk.Desk.newest`."""
        found: dict[str, str] = await self._read(self._rows.newest)
        return found

    async def tally(self, tallies: Sequence[Tally]) -> None:
        """See `bridge.ports.desk.Desk.tally`."""
        if tallies:
            await self._group.submit(self._tally, [tallies])

    async def tallied(self, since: datetime) -> list[Tally]:
        """See `bridge.ports.desk.Desk.tallied`."""
        found: list[Tally] = await self._read(self._rows.tallied, since)
        return found


class _Rows:
    """Reads and writes the rows; every method takes the connection, or the unit of work, first."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        is_it: ColumnElement[bool] = sessions.c.id == bindparam("of")
        self._session = sql.one(select(*SESSIONS.columns).where(is_it, sessions.c.until > bindparam("now")))
        self._begin, self._note = sql.insert(sessions), sql.insert(audit)
        self._end = sql.each([sessions.c.id], lambda given: delete(sessions).where(sessions.c.id == given["id"]))
        self._end_note = sql.each(
            [audit.c.id, audit.c.outcome, audit.c.subject],
            lambda given: update(audit).values(_ended(given)).where(audit.c.id == given["id"]),
        )
        self._tally = sql.add_up(tallies, "count")
        self._newest = sql.one(_newest())
        in_order = tallies.c.minute, tallies.c.what, tallies.c.outcome
        since = tallies.c.minute >= bindparam("since")
        self._tallied = sql.one(select(*TALLIES.columns).where(since).order_by(*in_order))

    def begin(self, unit: Unit, items: Sequence[Session]) -> list[None]:
        self._begin.many(unit.connection, [SESSIONS.encode(one) for one in items])
        return [None] * len(items)

    def session(self, connection: Connection, of: str, now: datetime) -> Session | None:
        rows = self._session.rows(connection, of=of, now=to_micros(now))
        return SESSIONS.decode(rows[0]) if rows else None

    def end(self, unit: Unit, items: Sequence[str]) -> list[None]:
        self._end.many(unit.connection, [(one,) for one in items])
        return [None] * len(items)

    def note(self, unit: Unit, items: Sequence[Note]) -> list[None]:
        self._note.many(unit.connection, [NOTES.encode(one) for one in items])
        return [None] * len(items)

    def end_note(self, unit: Unit, items: Sequence[tuple[str, int, str]]) -> list[None]:
        self._end_note.many(unit.connection, items)
        return [None] * len(items)

    def notes(self, connection: Connection, find: Find) -> list[Note]:
        found = select(*NOTES.columns).where(*note_conditions(find)).order_by(audit.c.id.desc()).limit(find.limit)
        return [NOTES.decode(tuple(row)) for row in self._sql.one(found).rows(connection)]

    def newest(self, connection: Connection) -> dict[str, str]:
        return {row[0]: row[1] for row in self._newest.rows(connection)}

    def tally(self, unit: Unit, items: Sequence[Sequence[Tally]]) -> list[None]:
        # In one order, so that no two processes wait for each other.
        rows = [TALLIES.encode(one) for one in added_up(one for several in items for one in several)]
        self._tally.many(unit.connection, rows)
        return [None] * len(items)

    def tallied(self, connection: Connection, since: datetime) -> list[Tally]:
        return [TALLIES.decode(row) for row in self._tallied.rows(connection, since=to_micros(since))]


def _ended(given: Given) -> dict[str, Any]:
    subject = case((given["subject"] != "", given["subject"]), else_=audit.c.subject)
    return {"outcome": given["outcome"], "subject": subject}


def _newest() -> Any:
    latest = select(events.c.source, events.c.id).order_by(events.c.id.desc()).limit(literal_column(str(_LOOKED_AT)))
    found = latest.subquery()
    return select(found.c.source, func.max(found.c.id)).group_by(found.c.source)
