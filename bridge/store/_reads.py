"""What the store answers: reads of one connection in one snapshot."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select
from sqlalchemy.sql import ClauseElement

from bridge.core.model import (
    Account,
    Attempt,
    Cause,
    Command,
    CommandKind,
    Delivery,
    Endpoint,
    Event,
    Key,
    Message,
    OutboundEvent,
    Post,
    PostState,
    WorkState,
)
from bridge.ports import ClaimedCommand, Find, Timeline
from bridge.store._filters import (
    delivery_conditions,
    event_conditions,
    is_wanted,
    needs_look,
    post_conditions,
    told_conditions,
)
from bridge.store._rows import (
    ACCOUNTS,
    ATTEMPTS,
    CAUSES,
    COMMANDS,
    DELIVERIES,
    ENDPOINTS,
    EVENTS,
    KEYS,
    MESSAGES,
    OUTBOUND,
    POSTS,
    Codec,
    Row,
)
from bridge.store._sql import Sql
from bridge.store._statements import Statement
from bridge.store._tables import attempts, commands, deliveries, in_state, messages, outbound_events, posts
from bridge.store._types import to_micros

_PAGE_LOOKED_AT = 200
_MOST_WAITING = 1_000
_KEPT: Mapping[str, tuple[PostState, ...]] = {
    "account": (PostState.ACCEPTED, PostState.PARKED, PostState.SCHEDULED, PostState.PENDING),
    "key": (PostState.ACCEPTED, PostState.PARKED),
}
"""By kind of cause, the states of posts that it keeps beside what is parked for it."""


class Reads:
    """Reads nouns; every method takes the connection first."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self._posts_by_id = sql.by_ids(posts.c.id, POSTS.columns)
        self._posts_of_event = sql.one(
            select(*POSTS.columns)
            .where(posts.c.event_id == bindparam("of"))
            .order_by(posts.c.created_at, posts.c.place, posts.c.id)
        )
        self._event = _one_by(sql, EVENTS, "id")
        self._commands_of = _one_by(sql, COMMANDS, "post_id", "number")
        self._attempts_of_post = _one_by(sql, ATTEMPTS, "post_id")
        self._attempts_of = sql.by_ids(attempts.c.subject_id, ATTEMPTS.columns)
        self._outbound = _one_by(sql, OUTBOUND, "id")
        self._outbound_of_post = _one_by(sql, OUTBOUND, "post_id", "sequence")
        self._delivery = _one_by(sql, DELIVERIES, "id")
        self._deliveries_of = sql.by_ids(deliveries.c.outbound_id, DELIVERIES.columns)
        self._post_id = sql.one(
            select(posts.c.id).where(
                posts.c.partner == bindparam("partner"), posts.c.partner_id == bindparam("partner_id")
            )
        )
        self._post_ids = sql.listed(
            lambda items: select(posts.c.partner_id, posts.c.id).where(
                posts.c.partner == bindparam("partner"), items(posts.c.partner_id)
            )
        )
        self._tracked = sql.one(_tracked())
        self._parked = sql.one(_parked())
        self._parked_for = sql.one(_parked_for())
        self._unsure = sql.one(_unsure())
        self._messages = sql.by_ids(messages.c.id, MESSAGES.columns)
        self._messages_of = _one_by(sql, MESSAGES, "event_id", "created_at", "id")
        self._all = {codec: sql.one(select(*codec.columns)) for codec in (ACCOUNTS, KEYS, CAUSES, ENDPOINTS)}

    def tracked(self, connection: Connection, partner: str, now: datetime, limit: int) -> list[Post]:
        """Return posts whose `poll_at` has come, most due first."""
        rows = self._tracked.rows(connection, partner=partner, now=to_micros(now), most=limit)
        return [POSTS.decode(row) for row in rows]

    def posts(self, connection: Connection, ids: Collection[str]) -> dict[str, Post]:
        """Return posts by id."""
        found = (POSTS.decode(row) for row in self._posts_by_id.rows(connection, ids))
        return {post.id: post for post in found}

    def post_id(self, connection: Connection, partner: str, partner_id: str) -> str | None:
        """Return our id of a partner's post."""
        rows = self._post_id.rows(connection, partner=partner, partner_id=partner_id)
        return rows[0][0] if rows else None

    def post_ids(self, connection: Connection, partner: str, partner_ids: Collection[str]) -> dict[str, str]:
        """Return our ids of a partner's posts, by its ids."""
        return {row[0]: row[1] for row in self._post_ids.rows(connection, partner_ids, partner=partner)}

    def find_posts(self, connection: Connection, find: Find) -> list[Post]:
        """Return a page of posts, newest first."""
        conditions = post_conditions(find)
        size = find.limit if not needs_look(find) else max(find.limit, _PAGE_LOOKED_AT)
        found: list[Post] = []
        before: str | None = None
        while True:
            further = [] if before is None else [posts.c.id < before]
            page = self._page(connection, POSTS, [*conditions, *further], size)
            found += [post for post in page if is_wanted(post, find)]
            if len(found) >= find.limit or len(page) < size:
                return found[: find.limit]
            before = page[-1].id

    def find_events(self, connection: Connection, find: Find) -> list[Event]:
        """Return a page of events, newest first."""
        return self._page(connection, EVENTS, event_conditions(find), find.limit)

    def find_deliveries(self, connection: Connection, find: Find) -> list[Delivery]:
        """Return a page of deliveries, newest first."""
        found = (
            select(*DELIVERIES.columns)
            .join(outbound_events, outbound_events.c.id == deliveries.c.outbound_id)
            .where(*delivery_conditions(find))
            .order_by(deliveries.c.id.desc())
            .limit(find.limit)
        )
        return [DELIVERIES.decode(row) for row in self._sql.one(found).rows(connection)]

    def told(self, connection: Connection, find: Find) -> list[OutboundEvent]:
        """Return a page of outbound events that were not erased, newest first."""
        return self._page(connection, OUTBOUND, told_conditions(find), find.limit)

    def timeline(self, connection: Connection, post_id: str) -> Timeline | None:
        """Return all of one post, each list oldest first."""
        post = self.posts(connection, [post_id]).get(post_id)
        if post is None:
            return None
        told = _all(OUTBOUND, self._outbound_of_post, connection, post_id)
        sent = [DELIVERIES.decode(row) for row in self._deliveries_of.rows(connection, [event.id for event in told])]
        tries = _all(ATTEMPTS, self._attempts_of_post, connection, post_id)
        tries += self._attempts(connection, [delivery.id for delivery in sent])
        received = _all(EVENTS, self._event, connection, post.event_id)
        return Timeline(
            post=post,
            event=received[0] if received else None,
            commands=tuple(self.commands(connection, post_id)),
            attempts=tuple(sorted(tries, key=lambda attempt: (attempt.started_at, attempt.subject_id, attempt.number))),
            events=tuple(told),
            deliveries=tuple(sorted(sent, key=lambda delivery: (delivery.created_at, delivery.id))),
        )

    def event(self, connection: Connection, event_id: str) -> tuple[Event, list[Post]] | None:
        """Return an event and its posts, in the order they were made in."""
        received = _all(EVENTS, self._event, connection, event_id)
        if not received:
            return None
        return received[0], _all(POSTS, self._posts_of_event, connection, event_id)

    def commands(self, connection: Connection, post_id: str) -> list[Command]:
        """Return the commands of a post, in order."""
        return _all(COMMANDS, self._commands_of, connection, post_id)

    def parked(self, connection: Connection, limit: int, after: str) -> list[ClaimedCommand]:
        """Return parked commands with their posts, by id."""
        return _with_posts(self._parked.rows(connection, after=after, most=limit))

    def waiting(self, connection: Connection, cause: Cause, account: str | None) -> list[str]:
        """Return the ids of posts that a cause keeps, oldest first."""
        found = {row[0] for row in self._parked_for.rows(connection, cause=cause.id, most=_MOST_WAITING)}
        states = _KEPT.get(cause.kind, ())
        if states:
            find = Find(partner=cause.partner, account=account)
            conditions = [*post_conditions(find), in_state(posts.c.state, *states)]
            kept = self._page(connection, POSTS, conditions, _MOST_WAITING)
            found |= {post.id for post in kept if is_wanted(post, find)}
        return sorted(found)[:_MOST_WAITING]

    def unsure(self, connection: Connection, partner: str) -> list[ClaimedCommand]:
        """Return publishes whose bytes may have reached the partner."""
        return _with_posts(self._unsure.rows(connection, partner=partner))

    def delivery(
        self, connection: Connection, delivery_id: str
    ) -> tuple[Delivery, OutboundEvent, list[Attempt]] | None:
        """Return a delivery with its event and attempts."""
        found = _all(DELIVERIES, self._delivery, connection, delivery_id)
        if not found:
            return None
        told = _all(OUTBOUND, self._outbound, connection, found[0].outbound_id)
        return found[0], told[0], self._attempts(connection, [delivery_id])

    def accounts(self, connection: Connection) -> list[Account]:
        """Return all accounts, by key and id."""
        found = self._everything(connection, ACCOUNTS)
        return sorted(found, key=lambda account: (account.partner, account.id))

    def keys(self, connection: Connection) -> dict[str, Key]:
        """Return all keys by name."""
        return {key.name: key for key in self._everything(connection, KEYS)}

    def causes(self, connection: Connection) -> dict[str, Cause]:
        """Return all causes by id."""
        return {cause.id: cause for cause in self._everything(connection, CAUSES)}

    def messages(self, connection: Connection, ids: Collection[str]) -> dict[str, Message]:
        """Return messages in chats by id."""
        found = (MESSAGES.decode(row) for row in self._messages.rows(connection, ids))
        return {message.id: message for message in found}

    def messages_of(self, connection: Connection, event_id: str) -> list[Message]:
        """Return the messages that follow an event, oldest first."""
        return _all(MESSAGES, self._messages_of, connection, event_id)

    def endpoints(self, connection: Connection) -> dict[str, Endpoint]:
        """Return all endpoints by name."""
        return {endpoint.name: endpoint for endpoint in self._everything(connection, ENDPOINTS)}

    def _page(self, connection: Connection, codec: Codec[Any], conditions: list[Any], size: int) -> list[Any]:
        identity = codec.identity[0]
        found: Select[Any] = select(*codec.columns).where(*conditions).order_by(identity.desc()).limit(size)
        return [codec.decode(row) for row in self._sql.one(found).rows(connection)]

    def _attempts(self, connection: Connection, subjects: list[str]) -> list[Attempt]:
        found = [ATTEMPTS.decode(row) for row in self._attempts_of.rows(connection, subjects)]
        return sorted(found, key=lambda attempt: (attempt.subject_id, attempt.number))

    def _everything(self, connection: Connection, codec: Codec[Any]) -> list[Any]:
        return [codec.decode(row) for row in self._all[codec].rows(connection)]


def _one_by(sql: Sql, codec: Codec[Any], column: str, *order: str) -> Statement:
    """Compile the selection of a noun by the value of one column, given as `of`."""
    table = codec.table
    chosen = select(*codec.columns).where(table.c[column] == bindparam("of"))
    return sql.one(chosen.order_by(*(table.c[name] for name in order)))


def _all(codec: Codec[Any], statement: Statement, connection: Connection, of: str) -> list[Any]:
    return [codec.decode(row) for row in statement.rows(connection, of=of)]


def _tracked() -> ClauseElement:
    return (
        select(*POSTS.columns)
        .where(posts.c.partner == bindparam("partner"), posts.c.poll_at <= bindparam("now"))
        .order_by(posts.c.poll_at)
        .limit(bindparam("most"))
    )


def _parked() -> ClauseElement:
    return (
        select(*COMMANDS.columns, *POSTS.columns)
        .join(posts, posts.c.id == commands.c.post_id)
        .where(in_state(commands.c.state, WorkState.PARKED), commands.c.id > bindparam("after"))
        .order_by(commands.c.id)
        .limit(bindparam("most"))
    )


def _parked_for() -> ClauseElement:
    return (
        select(commands.c.post_id)
        .where(in_state(commands.c.state, WorkState.PARKED), commands.c.cause == bindparam("cause"))
        .order_by(commands.c.id)
        .limit(bindparam("most"))
    )


def _unsure() -> ClauseElement:
    return (
        select(*COMMANDS.columns, *POSTS.columns)
        .join(posts, posts.c.id == commands.c.post_id)
        .where(
            posts.c.partner == bindparam("partner"),
            in_state(posts.c.state, PostState.ACCEPTED, PostState.PARKED, PostState.UNKNOWN),
            posts.c.partner_id.is_(None),
            in_state(commands.c.kind, CommandKind.PUBLISH),
            commands.c.body.is_not(None),
        )
        .order_by(commands.c.id)
    )


def _with_posts(rows: Iterable[Row]) -> list[ClaimedCommand]:
    """Return commands with their posts, out of rows that have the columns of both."""
    width = len(COMMANDS.columns)
    return [ClaimedCommand(COMMANDS.decode(row[:width]), POSTS.decode(row[width:])) for row in rows]
