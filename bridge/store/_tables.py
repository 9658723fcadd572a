"""The tables of the store: one declaration for every engine.

A column has the name of the noun's field it keeps, in the same order. Indexes are few and mostly partial, because every
write pays for them; those over a time of birth are only appended to, which costs next to nothing, and serve retention.
"""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, and_

from bridge.core.errors import FailureReason
from bridge.core.model import AccountState, AttemptOutcome, CommandKind, Intent, Lane, PostState, WorkState
from bridge.store import _people as _people
from bridge.store._columns import WORDS, column, partial
from bridge.store._columns import has_body as has_body
from bridge.store._columns import in_state as in_state
from bridge.store._columns import metadata as metadata
from bridge.store._columns import word as word
from bridge.store._types import Body, Flag, Instant, JsonText, JsonTuple, Targets, Word

events = Table(
    "events",
    metadata,
    column("id", primary=True),
    column("source"),
    column("scope"),
    column("key", null=True),
    column("key_until", Instant, null=True),
    column("fingerprint"),
    column("intent", Word(Intent)),
    column("received_at", Instant),
    column("content_type"),
    column("body", Body),
    column("request", JsonText),
    column("external_id", null=True),
    column("object_id", null=True),
    column("revision", null=True),
    column("correlation", null=True),
    column("traceparent", null=True),
    column("warnings", JsonTuple),
    column("reason", null=True),
    column("headers", JsonText, null=True),
)
# The key comes first: one list of keys finds all, whatever their scopes.
partial("events_key", events.c.key, events.c.scope, where=events.c.key.is_not(None), unique=True)

Index("events_received", events.c.received_at)
partial("events_object", events.c.object_id, events.c.source, where=events.c.object_id.is_not(None))

posts = Table(
    "posts",
    metadata,
    column("id", primary=True),
    column("event_id", fixed=True),
    column("partner"),
    column("external_id"),
    column("source", fixed=True),
    column("content", JsonText),
    column("targets", Targets),
    column("created_at", Instant, fixed=True),
    column("changed_at", Instant),
    column("wanted_at", Instant),
    column("caller_id", null=True),
    column("correlation", null=True),
    column("traceparent", null=True, fixed=True),
    column("partner_id", null=True),
    column("state", Word(PostState)),
    column("raw_status", null=True),
    column("reason", Word(FailureReason), null=True),
    column("error", null=True),
    column("scheduled_at", Instant, null=True),
    column("read_at", Instant, null=True),
    column("settled_at", Instant, null=True),
    column("poll_at", Instant, null=True),
    column("in_flight_since", Instant, null=True),
    column("ended_at", Instant, null=True),
    column("partner_created_at", Instant, null=True),
    column("stuck", Flag),
    column("gave_up", Flag),
    column("hosted", JsonText, null=True),
    column("commands", Integer),
    column("sequence", Integer),
    column("version", Integer),
    # The place among the posts of one write: posts of an event are answered in the order they were made in.
    column("place", Integer, fixed=True),
)
Index("posts_event", posts.c.event_id)
Index("posts_state", posts.c.partner, posts.c.state)
partial("posts_partner_id", posts.c.partner, posts.c.partner_id, where=posts.c.partner_id.is_not(None), unique=True)
partial("posts_ended", posts.c.ended_at, where=posts.c.ended_at.is_not(None))
partial("posts_tracked", posts.c.partner, posts.c.poll_at, where=posts.c.poll_at.is_not(None))

commands = Table(
    "commands",
    metadata,
    column("id", primary=True),
    Column("post_id", WORDS, ForeignKey("posts.id"), nullable=False, info={"fixed": True}),
    column("number", Integer, fixed=True),
    column("kind", Word(CommandKind), fixed=True),
    column("partner"),
    column("due_at", Instant),
    column("created_at", Instant, fixed=True),
    column("state", Word(WorkState)),
    column("payload", JsonText),
    column("attempts", Integer),
    column("calls", Integer),
    column("body", LargeBinary, null=True),
    column("sent_at", Instant, null=True),
    column("first_attempt_at", Instant, null=True),
    column("cause"),
    column("reason", Word(FailureReason), null=True),
    column("detail", null=True),
    column("parked_at", Instant, null=True),
    column("progress", JsonText, null=True),
    column("settled_at", Instant, null=True),
    column("lease_until", Instant, null=True),
    column("version", Integer),
)
Index("commands_post", commands.c.post_id, commands.c.number, unique=True)
partial("commands_due", commands.c.partner, commands.c.due_at, where=in_state(commands.c.state, WorkState.DUE))
partial("commands_parked", commands.c.id, where=in_state(commands.c.state, WorkState.PARKED))

attempts = Table(
    "attempts",
    metadata,
    column("subject_id", primary=True),
    column("number", Integer, primary=True),
    column("post_id", null=True, fixed=True),
    column("started_at", Instant, fixed=True),
    column("outcome", Word(AttemptOutcome)),
    column("finished_at", Instant, null=True),
    column("status", Integer, null=True),
    column("reason", Word(FailureReason), null=True),
    column("detail", null=True),
    column("answer", JsonText, null=True),
    sqlite_with_rowid=False,
)
Index("attempts_started", attempts.c.started_at)
partial("attempts_post", attempts.c.post_id, where=attempts.c.post_id.is_not(None))

accounts = Table(
    "accounts",
    metadata,
    column("key", primary=True),
    column("partner"),
    column("id"),
    column("platform"),
    column("username"),
    column("first_seen_at", Instant),
    column("last_seen_at", Instant),
    column("display_name"),
    column("type"),
    column("state", Word(AccountState)),
    column("raw_status"),
    column("detail"),
    column("capabilities", JsonText, null=True),
    column("misses", Integer),
    column("seen_active", Integer),
    column("replaced_by", null=True),
    column("resumed_at", Instant, null=True),
    column("sequence", Integer),
    column("version", Integer),
)

keys = Table(
    "keys",
    metadata,
    column("name", primary=True),
    column("kind"),
    column("scope", null=True),
    column("blocked", Word(FailureReason), null=True),
    column("detail", null=True),
    column("failures", Integer),
    column("held_until", Instant, null=True),
    column("probe_at", Instant, null=True),
    column("listed_at", Instant, null=True),
    column("cursor", null=True),
    column("sequence", Integer),
    column("version", Integer),
)

causes = Table(
    "causes",
    metadata,
    column("id", primary=True),
    column("kind"),
    column("partner"),
    column("reason", Word(FailureReason)),
    column("detail"),
    column("opened_at", Instant),
    column("closed_at", Instant, null=True),
    column("sequence", Integer),
    column("version", Integer),
)

endpoints = Table(
    "endpoints",
    metadata,
    column("name", primary=True),
    column("url"),
    column("events", JsonTuple),
    column("configured", Flag),
    column("enabled", Flag),
    column("reason", null=True),
    column("created_at", Instant, null=True),
    column("kind"),
    column("owner"),
    column("allowed", JsonTuple),
    column("description"),
    column("where", JsonText),
    column("format"),
    column("group_s", Float),
    column("rate", Float, null=True),
    column("ordering"),
    column("timeout_s", Float, null=True),
    column("schedule_s", JsonTuple),
    column("allow_http", Flag),
    column("sealed", LargeBinary, null=True),
    column("failing_since", Instant, null=True),
    column("warned", Integer),
    column("held_until", Instant, null=True),
    column("exhausted_at", Instant, null=True),
    column("sequence", Integer),
    column("version", Integer),
)

objects = Table(
    "objects",
    metadata,
    column("key", primary=True),
    column("source", fixed=True),
    column("id", fixed=True),
    column("seen_at", Instant),
    column("revision", null=True),
    column("event_id", null=True),
    column("listed", Flag),
    column("version", Integer),
)
partial("objects_event", objects.c.event_id, where=objects.c.event_id.is_not(None))

lookups = Table(
    "lookups",
    metadata,
    Column("id", WORDS, ForeignKey("events.id"), primary_key=True, nullable=False, info={"fixed": True}),
    column("source", fixed=True),
    column("wanted", JsonText),
    column("due_at", Instant),
    column("created_at", Instant, fixed=True),
    column("traceparent", null=True, fixed=True),
    column("state", Word(WorkState)),
    column("attempts", Integer),
    column("reason", Word(FailureReason), null=True),
    column("detail", null=True),
    column("settled_at", Instant, null=True),
    column("lease_until", Instant, null=True),
    column("version", Integer),
)
partial("lookups_due", lookups.c.due_at, where=in_state(lookups.c.state, WorkState.DUE))
partial("lookups_settled", lookups.c.settled_at, where=lookups.c.settled_at.is_not(None))

feeds = Table(
    "feeds",
    metadata,
    column("source", primary=True),
    column("url"),
    column("etag"),
    column("modified"),
    column("swept_at", Instant, null=True),
    column("failures", Integer),
    column("detail"),
    column("sent", JsonTuple),
    column("version", Integer),
)

outbound_events = Table(
    "outbound_events",
    metadata,
    column("id", primary=True),
    column("type"),
    column("subject"),
    column("sequence", Integer),
    column("created_at", Instant),
    column("body", LargeBinary),
    column("partner"),
    column("platforms", JsonTuple),
    column("accounts", JsonTuple),
    column("source"),
    column("reason"),
    column("endpoint"),
    column("post_id", null=True),
    column("event_id", null=True),
    column("traceparent", null=True),
)
Index("outbound_subject", outbound_events.c.subject, outbound_events.c.sequence, unique=True)
Index("outbound_created", outbound_events.c.created_at)
partial("outbound_post", outbound_events.c.post_id, where=outbound_events.c.post_id.is_not(None))

outbound_bodies = Table(
    "outbound_bodies",
    metadata,
    Column("outbound_id", WORDS, ForeignKey("outbound_events.id"), primary_key=True, nullable=False),
    column("format", primary=True),
    column("body", LargeBinary),
    sqlite_with_rowid=False,
)

deliveries = Table(
    "deliveries",
    metadata,
    column("id", primary=True),
    Column("outbound_id", WORDS, ForeignKey("outbound_events.id"), nullable=False, info={"fixed": True}),
    column("type", fixed=True),
    column("destination_kind", fixed=True),
    column("destination", fixed=True),
    column("subject", fixed=True),
    column("sequence", Integer, fixed=True),
    column("due_at", Instant),
    column("created_at", Instant, fixed=True),
    column("state", Word(WorkState)),
    column("attempts", Integer),
    column("calls", Integer),
    column("reason", Word(FailureReason), null=True),
    column("settled_at", Instant, null=True),
    column("lease_until", Instant, null=True),
    column("format", fixed=True),
    column("lane", Word(Lane)),
    column("ordered_by", null=True, fixed=True),
    column("version", Integer),
)
Index("deliveries_outbound", deliveries.c.outbound_id)
_is_due = in_state(deliveries.c.state, WorkState.DUE)
partial("deliveries_due", deliveries.c.lane, deliveries.c.destination, deliveries.c.due_at, where=_is_due)
partial(
    "deliveries_ordered",
    deliveries.c.destination,
    deliveries.c.ordered_by,
    deliveries.c.sequence,
    where=and_(_is_due, deliveries.c.ordered_by.is_not(None)),
)
partial("deliveries_dead", deliveries.c.settled_at, where=in_state(deliveries.c.state, WorkState.DEAD))

messages = Table(
    "messages",
    metadata,
    column("id", primary=True),
    column("event_id", fixed=True),
    column("source", fixed=True),
    column("kind", fixed=True),
    column("created_at", Instant, fixed=True),
    column("channel"),
    column("thread"),
    column("user"),
    column("address"),
    column("execution"),
    column("asked"),
    column("address_until", Instant, null=True),
    column("uses", Integer),
    column("replaces", Flag),
    column("ts"),
    column("shown"),
    column("said"),
    column("begun_at", Instant, null=True),
    column("lease_until", Instant, null=True),
    column("sequence", Integer),
    column("version", Integer),
)
Index("messages_event", messages.c.event_id)
partial("messages_until", messages.c.address_until, where=messages.c.address_until.is_not(None))

replays = Table(
    "replays",
    metadata,
    column("id", primary=True),
    column("find", JsonText, fixed=True),
    column("created_at", Instant, fixed=True),
    column("until", Instant, fixed=True),
    column("missed", Flag, fixed=True),
    column("owner", fixed=True),
    column("state", Word(WorkState)),
    column("cursor"),
    column("total", Integer),
    column("sent", Integer),
    column("skipped", Integer),
    column("detail"),
    column("settled_at", Instant, null=True),
    column("version", Integer),
)

leases = Table("leases", metadata, column("name", primary=True), column("holder"), column("until", Instant))

meters = Table(
    "meters", metadata, column("name", primary=True), column("free_at", Instant), column("wanted_until", Instant)
)

restores = Table(
    "restores",
    metadata,
    column("taken_at", Instant, primary=True),
    column("reconciled_at", Instant, null=True),
    column("floor", Integer, null=True),
)
