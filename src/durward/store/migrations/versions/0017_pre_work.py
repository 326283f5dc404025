"""The work queue: what is done after the transaction that caused it."""

import sqlalchemy as sa
from alembic import op

revision = "0017_pre_work"
down_revision = "0016_pre_pushed_requests"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "work",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("added_at", Number, nullable=False),
        sa.Column("due_at", Number, nullable=False),
        sa.Column("expires_at", Number, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
    )
    op.create_index("ix_work_due", "work", ["kind", "due_at"])
    op.create_index("ix_work_expires_at", "work", ["expires_at"])
