"""A long past: rows of ended work in every table that grows, made by the database itself from one life."""

from datetime import timedelta

from sqlalchemy import Connection, Table, text

from bridge.core.model import Attempt, AttemptOutcome, PostState, WorkState, Write
from bridge.ports import Acceptance
from bridge.store._store import SqlStore
from bridge.store._tables import metadata
from tests.store import made
from tests.store.made import LEASE, NOW

AGE = timedelta(days=10)
"""Since when the past has been over."""

_SERIES = "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {rows})"
_COPIED: dict[str, tuple[str, ...]] = {
    "events": ("id", "key", "object_id"),
    "posts": ("id", "event_id", "external_id", "partner_id"),
    "commands": ("id", "post_id"),
    "attempts": ("subject_id", "post_id"),
    "objects": ("key", "id", "event_id"),
    "lookups": ("id",),
    "outbound_events": ("id", "subject", "post_id", "event_id"),
    "outbound_bodies": ("outbound_id",),
    "deliveries": ("id", "outbound_id", "subject"),
    "messages": ("id", "event_id"),
}
"""What a copy has of its own; what names another row names the copy that has the same number."""
_TIMES = ("received_at", "created_at", "ended_at", "settled_at", "started_at", "seen_at")

GROWING = tuple(_COPIED)
"""The tables that have more rows with every event."""


async def live(store: SqlStore) -> None:
    """Take one event through all there is, to its end."""
    then = NOW - AGE
    await store.record([Write(endpoints=(made.endpoint(format="slack"), made.endpoint("other")))])
    received = made.event(source="blog", key="key", key_until=NOW + AGE, object_id="7", received_at=then)
    post = made.post(received.id, source="blog", created_at=then)
    command = made.command(post, due_at=then, created_at=then)
    write = Write(
        posts=(post,),
        commands=(command,),
        objects=(made.source_object("7", event_id=received.id, seen_at=then),),
        lookups=(made.lookup(received, state=WorkState.DONE, settled_at=then),),
        messages=(made.message(received.id, created_at=then),),
    )
    await store.accept([Acceptance(received, write)], then)
    [claimed] = await store.claim_commands(then, 1, LEASE, ["genviral"])
    ended = {"state": PostState.POSTED, "ended_at": then, "settled_at": then, "partner_id": "theirs"}
    done = made.next_of(claimed.command, state=WorkState.DONE, settled_at=then, lease_until=None)
    news = made.told_in_full(
        "post.failed", subject=f"post:{post.id}", post_id=post.id, event_id=received.id, created_at=then
    )
    tried = Attempt(command.id, 1, post.id, then, AttemptOutcome.OK, then, 201)
    writes = Write(posts=(made.next_of(post, **ended),), commands=(done,), attempts=(tried,), events=(news,))
    assert await store.record([writes]) == [True]
    sent = await made.claim_any(store, then)
    await store.settle([made.settlement(one, settled_at=then) for one in sent])
    # The past is long; what comes now is told to nobody else but these two.
    assert len(sent) == 2


def repeat(connection: Connection, rows: int) -> None:
    """Copy what is there so many times, each a second earlier."""
    for table in metadata.sorted_tables:
        if table.name in GROWING:
            connection.execute(text(f"{_SERIES.format(rows=rows)} {_copies(table)}"))


def _copies(table: Table) -> str:
    names = [f'"{column.name}"' for column in table.columns]
    values = [_copied(table.name, column.name) for column in table.columns]
    return f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {', '.join(values)} FROM {table.name}, series"


def _copied(table: str, column: str) -> str:
    if column in _COPIED[table]:
        return f"\"{column}\" || '_' || n"
    return f'"{column}" - n * CAST(1000000 AS BIGINT)' if column in _TIMES else f'"{column}"'


async def begin(store: SqlStore) -> None:
    """Let something be due of everything, beside the past."""
    await store.accept([made.acceptance(key=f"now-{number}") for number in range(30)], NOW)
    received = [made.event(source="blog") for _ in range(5)]
    await store.accept([Acceptance(one, Write(lookups=(made.lookup(one),))) for one in received], NOW)
    polled = tuple(made.post(poll_at=NOW) for _ in range(5))
    told = tuple(made.told_in_full(subject=f"post:now-{number}") for number in range(10))
    assert await store.record([Write(posts=polled, events=told)]) == [True]
