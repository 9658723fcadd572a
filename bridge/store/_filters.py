"""`Find` as conditions. Fields that a kind of row does not have filter nothing.

What engines cannot ask of JSON in the same words (an account among a post's targets, a text in its content) is asked
twice: roughly in SQL over the JSON text, then exactly in Python by `is_wanted`.
"""

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Text, exists, func, type_coerce
from sqlalchemy.sql import FromClause

from bridge.core.endpoints import WANTED
from bridge.core.model import Post, WorkState
from bridge.ports import Find
from bridge.store._people import audit
from bridge.store._tables import deliveries, events, has_body, in_state, outbound_events, posts, replays
from bridge.store._types import to_micros

_SEARCHED = ("caption", "title", "url")


def post_conditions(find: Find) -> list[ColumnElement[bool]]:
    """Return what posts must fulfil; `is_wanted` has the last word on `account` and `text`."""
    own = posts.c
    conditions = [*_page(find, posts, own.created_at), *_post_filters(find)]
    if find.source:
        conditions.append(own.source == find.source)
    if find.event_id:
        conditions.append(own.event_id == find.event_id)
    if find.external_id:
        conditions.append((own.external_id == find.external_id) | (own.caller_id == find.external_id))
    if find.text:
        conditions.append(_mentions(own.content, find.text))
    return conditions


def event_conditions(find: Find) -> list[ColumnElement[bool]]:
    """Return what events must fulfil; `type` is the intent; `partner`, `account`, `state` are asked of their posts."""
    own = events.c
    conditions = list(_page(find, events, own.received_at))
    conditions += _equal((own.source, find.source), (own.id, find.event_id), (own.external_id, find.external_id))
    conditions += _equal((own.key, find.key))
    if find.type:
        conditions.append(own.intent == find.type)
    if of_posts := list(_post_filters(find)):
        conditions.append(exists().where(posts.c.event_id == own.id, *of_posts))
    return conditions


def delivery_conditions(find: Find) -> list[ColumnElement[bool]]:
    """Return what deliveries, joined with their outbound events, must fulfil."""
    own, told = deliveries.c, outbound_events.c
    conditions = list(_page(find, deliveries, own.created_at))
    conditions += _equal(
        (own.destination, find.destination),
        (own.type, find.type),
        (told.partner, find.partner),
        (told.source, find.source),
        (told.event_id, find.event_id),
        (own.reason, find.reason),
        (own.subject, find.subject),
    )
    if find.account:
        conditions.append(_has(told.accounts, find.account))
    if find.state:
        conditions.append(in_state(own.state, *(state for state in WorkState if state.value == find.state)))
    return conditions


def told_conditions(find: Find) -> list[ColumnElement[bool]]:
    """Return what outbound events must fulfil; those that were erased never do."""
    told = outbound_events.c
    conditions = [*_page(find, outbound_events, told.created_at), has_body(told.body), told.type != WANTED]
    conditions += _equal((told.type, find.type), (told.partner, find.partner), (told.subject, find.subject))
    if find.account:
        conditions.append(_has(told.accounts, find.account))
    return conditions


def replay_conditions(find: Find) -> list[ColumnElement[bool]]:
    """Return what replay jobs must fulfil; `key` is a job's id."""
    own = replays.c
    conditions = [*_page(find, replays, own.created_at), *_equal((own.id, find.key))]
    if find.state:
        conditions.append(in_state(own.state, *(state for state in WorkState if state.value == find.state)))
    return conditions


def note_conditions(find: Find) -> list[ColumnElement[bool]]:
    """Return what notes of the audit log must fulfil."""
    own = audit.c
    conditions = list(_page(find, audit, own.at))
    conditions += _equal((own.token, find.token), (own.action, find.action), (own.subject, find.subject))
    return conditions


def is_wanted(post: Post, find: Find) -> bool:
    """Say whether a post that SQL let through has the account (by id or name) and the text."""
    if find.account and not any(find.account in (target.account, target.name) for target in post.targets):
        return False
    if not find.text:
        return True
    text = find.text.casefold()
    return any(text in str(post.content.get(name) or "").casefold() for name in _SEARCHED)


def needs_look(find: Find) -> bool:
    """Say whether `is_wanted` must be asked."""
    return bool(find.account or find.text)


def _post_filters(find: Find) -> Iterator[ColumnElement[bool]]:
    if find.partner:
        yield posts.c.partner == find.partner
    if find.state:
        yield posts.c.state == find.state
    if find.account:
        yield _mentions(posts.c.targets, find.account)


def _page(find: Find, table: FromClause, created_at: ColumnElement[Any]) -> Iterator[ColumnElement[bool]]:
    if find.before:
        yield table.c.id < find.before
    if find.since is not None:
        yield created_at >= to_micros(find.since)
    if find.until is not None:
        yield created_at < to_micros(find.until)


def _equal(*pairs: tuple[ColumnElement[Any], str | None]) -> Iterator[ColumnElement[bool]]:
    return (column == value for column, value in pairs if value)


def _has(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Say that a JSON list of strings has this one: written with its quotes, it stands nowhere else."""
    written = type_coerce(column, Text)
    return func.replace(written, orjson.dumps(text).decode(), "") != written


def _mentions(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Look for a text, as it stands inside a JSON string, without regard to case (on SQLite: of ASCII letters)."""
    written = orjson.dumps(text)[1:-1].decode()
    for special in "!%_":
        written = written.replace(special, "!" + special)
    return func.lower(type_coerce(column, Text)).like(func.lower(f"%{written}%"), escape="!")
