"""The tables that are about people at work: sessions of the console, the audit log, and counts by the minute."""

from sqlalchemy import Index, Integer, Table

from bridge.store._columns import column, metadata, partial
from bridge.store._types import Instant, JsonText

sessions = Table(
    "sessions",
    metadata,
    column("id", primary=True),
    column("token", fixed=True),
    column("proof", fixed=True),
    column("began_at", Instant, fixed=True),
    column("until", Instant),
)

audit = Table(
    "audit",
    metadata,
    column("id", primary=True),
    column("at", Instant, fixed=True),
    column("token", fixed=True),
    column("via", fixed=True),
    column("action", fixed=True),
    column("subject"),
    column("outcome", Integer, null=True),
    column("detail", JsonText, null=True),
)
Index("audit_at", audit.c.at)
partial("audit_subject", audit.c.subject, audit.c.id, where=audit.c.subject != "")

tallies = Table(
    "tallies",
    metadata,
    column("minute", Instant, primary=True),
    column("what", primary=True),
    column("outcome", primary=True),
    column("count", Integer),
    sqlite_with_rowid=False,
)
