"""How many rows of the log's tables were set aside, and when the last one was."""

import sqlalchemy as sa
from alembic import op

revision = "0009_pre_set_aside"
down_revision = "0008_pre_narrowed_grants"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add both; none so far."""
    op.add_column("audit_head", sa.Column("set_aside", Number, nullable=False, server_default="0"))
    op.add_column("audit_head", sa.Column("set_aside_at", Number))
