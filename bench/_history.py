"""Databases with a past, made in bulk: rows as bridge itself writes them, straight into its tables.

An event that has ended leaves thirteen rows: itself, its post, the command and its attempt, and of three outbound
events each with a delivery and its attempt. One in a hundred deliveries is dead, and one in fifty posts failed.
"""

import random
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import orjson
import psycopg
from sqlalchemy import Table, create_engine

from bench._run import ACCOUNT
from bridge.core.errors import FailureReason
from bridge.core.events import outbound
from bridge.core.model import (
    Attempt,
    AttemptOutcome,
    Command,
    CommandKind,
    Delivery,
    Event,
    Intent,
    Post,
    PostState,
    Target,
    TargetState,
    WorkState,
)
from bridge.core.times import sortable
from bridge.store import migrate
from bridge.store._rows import ATTEMPTS, COMMANDS, DELIVERIES, EVENTS, OUTBOUND, POSTS, Codec, Row
from bridge.store._tables import metadata

ROWS_OF_AN_EVENT = 13
PARTNER = "genviral"
_PAST = timedelta(days=29)
_SECOND = timedelta(seconds=1)
_AT_ONCE = 2_000
_chance = random.Random(7)

Story = Iterator[tuple[Codec[Any], Any]]
"""The rows of one event, each with how it is written."""


def ended(count: int) -> Iterator[Story]:
    """So many events of the last month, oldest first, all of which have ended."""
    now = datetime.now(UTC)
    for place in range(count):
        yield _ended(f"past-{place}", now - _PAST + _PAST * place / count, place)


def scheduled(count: int) -> Iterator[Story]:
    """So many posts that are tracked, and to be read in two hours at the soonest."""
    now = datetime.now(UTC)
    for place in range(count):
        post = {"state": PostState.SCHEDULED, "poll_at": now + timedelta(hours=2, milliseconds=place)}
        yield _begun(f"later-{place}", now - timedelta(hours=1), post, {"state": WorkState.DONE, "settled_at": now})


def due(tag: str, count: int) -> Iterator[Story]:
    """So many posts whose command is due."""
    now = datetime.now(UTC)
    for place in range(count):
        yield _begun(f"{tag}-{place}", now, {}, {})


def _id(prefix: str, at: datetime) -> str:
    return sortable(prefix, at, _chance.randbytes(8))


def _begun(name: str, at: datetime, post: dict[str, Any], command: dict[str, Any]) -> Story:
    """An event, its post, and the command that publishes it."""
    request = {
        "caption": f"Holiday drops start Monday! {name}",
        "media": {"type": "video", "url": "https://cdn.example.com/holidays.mp4"},
        "accounts": [{"id": ACCOUNT}],
        "external_id": name,
    }
    event = Event(
        id=_id("evt", at),
        source="api",
        scope="token:bench",
        key=f"id:{name}",
        key_until=None,
        fingerprint=_chance.randbytes(32).hex(),
        intent=Intent.PUBLISH,
        received_at=at,
        content_type="application/json",
        body=orjson.dumps(request),
        request=request,
        external_id=name,
    )
    state = TargetState.POSTED if post.get("state") is PostState.POSTED else TargetState.WAITING
    made = Post(
        id=_id("post", at),
        event_id=event.id,
        partner=PARTNER,
        external_id=name,
        source="api",
        content={"caption": request["caption"], "media": request["media"]},
        targets=(Target(ACCOUNT, "brand", "tiktok", state),),
        created_at=at,
        changed_at=at,
        wanted_at=at,
        caller_id=name,
        partner_id=_id("partner", at) if post else None,
        commands=1,
        **post,
    )
    yield EVENTS, event
    yield POSTS, made
    yield COMMANDS, Command(_id("cmd", at), made.id, 1, CommandKind.PUBLISH, PARTNER, at, at, **command)


def _ended(name: str, at: datetime, place: int) -> Story:
    later, failed = at + 60 * _SECOND, place % 50 == 0
    done = {"state": WorkState.DONE, "attempts": 1, "calls": 1, "first_attempt_at": at, "settled_at": at, "version": 3}
    result = {"state": PostState.FAILED, "reason": FailureReason.TOKEN} if failed else {"state": PostState.POSTED}
    rows = dict(_begun(name, at, {**result, "ended_at": later, "sequence": 3, "version": 5}, done))
    yield from rows.items()
    event, post, command = rows[EVENTS], rows[POSTS], rows[COMMANDS]
    yield ATTEMPTS, _attempt(command.id, post.id, at)
    previous = "accepted"
    for sequence, state in enumerate((PostState.PENDING, PostState.PUBLISHING, post.state), start=1):
        data = {
            "subject": {"kind": "post", "id": post.id},
            "sequence": sequence,
            "previous": previous,
            "current": state,
            "changed_at": later,
            "partner": PARTNER,
            "source": "api",
            "event_id": event.id,
            "external_id": name,
            "correlation": None,
            "targets": [{"account": {"id": ACCOUNT, "name": "brand", "platform": "tiktok"}, "state": state}],
        }
        filters = {"partner": PARTNER, "platforms": ("tiktok",), "accounts": ("brand",), "source": "api"}
        filters |= {"post_id": post.id, "event_id": event.id}
        told = outbound(_id("msg", later), f"post.{state}", data, filters=filters, at=later)
        dead = (place * 3 + sequence) % 100 == 0
        delivery = Delivery(
            id=_id("dlv", later),
            outbound_id=told.id,
            type=told.type,
            destination_kind="endpoint",
            destination="ops",
            subject=told.subject,
            sequence=sequence,
            due_at=later,
            created_at=later,
            state=WorkState.DEAD if dead else WorkState.DONE,
            attempts=1,
            calls=1,
            reason=FailureReason.EXHAUSTED if dead else None,
            settled_at=later,
            version=3,
        )
        yield OUTBOUND, told
        yield DELIVERIES, delivery
        yield ATTEMPTS, _attempt(delivery.id, None, later)
        previous = state


def _attempt(subject: str, post: str | None, at: datetime) -> Attempt:
    return Attempt(subject, 1, post, at, AttemptOutcome.OK, at + _SECOND / 10, 200)


def fill(url: str, stories: Iterable[Story]) -> None:
    """Bring a database up to date and write stories into it, as fast as it goes; nobody else may be in it."""
    migrate(url)
    add(url, stories)
    settle(url)


def settle(url: str) -> None:
    """Let a server take stock now, which it would do by itself in the middle of a measurement."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.exec_driver_sql("VACUUM (ANALYZE)")
            connection.exec_driver_sql("CHECKPOINT")
    engine.dispose()


def add(url: str, stories: Iterable[Story]) -> None:
    """Write stories into a database that is up to date."""
    engine = create_engine(url)
    with closing(engine.raw_connection()) as pooled:
        connection: Any = pooled.driver_connection
        while batch := list(islice(stories, _AT_ONCE)):
            _write(connection, batch)
            connection.commit()
    engine.dispose()


def _write(connection: Any, stories: Sequence[Story]) -> None:
    rows: dict[str, list[Row]] = {table.name: [] for table in metadata.sorted_tables}
    for story in stories:
        for codec, noun in story:
            row = codec.encode(noun)
            rows[codec.table.name].append((*row, 0) if codec is POSTS else row)
    for table in metadata.sorted_tables:
        if rows[table.name]:
            _insert(connection, table, rows[table.name])


def _insert(connection: "sqlite3.Connection | psycopg.Connection", table: Table, rows: Sequence[Row]) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    if isinstance(connection, sqlite3.Connection):
        marks = ", ".join("?" for _ in table.columns)
        connection.executemany(f"insert into {table.name} ({names}) values ({marks})", rows)
        return
    with connection.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
