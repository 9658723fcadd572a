"""What must hold after any crash, counted at the partner and at the receiver, and read in the database."""

import contextlib
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import psycopg

if TYPE_CHECKING:
    from tests.crash.replicas import Replicas
    from tests.crash.town import Town
    from tests.fuzz.town import Town as FuzzTown


def query(database: Path | str, sql: str) -> list[tuple[Any, ...]]:
    """Read the database beside whoever has it: a file, nothing while it is not there yet, or a server's by its URL."""
    if isinstance(database, str):
        with psycopg.connect(database, connect_timeout=5) as connection:
            return connection.execute(sql.replace("content ->>", "content::json ->>").encode()).fetchall()
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return []


def broken(town: "Town | Replicas") -> list[str]:
    """Return every promise that does not hold; empty is well."""
    checks = (unanswered, lost_or_doubled, published_wrongly, untold, gaps, left_over)
    return [fault for check in checks for fault in check(town)]


def unanswered(town: "Town | Replicas") -> Iterator[str]:
    """In the end every wish was acknowledged, and its event is there with its post."""
    events = {row[0] for row in query(town.database, "select event_id from posts")}
    for wish in town.wishes:
        if wish.event_id is None:
            yield f"{wish.caption} was never acknowledged: {wish.statuses}"
        elif wish.event_id not in events:
            yield f"{wish.caption} was acknowledged as {wish.event_id} and is gone"


def lost_or_doubled(town: "Town | Replicas") -> Iterator[str]:
    """Each wish is one event, and each of its posts here is one post at the partner, created once."""
    stored = Counter(
        entry.caption for entry in town.simulator.journal.of("create") if entry.worked and not entry.duplicate
    )
    held = Counter(post.caption for post in town.simulator.world.posts.values())
    ours = query(
        town.database, "select content ->> 'caption', count(*), count(distinct event_id) from posts group by 1"
    )
    known = {caption: counts for caption, *counts in ours}
    for wish in town.wishes:
        posts, events = known.get(wish.caption, (0, 0))
        counts = {"creates": stored[wish.caption], "posts there": held[wish.caption], "posts here": posts}
        if events != 1 or len(set(counts.values())) != 1:
            yield f"{wish.caption}: {events} events, {counts}"
    ids = dict(query(town.database, "select partner_id, content ->> 'caption' from posts"))
    if ids != {post.id: post.caption for post in town.simulator.world.posts.values()}:
        yield "bridge and the partner know different posts"


def published_wrongly(town: "Town | Replicas") -> Iterator[str]:
    """Each account of each wish got it once."""
    world = town.simulator.world
    if twice := world.posted_twice():
        yield f"published twice: {twice}"
    went = Counter((one.caption, one.account_id) for one in world.publications)
    wanted = Counter((wish.caption, account) for wish in town.wishes for account in wish.accounts)
    if went != wanted:
        yield f"published too little or too much: {wanted - went} {went - wanted}"


def untold(town: "Town | Replicas | FuzzTown") -> Iterator[str]:
    """Every recorded transition has arrived under its webhook-id, with these very bytes and a good signature.

    What a receiver never took may be a dead letter; `left_over` looks for those.
    """
    arrived = defaultdict(set)
    for item in town.receiver.received:
        arrived[item.webhook_id].add(item.body)
        if not item.verified:
            yield f"{item.webhook_id} has a bad signature: {item.why_not}"
    given_up = {row[0] for row in query(town.database, "select outbound_id from deliveries where state = 'dead'")}
    # That a message is wanted is told to its chat alone.
    news = "select id, body from outbound_events where type != 'reply.wanted'"
    recorded = {row[0]: {row[1]} for row in query(town.database, news)}
    for event_id in recorded.keys() - arrived.keys() - given_up:
        yield f"{event_id} was recorded and never arrived"
    for event_id in arrived.keys() - recorded.keys():
        yield f"{event_id} arrived and is not recorded"
    for event_id in arrived.keys() & recorded.keys():
        if arrived[event_id] != recorded[event_id]:
            yield f"{event_id} arrived with other bytes than were recorded"


COUNTED = """
    select 'post', id, sequence from posts
    union select 'account', key, sequence from accounts
    union select 'cause', id, sequence from causes
    union select 'partner', name, sequence from keys
    union select 'endpoint', name, sequence from endpoints
"""


def gaps(town: "Town | Replicas | FuzzTown") -> Iterator[str]:
    """The sequences recorded of a subject are 1 to n, each one fact, and n is what its row counts."""
    told: dict[tuple[str, str], dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for event_id, body in query(town.database, "select id, body from outbound_events"):
        data = orjson.loads(body)["data"]
        kind, subject = data["subject"]["kind"], data["subject"]["id"]
        # A target's transitions are counted by its post.
        owner = ("post", data["post"]["id"]) if kind == "target" else (kind, subject)
        told[owner][data["sequence"]].add(event_id)
    for kind, subject, last in query(town.database, COUNTED):
        sequences = told[kind, subject]
        if sorted(sequences) != list(range(1, last + 1)) or any(len(ids) > 1 for ids in sequences.values()):
            yield f"{kind} {subject} was told as {dict(sequences)}, up to {last}"


def left_over(town: "Town | Replicas") -> Iterator[str]:
    """No work is left, none died, and no attempt is open."""
    for table in ("commands", "deliveries"):
        for row in query(town.database, f"select id, state, reason from {table} where state != 'done'"):
            yield f"{table}: {row}"
    for row in query(town.database, "select subject_id, number from attempts where outcome = 'started'"):
        yield f"the attempt {row} never ended"
