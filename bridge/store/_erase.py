"""Erasing: what a post or an event said goes from every row that has it; that it was there stays.

What a sender says of one object later (a change, a cancel) says again what its posts say: so with an event go all that
were of the same object, under whichever of its names.

Versions go up, so whoever read a row before writes nothing of it back. What another process writes meanwhile is waited
for: rows are locked first, and what hangs on them is looked for after that, by statements that see what was written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    LargeBinary,
    and_,
    bindparam,
    case,
    cast,
    delete,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.elements import ColumnElement

from bridge.core.errors import FailureReason, StoreOvertaken
from bridge.core.inbound import STEP
from bridge.core.model import Post, WorkState, Write
from bridge.store._claims import mark_lost
from bridge.store._rows import POSTS
from bridge.store._sql import Sql, Unit
from bridge.store._statements import Among
from bridge.store._tables import (
    attempts,
    commands,
    deliveries,
    events,
    has_body,
    in_state,
    lookups,
    messages,
    objects,
    outbound_bodies,
    outbound_events,
    posts,
    word,
)
from bridge.store._types import to_micros
from bridge.store._writes import Records

_NO_BYTES: ColumnElement[bytes] = cast(literal_column("''"), LargeBinary)
_NO_OBJECT: ColumnElement[str] = literal_column("'{}'")
_NO_LIST: ColumnElement[str] = literal_column("'[]'")
_OPEN = (WorkState.DUE, WorkState.PARKED)


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is to be erased (`post_...` or `evt_...`), and when it was."""

    subject_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class _Extent:
    """What goes with a subject: events by id, and all posts of these; of a post only itself is emptied."""

    event_ids: list[str]
    posts: list[Post]
    emptied: list[Post]

    @property
    def ids(self) -> set[str]:
        """The ids of all events and posts."""
        return {*self.event_ids, *(post.id for post in self.posts)}


class Erase:
    """Empties the rows of a subject."""

    def __init__(self, sql: Sql, records: Records) -> None:
        self._records = records
        self._event = sql.one(select(events.c.source, events.c.object_id).where(events.c.id == bindparam("id")))
        self._post = sql.one(select(*POSTS.columns).where(posts.c.id == bindparam("id")))
        self._posts_of = sql.by_ids(posts.c.event_id, POSTS.columns)
        self._names = sql.one(_names())
        self._of_object = sql.listed(_of_object)
        self._open_command = sql.listed(_open_command)
        self._open_lookup = sql.listed(lambda ids: select(lookups.c.id).where(ids(lookups.c.id), _is_open(lookups)))
        # In the order in which `record` locks them.
        self._lock_posts = sql.by_ids(posts.c.id, [posts.c.id], lock=True)
        self._lock_lookups = sql.by_ids(lookups.c.id, [lookups.c.id], lock=True)
        self._lock_events = sql.by_ids(events.c.id, [events.c.id], lock=True)
        self._told_of_post = sql.by_ids(outbound_events.c.post_id, [outbound_events.c.id])
        self._told_of_event = sql.by_ids(outbound_events.c.subject, [outbound_events.c.id])
        # Locked: one that is being made due again must not be left out for what it was before.
        self._sent = sql.by_ids(deliveries.c.outbound_id, [deliveries.c.id], lock=True)
        self._kill = sql.listed(_kill)
        self._mark_lost = sql.listed(mark_lost)
        self._of_event = {
            "events": sql.listed(_empty_events),
            "lookups": sql.listed(_empty_lookups),
            "messages": sql.listed(_empty_messages),
        }
        self._of_posts = {
            "commands": sql.listed(_empty_commands),
            "attempts": sql.listed(lambda ids: _empty_attempts(attempts.c.post_id, ids)),
        }
        self._answers = sql.listed(lambda ids: _empty_attempts(attempts.c.subject_id, ids))
        self._of_told = {
            "outbound_events": sql.listed(_empty_told),
            "outbound_bodies": sql.listed(
                lambda ids: delete(outbound_bodies).where(ids(outbound_bodies.c.outbound_id))
            ),
        }

    def erase(self, unit: Unit, items: Sequence[Erasure]) -> list[dict[str, int] | None]:
        """Erase one subject after the other and say how many rows of each table were emptied.

        Raises:
            StoreOvertaken: a command or lookup of it is open, and could not go on without what it is about; or more
                was said of it meanwhile.
        """
        return [self._erase(unit, item.subject_id, to_micros(item.now)) for item in items]

    def _erase(self, unit: Unit, subject_id: str, now: int) -> dict[str, int] | None:
        found = self._held(unit.connection, subject_id)
        if found is None:
            return None
        event_ids, post_ids = found.event_ids, [post.id for post in found.emptied]
        if self._open_command.rows(unit.connection, post_ids) or self._open_lookup.rows(unit.connection, event_ids):
            raise StoreOvertaken("work on what is to be erased has begun; look again")
        told = [row[0] for row in self._told_of_post.rows(unit.connection, post_ids)]
        told += [row[0] for row in self._told_of_event.rows(unit.connection, [f"event:{one}" for one in event_ids])]
        emptied = {name: every.run(unit.connection, event_ids) for name, every in self._of_event.items()}
        emptied["posts"] = self._empty_posts(unit, found.emptied)
        emptied |= {name: every.run(unit.connection, post_ids) for name, every in self._of_posts.items()}
        emptied |= {name: every.run(unit.connection, told) for name, every in self._of_told.items()}
        sent = [row[0] for row in self._sent.rows(unit.connection, told)]
        emptied["deliveries"] = self._kill.run(unit.connection, sent, now=now)
        # One that is being made is not ours to end: what it learns is not kept.
        self._mark_lost.run(unit.connection, sent, ended=now)
        emptied["attempts"] += self._answers.run(unit.connection, sent)
        if (now_found := self._find(unit.connection, subject_id)) is None or now_found.ids != found.ids:
            raise StoreOvertaken("more was said of what is being erased; look again")
        return emptied

    def _held(self, connection: Connection, subject_id: str) -> _Extent | None:
        """Return what goes with a subject, as it is once nobody else changes any of it."""
        found = self._find(connection, subject_id)
        if found is None:
            return None
        self._lock_posts.rows(connection, sorted(post.id for post in found.emptied))
        self._lock_lookups.rows(connection, found.event_ids)
        self._lock_events.rows(connection, found.event_ids)
        return self._find(connection, subject_id)

    def concerned(self, connection: Connection, subject_id: str) -> list[Post] | None:
        """Return all posts of the events that go with a subject; None when there is no such subject."""
        found = self._find(connection, subject_id)
        return found.posts if found is not None else None

    def _find(self, connection: Connection, subject_id: str) -> _Extent | None:
        """Return what goes with a subject. The event of a post goes with it: it has all that its posts say."""
        made = [POSTS.decode(row) for row in self._post.rows(connection, id=subject_id)]
        event_id = made[0].event_id if made else subject_id
        event_ids = self._event_ids(connection, event_id)
        if not event_ids and not made:
            return None
        # What is pruned is gone, but a post may outlive its event.
        event_ids = event_ids or [event_id]
        of_these = [POSTS.decode(row) for row in self._posts_of.rows(connection, event_ids)]
        return _Extent(event_ids, of_these, made or of_these)

    def _event_ids(self, connection: Connection, event_id: str) -> list[str]:
        """Return the ids of all events of the object that an event is of, itself among them."""
        rows = self._event.rows(connection, id=event_id)
        if not rows:
            return []
        source, object_id = rows[0]
        if object_id is None:
            return [event_id]
        key = f"{source}:{object_id}"
        names = {row[0] for row in self._names.rows(connection, source=source, event_id=event_id, key=key)}
        names.add(object_id)
        return sorted({event_id, *(row[0] for row in self._of_object.rows(connection, sorted(names), source=source))})

    def _empty_posts(self, unit: Unit, made: Sequence[Post]) -> int:
        emptied = [(post, _emptied(post)) for post in made]
        changed = tuple(replace(empty, version=post.version + 1) for post, empty in emptied if empty != post)
        if self._records.record(unit, [Write(posts=changed)]) != [True]:
            raise StoreOvertaken("a post of what is being erased was changed; look again")
        return len(changed)


def _emptied(post: Post) -> Post:
    targets = tuple(replace(target, error=None) for target in post.targets)
    return replace(post, content={}, error=None, hosted=post.hosted and {}, targets=targets)


def _is_open(table: Any) -> ColumnElement[bool]:
    return in_state(table.c.state, *_OPEN)


def _names() -> ClauseElement:
    """Select the names of the object that an event is of: those that point to the event which its own name points to.

    An event that made posts is pointed to itself; a later one finds that by the name it came under.
    """
    other = objects.alias()
    pointed_to = select(other.c.event_id).where(other.c.key == bindparam("key"))
    chosen = or_(objects.c.event_id == bindparam("event_id"), objects.c.event_id == pointed_to.scalar_subquery())
    return select(objects.c.id).where(objects.c.source == bindparam("source"), chosen)


def _of_object(names: Among) -> ClauseElement:
    return select(events.c.id).where(names(events.c.object_id), events.c.source == bindparam("source"))


def _open_command(ids: Among) -> ClauseElement:
    return select(commands.c.id).where(ids(commands.c.post_id), _is_open(commands)).limit(1)


def _empty_events(ids: Among) -> ClauseElement:
    own = events.c
    # A reason of several words is the text of an error, which quotes; the others are words of ours, with an id at most.
    quotes = own.reason.like("% % %")
    full = or_(
        has_body(own.body), own.request != _NO_OBJECT, own.warnings != _NO_LIST, own.headers.is_not(None), quotes
    )
    reason = case((quotes, word(FailureReason.ERASED)), else_=own.reason)
    nothing = {"body": _NO_BYTES, "request": _NO_OBJECT, "warnings": _NO_LIST, "reason": reason, "headers": null()}
    empty = update(events).values(**nothing)
    return empty.where(ids(own.id), full)


def _empty_lookups(ids: Among) -> ClauseElement:
    own = lookups.c
    empty = update(lookups).values(wanted=_NO_OBJECT, detail=null(), version=own.version + 1)
    return empty.where(ids(own.id), or_(own.wanted != _NO_OBJECT, own.detail.is_not(None)))


def _empty_messages(ids: Among) -> ClauseElement:
    """Take from messages in chats where to answer, which is a secret; what they said was never kept.

    The token of a step that has not ended stays: with it the step is told that all was erased, or it would hang for
    ever. Then it is emptied, too.
    """
    own = messages.c
    empty = update(messages).values(address="", address_until=null(), version=own.version + 1)
    return empty.where(ids(own.event_id), own.address != "", own.kind != STEP)


def _empty_commands(ids: Among) -> ClauseElement:
    own = commands.c
    full = or_(own.payload != _NO_OBJECT, *(one.is_not(None) for one in (own.body, own.progress, own.detail)))
    gone = {"payload": _NO_OBJECT, "body": null(), "progress": null(), "detail": null()}
    return update(commands).values(**gone, version=own.version + 1).where(ids(own.post_id), full)


def _empty_attempts(column: ColumnElement[Any], ids: Among) -> ClauseElement:
    full = or_(attempts.c.detail.is_not(None), attempts.c.answer.is_not(None))
    return update(attempts).values(detail=null(), answer=null()).where(ids(column), full)


def _empty_told(ids: Among) -> ClauseElement:
    return (
        update(outbound_events)
        .values(body=_NO_BYTES)
        .where(and_(ids(outbound_events.c.id), has_body(outbound_events.c.body)))
    )


def _kill(ids: Among) -> ClauseElement:
    ended = {"state": word(WorkState.DEAD), "reason": word(FailureReason.ERASED), "settled_at": bindparam("now")}
    killed = update(deliveries).values(**ended, lease_until=null(), version=deliveries.c.version + 1)
    return killed.where(ids(deliveries.c.id), in_state(deliveries.c.state, WorkState.DUE))
