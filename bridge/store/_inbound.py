"""What is remembered of senders: their objects, what has yet to be fetched from them, and where their feeds stand."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.sql import ClauseElement

from bridge.core.model import FeedState, Lookup, SourceObject, WorkState
from bridge.ports import Clock
from bridge.store._claims import is_free
from bridge.store._rows import FEEDS, LOOKUPS, OBJECTS
from bridge.store._sql import Sql
from bridge.store._statements import Among
from bridge.store._tables import in_state, lookups, objects
from bridge.store._types import to_micros


class Inbound:
    """Reads rows of `bridge.core.inbound`; every method takes the connection first."""

    def __init__(self, sql: Sql, clock: Clock) -> None:
        self._clock = clock
        own = select(*OBJECTS.columns).where(objects.c.source == bindparam("source"))
        self._by_key = sql.listed(lambda keys: own.where(keys(objects.c.key)))
        self._due_lookups = sql.listed(due_lookups)
        self._feeds = sql.one(select(*FEEDS.columns))

    def objects(self, connection: Connection, source: str, ids: Collection[str]) -> list[SourceObject]:
        """Return objects of a source by their ids, each once, by key."""
        rows = self._by_key.rows(connection, [f"{source}:{of}" for of in ids], source=source)
        found = {row.key: row for row in map(OBJECTS.decode, rows)}
        return [found[key] for key in sorted(found)]

    def due_lookups(
        self, connection: Connection, now: datetime, limit: int, skip: Collection[str] = ()
    ) -> list[Lookup]:
        """Return lookups that are due and not leased, oldest due first; none of the sources `skip`."""
        values = {"now": to_micros(now), "clock": to_micros(self._clock()), "most": limit}
        # No source is called "": the list may not be empty.
        rows = self._due_lookups.rows(connection, skip or ("",), **values)
        return [LOOKUPS.decode(row) for row in rows]

    def feeds(self, connection: Connection) -> dict[str, FeedState]:
        """Return where the sweeps of feeds stand, by source."""
        return {feed.source: feed for feed in map(FEEDS.decode, self._feeds.rows(connection))}


def due_lookups(skipped: Among) -> ClauseElement:
    """Select what may be fetched now, for all sources but these."""
    is_due = in_state(lookups.c.state, WorkState.DUE), lookups.c.due_at <= bindparam("now"), is_free(lookups)
    return (
        select(*LOOKUPS.columns)
        .where(*is_due, ~skipped(lookups.c.source))
        .order_by(lookups.c.due_at)
        .limit(bindparam("most"))
    )
