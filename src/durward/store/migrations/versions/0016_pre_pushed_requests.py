"""Pushed authorization requests."""

import sqlalchemy as sa
from alembic import op

revision = "0016_pre_pushed_requests"
down_revision = "0015_pre_unsettled"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add their table."""
    op.create_table(
        "pushed_requests",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("pushed_at", Number, nullable=False),
        sa.Column("expires_at", Number, nullable=False, index=True),
        sa.Column("source", sa.Text, nullable=False),
    )
    op.create_index("ix_pushed_requests_source", "pushed_requests", ["source", "pushed_at"])
