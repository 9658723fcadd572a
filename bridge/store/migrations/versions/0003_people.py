"""Sessions of the console, the audit log, counts by the minute, and the headers that an event came with."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003_since_0001"
down_revision = "0002_since_0001"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", _TEXT, primary_key=True, nullable=False),
        sa.Column("token", _TEXT, nullable=False),
        sa.Column("proof", _TEXT, nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", _TEXT, primary_key=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("token", _TEXT, nullable=False),
        sa.Column("via", _TEXT, nullable=False),
        sa.Column("action", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("outcome", sa.Integer(), nullable=True),
        sa.Column("detail", _TEXT, nullable=True),
    )
    op.create_index("audit_at", "audit", ["at"])
    named = sa.text("subject != ''")
    op.create_index("audit_subject", "audit", ["subject", "id"], sqlite_where=named, postgresql_where=named)
    op.create_table(
        "tallies",
        sa.Column("minute", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("what", _TEXT, primary_key=True, nullable=False),
        sa.Column("outcome", _TEXT, primary_key=True, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("events", sa.Column("headers", _TEXT, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("restore the copy that was made before the upgrade")
