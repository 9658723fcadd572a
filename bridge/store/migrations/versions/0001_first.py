"""All tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("key", _TEXT, primary_key=True, nullable=False),
        sa.Column("partner", _TEXT, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("platform", _TEXT, nullable=False),
        sa.Column("username", _TEXT, nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("display_name", _TEXT, nullable=False),
        sa.Column("type", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("raw_status", _TEXT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.Column("capabilities", _TEXT, nullable=True),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("seen_active", sa.Integer(), nullable=False),
        sa.Column("replaced_by", _TEXT, nullable=True),
        sa.Column("resumed_at", sa.BigInteger(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_table(
        "attempts",
        sa.Column("subject_id", _TEXT, primary_key=True, nullable=False),
        sa.Column("number", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("post_id", _TEXT, nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", _TEXT, nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("reason", _TEXT, nullable=True),
        sa.Column("detail", _TEXT, nullable=True),
        sa.Column("answer", _TEXT, nullable=True),
        sqlite_with_rowid=False,
    )
    _partial_index("attempts_post", "attempts", ["post_id"], "post_id IS NOT NULL")
    op.create_index("attempts_started", "attempts", ["started_at"])
    op.create_table(
        "causes",
        sa.Column("id", _TEXT, primary_key=True, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("partner", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_table(
        "endpoints",
        sa.Column("name", _TEXT, primary_key=True, nullable=False),
        sa.Column("url", _TEXT, nullable=False),
        sa.Column("events", _TEXT, nullable=False),
        sa.Column("configured", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("reason", _TEXT, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=True),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("owner", _TEXT, nullable=False),
        sa.Column("allowed", _TEXT, nullable=False),
        sa.Column("description", _TEXT, nullable=False),
        sa.Column("where", _TEXT, nullable=False),
        sa.Column("format", _TEXT, nullable=False),
        sa.Column("group_s", sa.Float(), nullable=False),
        sa.Column("rate", sa.Float(), nullable=True),
        sa.Column("ordering", _TEXT, nullable=False),
        sa.Column("timeout_s", sa.Float(), nullable=True),
        sa.Column("schedule_s", _TEXT, nullable=False),
        sa.Column("allow_http", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("warned", sa.Integer(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=True),
        sa.Column("exhausted_at", sa.BigInteger(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("id", _TEXT, primary_key=True, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("scope", _TEXT, nullable=False),
        sa.Column("key", _TEXT, nullable=True),
        sa.Column("key_until", sa.BigInteger(), nullable=True),
        sa.Column("fingerprint", _TEXT, nullable=False),
        sa.Column("intent", _TEXT, nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("content_type", _TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("request", _TEXT, nullable=False),
        sa.Column("external_id", _TEXT, nullable=True),
        sa.Column("object_id", _TEXT, nullable=True),
        sa.Column("revision", _TEXT, nullable=True),
        sa.Column("correlation", _TEXT, nullable=True),
        sa.Column("traceparent", _TEXT, nullable=True),
        sa.Column("warnings", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=True),
    )
    _partial_index("events_key", "events", ["key", "scope"], '"key" IS NOT NULL', unique=True)
    op.create_index("events_received", "events", ["received_at"])
    _partial_index("events_object", "events", ["object_id", "source"], "object_id IS NOT NULL")
    op.create_table(
        "keys",
        sa.Column("name", _TEXT, primary_key=True, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("scope", _TEXT, nullable=True),
        sa.Column("blocked", _TEXT, nullable=True),
        sa.Column("detail", _TEXT, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=True),
        sa.Column("probe_at", sa.BigInteger(), nullable=True),
        sa.Column("listed_at", sa.BigInteger(), nullable=True),
        sa.Column("cursor", _TEXT, nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("name", _TEXT, primary_key=True, nullable=False),
        sa.Column("holder", _TEXT, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "meters",
        sa.Column("name", _TEXT, primary_key=True, nullable=False),
        sa.Column("free_at", sa.BigInteger(), nullable=False),
        sa.Column("wanted_until", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "outbound_events",
        sa.Column("id", _TEXT, primary_key=True, nullable=False),
        sa.Column("type", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("partner", _TEXT, nullable=False),
        sa.Column("platforms", _TEXT, nullable=False),
        sa.Column("accounts", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("endpoint", _TEXT, nullable=False),
        sa.Column("post_id", _TEXT, nullable=True),
        sa.Column("event_id", _TEXT, nullable=True),
    )
    _partial_index("outbound_post", "outbound_events", ["post_id"], "post_id IS NOT NULL")
    op.create_index("outbound_created", "outbound_events", ["created_at"])
    op.create_index("outbound_subject", "outbound_events", ["subject", "sequence"], unique=True)
    op.create_table(
        "outbound_bodies",
        sa.Column("outbound_id", _TEXT, sa.ForeignKey("outbound_events.id"), primary_key=True, nullable=False),
        sa.Column("format", _TEXT, primary_key=True, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "posts",
        sa.Column("id", _TEXT, primary_key=True, nullable=False),
        sa.Column("event_id", _TEXT, nullable=False),
        sa.Column("partner", _TEXT, nullable=False),
        sa.Column("external_id", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("content", _TEXT, nullable=False),
        sa.Column("targets", _TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("wanted_at", sa.BigInteger(), nullable=False),
        sa.Column("caller_id", _TEXT, nullable=True),
        sa.Column("correlation", _TEXT, nullable=True),
        sa.Column("partner_id", _TEXT, nullable=True),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("raw_status", _TEXT, nullable=True),
        sa.Column("reason", _TEXT, nullable=True),
        sa.Column("error", _TEXT, nullable=True),
        sa.Column("scheduled_at", sa.BigInteger(), nullable=True),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("poll_at", sa.BigInteger(), nullable=True),
        sa.Column("in_flight_since", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("partner_created_at", sa.BigInteger(), nullable=True),
        sa.Column("stuck", sa.Boolean(), nullable=False),
        sa.Column("gave_up", sa.Boolean(), nullable=False),
        sa.Column("hosted", _TEXT, nullable=True),
        sa.Column("commands", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
    )
    op.create_index("posts_event", "posts", ["event_id"])
    _partial_index("posts_partner_id", "posts", ["partner", "partner_id"], "partner_id IS NOT NULL", unique=True)
    op.create_index("posts_state", "posts", ["partner", "state"])
    _partial_index("posts_tracked", "posts", ["partner", "poll_at"], "poll_at IS NOT NULL")
    _partial_index("posts_ended", "posts", ["ended_at"], "ended_at IS NOT NULL")
    op.create_table(
        "commands",
        sa.Column("id", _TEXT, primary_key=True, nullable=False),
        sa.Column("post_id", _TEXT, sa.ForeignKey("posts.id"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("partner", _TEXT, nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("payload", _TEXT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("first_attempt_at", sa.BigInteger(), nullable=True),
        sa.Column("cause", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=True),
        sa.Column("detail", _TEXT, nullable=True),
        sa.Column("parked_at", sa.BigInteger(), nullable=True),
        sa.Column("progress", _TEXT, nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    _partial_index("commands_due", "commands", ["partner", "due_at"], "state = 'due'")
    _partial_index("commands_parked", "commands", ["id"], "state = 'parked'")
    op.create_index("commands_post", "commands", ["post_id", "number"], unique=True)
    op.create_table(
        "deliveries",
        sa.Column("id", _TEXT, primary_key=True, nullable=False),
        sa.Column("outbound_id", _TEXT, sa.ForeignKey("outbound_events.id"), nullable=False),
        sa.Column("type", _TEXT, nullable=False),
        sa.Column("destination_kind", _TEXT, nullable=False),
        sa.Column("destination", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("reason", _TEXT, nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("format", _TEXT, nullable=False),
        sa.Column("lane", _TEXT, nullable=False),
        sa.Column("ordered_by", _TEXT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    _partial_index("deliveries_dead", "deliveries", ["settled_at"], "state = 'dead'")
    _partial_index("deliveries_due", "deliveries", ["lane", "destination", "due_at"], "state = 'due'")
    _partial_index(
        "deliveries_ordered",
        "deliveries",
        ["destination", "ordered_by", "sequence"],
        "state = 'due' AND ordered_by IS NOT NULL",
    )
    op.create_index("deliveries_outbound", "deliveries", ["outbound_id"])
    op.create_table(
        "messages",
        sa.Column("id", _TEXT, primary_key=True, nullable=False),
        sa.Column("event_id", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("channel", _TEXT, nullable=False),
        sa.Column("thread", _TEXT, nullable=False),
        sa.Column("user", _TEXT, nullable=False),
        sa.Column("address", _TEXT, nullable=False),
        sa.Column("execution", _TEXT, nullable=False),
        sa.Column("asked", _TEXT, nullable=False),
        sa.Column("address_until", sa.BigInteger(), nullable=True),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("replaces", sa.Boolean(), nullable=False),
        sa.Column("ts", _TEXT, nullable=False),
        sa.Column("shown", _TEXT, nullable=False),
        sa.Column("said", _TEXT, nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_index("messages_event", "messages", ["event_id"])
    _partial_index("messages_until", "messages", ["address_until"], "address_until IS NOT NULL")
    op.create_table(
        "objects",
        sa.Column("key", _TEXT, primary_key=True, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", _TEXT, nullable=True),
        sa.Column("event_id", _TEXT, nullable=True),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    _partial_index("objects_event", "objects", ["event_id"], "event_id IS NOT NULL")
    op.create_table(
        "lookups",
        sa.Column("id", _TEXT, sa.ForeignKey("events.id"), primary_key=True, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("wanted", _TEXT, nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", _TEXT, nullable=True),
        sa.Column("detail", _TEXT, nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    _partial_index("lookups_due", "lookups", ["due_at"], "state = 'due'")
    _partial_index("lookups_settled", "lookups", ["settled_at"], "settled_at IS NOT NULL")
    op.create_table(
        "feeds",
        sa.Column("source", _TEXT, primary_key=True, nullable=False),
        sa.Column("url", _TEXT, nullable=False),
        sa.Column("etag", _TEXT, nullable=False),
        sa.Column("modified", _TEXT, nullable=False),
        sa.Column("swept_at", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.Column("sent", _TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_table(
        "replays",
        sa.Column("id", _TEXT, primary_key=True, nullable=False),
        sa.Column("find", _TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("missed", sa.Boolean(), nullable=False),
        sa.Column("owner", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("cursor", _TEXT, nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
    )


def _partial_index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    raise NotImplementedError("restore the copy that was made before the upgrade")
