"""Copies that say that they are copies, and traces of what becomes of an event."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from bridge.core.traces import parse

revision = "0002_since_0001"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
_EVENTS = sa.table("events", sa.column("id", _TEXT), sa.column("traceparent", _TEXT))
_PAGE = 1_000


def upgrade() -> None:
    op.create_table(
        "restores",
        sa.Column("taken_at", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("reconciled_at", sa.BigInteger(), nullable=True),
        sa.Column("floor", sa.Integer(), nullable=True),
    )
    for table in ("posts", "lookups", "outbound_events"):
        op.add_column(table, sa.Column("traceparent", _TEXT, nullable=True))
    _mend_contexts(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("restore the copy that was made before the upgrade")


def _mend_contexts(connection: sa.Connection) -> None:
    """Make contexts of what was kept as it came."""
    last = ""
    rows = sa.select(_EVENTS).where(_EVENTS.c.traceparent.is_not(None)).order_by(_EVENTS.c.id).limit(_PAGE)
    while found := connection.execute(rows.where(_EVENTS.c.id > last)).all():
        for event_id, traceparent in found:
            if (context := parse(traceparent)) != traceparent:
                mended = sa.update(_EVENTS).where(_EVENTS.c.id == event_id).values(traceparent=context)
                connection.execute(mended)
        last = found[-1].id
