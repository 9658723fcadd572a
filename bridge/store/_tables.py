"""The tables of the store: one declaration for every engine.

A column has the name of the noun's field it keeps, in the same order. Indexes are few and mostly partial, because every
write pays for them; those over a time of birth are only appended to, which costs next to nothing, and serve retention.
"""

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    literal_column,
)
from sqlalchemy.sql.elements import ColumnElement

from bridge.core.errors import FailureReason
from bridge.core.model import AccountState, AttemptOutcome, CommandKind, Intent, PostState, WorkState
from bridge.store._types import Flag, Instant, JsonText, JsonTuple, Targets, Word

metadata = MetaData()


def _column(
    name: str, kind: Any = Text, *, null: bool = False, primary: bool = False, fixed: bool = False
) -> Column[Any]:
    """Make a column; `fixed` says that it never changes, so an update leaves it (and its indexes) alone."""
    return Column(name, kind, nullable=null, primary_key=primary, info={"fixed": fixed or primary})


def word(value: StrEnum) -> ColumnElement[str]:
    """Give a word of a closed set as a literal: a bound value could not prove that a partial index fits."""
    return literal_column(f"'{value.value}'")


def in_state(column: ColumnElement[Any], *states: StrEnum) -> ColumnElement[bool]:
    """Compare a state with literal words."""
    return column == word(states[0]) if len(states) == 1 else column.in_([word(state) for state in states])


def _partial(name: str, *columns: Column[Any], where: ColumnElement[bool], unique: bool = False) -> Index:
    """Make an index over some rows only, for both engines."""
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


events = Table(
    "events",
    metadata,
    _column("id", primary=True),
    _column("source"),
    _column("scope"),
    _column("key", null=True),
    _column("key_until", Instant, null=True),
    _column("fingerprint"),
    _column("intent", Word(Intent)),
    _column("received_at", Instant),
    _column("content_type"),
    _column("body", LargeBinary),
    _column("request", JsonText),
    _column("external_id", null=True),
    _column("object_id", null=True),
    _column("revision", null=True),
    _column("correlation", null=True),
    _column("reply_to", JsonText, null=True),
    _column("traceparent", null=True),
    _column("warnings", JsonTuple),
    _column("reason", null=True),
)
# The key comes first: one list of keys finds all, whatever their scopes.
_partial("events_key", events.c.key, events.c.scope, where=events.c.key.is_not(None), unique=True)

Index("events_received", events.c.received_at)

posts = Table(
    "posts",
    metadata,
    _column("id", primary=True),
    _column("event_id", fixed=True),
    _column("partner"),
    _column("external_id"),
    _column("source", fixed=True),
    _column("content", JsonText),
    _column("targets", Targets),
    _column("created_at", Instant, fixed=True),
    _column("changed_at", Instant),
    _column("wanted_at", Instant),
    _column("caller_id", null=True),
    _column("correlation", null=True),
    _column("partner_id", null=True),
    _column("state", Word(PostState)),
    _column("raw_status", null=True),
    _column("reason", Word(FailureReason), null=True),
    _column("error", null=True),
    _column("scheduled_at", Instant, null=True),
    _column("read_at", Instant, null=True),
    _column("settled_at", Instant, null=True),
    _column("poll_at", Instant, null=True),
    _column("in_flight_since", Instant, null=True),
    _column("ended_at", Instant, null=True),
    _column("partner_created_at", Instant, null=True),
    _column("stuck", Flag),
    _column("gave_up", Flag),
    _column("hosted", JsonText, null=True),
    _column("commands", Integer),
    _column("sequence", Integer),
    _column("version", Integer),
    # The place among the posts of one write: posts of an event are answered in the order they were made in.
    _column("place", Integer, fixed=True),
)
Index("posts_event", posts.c.event_id)
Index("posts_state", posts.c.partner, posts.c.state)
_partial("posts_partner_id", posts.c.partner, posts.c.partner_id, where=posts.c.partner_id.is_not(None), unique=True)
_partial("posts_ended", posts.c.ended_at, where=posts.c.ended_at.is_not(None))
_partial("posts_tracked", posts.c.partner, posts.c.poll_at, where=posts.c.poll_at.is_not(None))

commands = Table(
    "commands",
    metadata,
    _column("id", primary=True),
    Column("post_id", Text, ForeignKey("posts.id"), nullable=False, info={"fixed": True}),
    _column("number", Integer, fixed=True),
    _column("kind", Word(CommandKind), fixed=True),
    _column("partner"),
    _column("due_at", Instant),
    _column("created_at", Instant, fixed=True),
    _column("state", Word(WorkState)),
    _column("payload", JsonText),
    _column("attempts", Integer),
    _column("calls", Integer),
    _column("body", LargeBinary, null=True),
    _column("sent_at", Instant, null=True),
    _column("first_attempt_at", Instant, null=True),
    _column("cause"),
    _column("reason", Word(FailureReason), null=True),
    _column("detail", null=True),
    _column("parked_at", Instant, null=True),
    _column("progress", JsonText, null=True),
    _column("settled_at", Instant, null=True),
    _column("lease_until", Instant, null=True),
    _column("version", Integer),
)
Index("commands_post", commands.c.post_id, commands.c.number, unique=True)
_partial("commands_due", commands.c.partner, commands.c.due_at, where=in_state(commands.c.state, WorkState.DUE))
_partial("commands_parked", commands.c.id, where=in_state(commands.c.state, WorkState.PARKED))

attempts = Table(
    "attempts",
    metadata,
    _column("subject_id", primary=True),
    _column("number", Integer, primary=True),
    _column("post_id", null=True, fixed=True),
    _column("started_at", Instant, fixed=True),
    _column("outcome", Word(AttemptOutcome)),
    _column("finished_at", Instant, null=True),
    _column("status", Integer, null=True),
    _column("reason", Word(FailureReason), null=True),
    _column("detail", null=True),
    _column("answer", JsonText, null=True),
    sqlite_with_rowid=False,
)
Index("attempts_started", attempts.c.started_at)
_partial("attempts_post", attempts.c.post_id, where=attempts.c.post_id.is_not(None))

accounts = Table(
    "accounts",
    metadata,
    _column("key", primary=True),
    _column("partner"),
    _column("id"),
    _column("platform"),
    _column("username"),
    _column("first_seen_at", Instant),
    _column("last_seen_at", Instant),
    _column("display_name"),
    _column("type"),
    _column("state", Word(AccountState)),
    _column("raw_status"),
    _column("detail"),
    _column("capabilities", JsonText, null=True),
    _column("misses", Integer),
    _column("seen_active", Integer),
    _column("replaced_by", null=True),
    _column("resumed_at", Instant, null=True),
    _column("sequence", Integer),
    _column("version", Integer),
)

keys = Table(
    "keys",
    metadata,
    _column("name", primary=True),
    _column("kind"),
    _column("scope", null=True),
    _column("blocked", Word(FailureReason), null=True),
    _column("detail", null=True),
    _column("failures", Integer),
    _column("held_until", Instant, null=True),
    _column("probe_at", Instant, null=True),
    _column("listed_at", Instant, null=True),
    _column("cursor", null=True),
    _column("sequence", Integer),
    _column("version", Integer),
)

causes = Table(
    "causes",
    metadata,
    _column("id", primary=True),
    _column("kind"),
    _column("partner"),
    _column("reason", Word(FailureReason)),
    _column("detail"),
    _column("opened_at", Instant),
    _column("closed_at", Instant, null=True),
    _column("sequence", Integer),
    _column("version", Integer),
)

endpoints = Table(
    "endpoints",
    metadata,
    _column("name", primary=True),
    _column("url"),
    _column("events", JsonTuple),
    _column("configured", Flag),
    _column("enabled", Flag),
    _column("reason", null=True),
    _column("created_at", Instant, null=True),
    _column("sequence", Integer),
    _column("version", Integer),
)

objects = Table(
    "objects",
    metadata,
    _column("key", primary=True),
    _column("source", fixed=True),
    _column("id", fixed=True),
    _column("seen_at", Instant),
    _column("revision", null=True),
    _column("event_id", null=True),
    _column("listed", Flag),
    _column("version", Integer),
)

lookups = Table(
    "lookups",
    metadata,
    Column("id", Text, ForeignKey("events.id"), primary_key=True, nullable=False, info={"fixed": True}),
    _column("source", fixed=True),
    _column("wanted", JsonText),
    _column("due_at", Instant),
    _column("created_at", Instant, fixed=True),
    _column("state", Word(WorkState)),
    _column("attempts", Integer),
    _column("reason", Word(FailureReason), null=True),
    _column("detail", null=True),
    _column("settled_at", Instant, null=True),
    _column("lease_until", Instant, null=True),
    _column("version", Integer),
)
_partial("lookups_due", lookups.c.due_at, where=in_state(lookups.c.state, WorkState.DUE))
_partial("lookups_settled", lookups.c.settled_at, where=lookups.c.settled_at.is_not(None))

feeds = Table(
    "feeds",
    metadata,
    _column("source", primary=True),
    _column("url"),
    _column("etag"),
    _column("modified"),
    _column("swept_at", Instant, null=True),
    _column("failures", Integer),
    _column("detail"),
    _column("sent", JsonTuple),
    _column("version", Integer),
)

outbound_events = Table(
    "outbound_events",
    metadata,
    _column("id", primary=True),
    _column("type"),
    _column("subject"),
    _column("sequence", Integer),
    _column("created_at", Instant),
    _column("body", LargeBinary),
    _column("partner"),
    _column("platform"),
    _column("account"),
    _column("source"),
    _column("reason"),
    _column("post_id", null=True),
    _column("event_id", null=True),
)
Index("outbound_subject", outbound_events.c.subject, outbound_events.c.sequence, unique=True)
Index("outbound_created", outbound_events.c.created_at)
_partial("outbound_post", outbound_events.c.post_id, where=outbound_events.c.post_id.is_not(None))

deliveries = Table(
    "deliveries",
    metadata,
    _column("id", primary=True),
    Column("outbound_id", Text, ForeignKey("outbound_events.id"), nullable=False, info={"fixed": True}),
    _column("type", fixed=True),
    _column("destination_kind", fixed=True),
    _column("destination", fixed=True),
    _column("subject", fixed=True),
    _column("sequence", Integer, fixed=True),
    _column("due_at", Instant),
    _column("created_at", Instant, fixed=True),
    _column("state", Word(WorkState)),
    _column("attempts", Integer),
    _column("calls", Integer),
    _column("reason", Word(FailureReason), null=True),
    _column("settled_at", Instant, null=True),
    _column("lease_until", Instant, null=True),
    _column("version", Integer),
)
Index("deliveries_outbound", deliveries.c.outbound_id)
_partial("deliveries_due", deliveries.c.due_at, where=in_state(deliveries.c.state, WorkState.DUE))
_partial("deliveries_dead", deliveries.c.settled_at, where=in_state(deliveries.c.state, WorkState.DEAD))

leases = Table(
    "leases",
    metadata,
    _column("name", primary=True),
    _column("holder"),
    _column("until", Instant),
)
