"""Retention: ended history goes, children before parents, in small lists.

A table is gone through once, from its oldest row on: each look begins where the one before it ended, and what had to
stay is not looked at again. So the work grows with what is old, and not with its square.

What may go is looked for on a reading connection, because a look through a long table must not hold up writes; it is
asked again in the write, so that a post that came back to life in between keeps everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Delete,
    Table,
    Update,
    and_,
    bindparam,
    delete,
    exists,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.sql import ClauseElement, FromClause
from sqlalchemy.sql.elements import ColumnElement

from bridge.core.model import WorkState
from bridge.store._forget import Forget
from bridge.store._people import audit, sessions, tallies
from bridge.store._sql import Sql, Unit
from bridge.store._statements import Each, Given, Statement
from bridge.store._tables import (
    attempts,
    commands,
    deliveries,
    events,
    in_state,
    lookups,
    messages,
    outbound_bodies,
    outbound_events,
    posts,
    replays,
)
from bridge.store._types import to_micros

_old, _live, _work = posts.alias("old"), posts.alias("live"), commands.alias("work")
_asked = events.alias("asked")
_OPEN = (WorkState.DUE, WorkState.PARKED)


_TABLES: dict[str, Table] = {
    "command_attempts": attempts,
    "delivery_attempts": attempts,
    "deliveries": deliveries,
    "outbound_bodies": outbound_bodies,
    "outbound_events": outbound_events,
    "commands": commands,
    "posts": posts,
    "lookups": lookups,
    "addresses": messages,
    "messages": messages,
    "events": events,
    "replays": replays,
    "sessions": sessions,
    "audit": audit,
    "tallies": tallies,
}

_TALLIES_KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Limits:
    """Before when history is old: events (in and out), attempts, posts; `now` is when what had an end is over.

    `audit` is the same for notes of the audit log, None when all stay.
    """

    events: datetime
    attempts: datetime
    posts: datetime
    now: datetime
    audit: datetime | None = None

    def values(self) -> dict[str, int]:
        """Return the limits as the statements take them."""
        return {
            "now": to_micros(self.now),
            "audit_before": to_micros(self.audit) if self.audit is not None else 0,
            "tallies_before": to_micros(self.now - _TALLIES_KEPT),
            "events_before": to_micros(self.events),
            "attempts_before": to_micros(self.attempts),
            "posts_before": to_micros(self.posts),
            # What belongs to a post goes with it, however long the like is kept otherwise.
            "events_horizon": to_micros(max(self.events, self.posts)),
            "attempts_horizon": to_micros(max(self.attempts, self.posts)),
        }


@dataclass(frozen=True, slots=True)
class Doomed:
    """Rows of one table that may go, by primary key; `reached` is the age of the youngest, as it is stored."""

    table: str
    keys: tuple[tuple[Any, ...], ...]
    limits: Limits
    reached: int


class Prune:
    """Finds and deletes old rows; `tables` is the order to go through."""

    tables = tuple(_TABLES)

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self._forget = Forget(sql)

    def find(self, connection: Connection, name: str, limits: Limits, limit: int, since: int = 0) -> Doomed:
        """Look for at most `limit` rows of a table that may go, the oldest first, and for none older than `since`."""
        find, _ = self._statements[name]
        rows = find.rows(connection, most=limit, since=since, **limits.values())
        return Doomed(name, tuple(tuple(row[:-1]) for row in rows), limits, rows[-1][-1] if rows else since)

    def delete(self, unit: Unit, items: Sequence[Doomed]) -> list[int]:
        """Delete rows that may still go; answer how many went."""
        return [self._delete(unit, item) for item in items]

    def _delete(self, unit: Unit, item: Doomed) -> int:
        (_, statement), limits = self._statements[item.table], item.limits.values()
        if item.table != "posts":
            return statement.many(unit.connection, item.keys, **limits)
        ids = [key[0] for key in item.keys]
        known = self._forget.posts(unit, ids)
        gone = statement.many(unit.connection, item.keys, **limits)
        kept = self._forget.posts(unit, ids) if gone < len(known) else {}
        self._forget.objects(unit, [post for post_id, post in known.items() if post_id not in kept])
        return gone

    @cached_property
    def _statements(self) -> dict[str, tuple[Statement, Each]]:
        """Per table, what finds rows and what deletes them; made when they are first needed, which is seldom."""
        made: dict[str, tuple[Statement, Each]] = {}
        looks = _looks()
        for name, condition in _conditions().items():
            table = _TABLES[name]
            key = list(table.primary_key.columns)
            where, age, horizon = looks[name]
            look = select(*key, age).select_from(where).where(age >= bindparam("since"), age < bindparam(horizon))
            find = self._sql.one(look.where(condition).order_by(age).limit(bindparam("most")))
            change = _without_address() if name == "addresses" else delete(table)
            made[name] = (find, self._sql.each(key, partial(_named, change.where(condition), key)))
        return made


def _named(change: "Update | Delete", key: Sequence[Column[Any]], given: Given) -> ClauseElement:
    return change.where(*(column == given[column.name] for column in key))


def _without_address() -> Update:
    """Empty where a message is answered, a secret that is of no use any more, though the message stays."""
    own = messages.c
    return update(messages).values(address="", address_until=null(), version=own.version + 1)


def _looks() -> dict[str, tuple[FromClause, ColumnElement[int], str]]:
    """Say for each table where to look: along an index of age, from the oldest on, up to a horizon."""
    told = outbound_events.alias("told")
    sent = deliveries.join(told, told.c.id == deliveries.c.outbound_id)
    bodies = outbound_bodies.join(told, told.c.id == outbound_bodies.c.outbound_id)
    return {
        "command_attempts": (attempts, attempts.c.started_at, "attempts_horizon"),
        "delivery_attempts": (attempts, attempts.c.started_at, "attempts_horizon"),
        "deliveries": (sent, told.c.created_at, "events_horizon"),
        "outbound_bodies": (bodies, told.c.created_at, "events_horizon"),
        "outbound_events": (outbound_events, outbound_events.c.created_at, "events_horizon"),
        "commands": (commands.join(posts, posts.c.id == commands.c.post_id), posts.c.ended_at, "posts_before"),
        "posts": (posts, posts.c.ended_at, "posts_before"),
        "lookups": (lookups, lookups.c.settled_at, "events_before"),
        "addresses": (messages, messages.c.address_until, "now"),
        "messages": (messages.join(events, events.c.id == messages.c.event_id), events.c.received_at, "events_before"),
        "events": (events, events.c.received_at, "events_before"),
        "replays": (replays, replays.c.settled_at, "events_before"),
        "sessions": (sessions, sessions.c.until, "now"),
        "audit": (audit, audit.c.at, "audit_before"),
        "tallies": (tallies, tallies.c.minute, "tallies_before"),
    }


def _conditions() -> dict[str, ColumnElement[bool]]:
    """Say for each table which rows may go; the order is children first.

    A post is alive until it has ended, is not read any more, and has no open command. Nothing of a live post goes.
    """
    told = outbound_events.c
    sent = _there_is(deliveries.c.outbound_id == told.id)
    old_event = and_(told.created_at < bindparam("events_before"), _is_quiet(told.post_id))
    event_may_go = or_(old_event, _is_old_post(told.post_id))
    settled = ~in_state(deliveries.c.state, *_OPEN)
    old_attempt = attempts.c.started_at < bindparam("attempts_before")
    delivery_may_go = _there_is(told.id == deliveries.c.outbound_id, event_may_go)
    of_open_post = _there_is(
        deliveries.c.id == attempts.c.subject_id,
        or_(~settled, _there_is(told.id == deliveries.c.outbound_id, ~_is_quiet(told.post_id))),
    )
    of_doomed_delivery = _there_is(deliveries.c.id == attempts.c.subject_id, settled, delivery_may_go)
    of_post = attempts.c.post_id.is_not(None)
    return {
        "command_attempts": and_(
            of_post, or_(and_(old_attempt, _is_quiet(attempts.c.post_id)), _is_old_post(attempts.c.post_id))
        ),
        "delivery_attempts": and_(~of_post, or_(and_(old_attempt, ~of_open_post), of_doomed_delivery)),
        "deliveries": and_(settled, delivery_may_go, ~_there_is(attempts.c.subject_id == deliveries.c.id)),
        "outbound_bodies": _there_is(told.id == outbound_bodies.c.outbound_id, event_may_go, ~sent),
        "outbound_events": and_(event_may_go, ~sent, ~_there_is(outbound_bodies.c.outbound_id == outbound_events.c.id)),
        "commands": and_(_is_old_post(commands.c.post_id), ~_there_is(attempts.c.subject_id == commands.c.id)),
        "posts": and_(
            _is_over(posts, bindparam("posts_before")),
            ~_there_is(commands.c.post_id == posts.c.id),
            ~_there_is(outbound_events.c.post_id == posts.c.id),
        ),
        "lookups": and_(~in_state(lookups.c.state, *_OPEN), lookups.c.settled_at < bindparam("events_before")),
        "addresses": and_(messages.c.address != "", messages.c.address_until < bindparam("now")),
        "messages": _there_is(_asked.c.id == messages.c.event_id, _is_old_intent(_asked)),
        "events": and_(_is_old_intent(events), ~_there_is(messages.c.event_id == events.c.id)),
        "replays": and_(~in_state(replays.c.state, *_OPEN), replays.c.settled_at < bindparam("events_before")),
        "sessions": sessions.c.until < bindparam("now"),
        "audit": audit.c.at < bindparam("audit_before"),
        "tallies": tallies.c.minute < bindparam("tallies_before"),
    }


def _there_is(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Say that there is such a row, to be asked of one row after the other.

    Without the offset PostgreSQL may join instead, and read all of a long table to answer for a few rows of another.
    """
    return exists(select(literal_column("1")).where(*conditions).offset(literal_column("0")))


def _is_old_intent(event: FromClause) -> ColumnElement[bool]:
    """Say that an event has come to its end, apart from the messages that follow it."""
    return and_(
        event.c.received_at < bindparam("events_before"),
        ~_there_is(posts.c.event_id == event.c.id),
        ~_there_is(lookups.c.id == event.c.id),
        or_(event.c.key.is_(None), event.c.key_until.is_(None), event.c.key_until < bindparam("events_before")),
    )


def _has_open_command(post_id: ColumnElement[str]) -> ColumnElement[bool]:
    return _there_is(_work.c.post_id == post_id, in_state(_work.c.state, *_OPEN))


def _is_over(post: FromClause, before: ColumnElement[int]) -> ColumnElement[bool]:
    return and_(post.c.ended_at < before, post.c.poll_at.is_(None), ~_has_open_command(post.c.id))


def _is_old_post(post_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Say that there is such a post and that it may go."""
    return _there_is(_old.c.id == post_id, _is_over(_old, bindparam("posts_before")))


def _is_quiet(post_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Say that there is no such post, or that it is not alive."""
    alive = or_(_live.c.ended_at.is_(None), _live.c.poll_at.is_not(None), _has_open_command(_live.c.id))
    return ~_there_is(_live.c.id == post_id, alive)
