"""Since when the log tells of a part: policies that a decision was made by are kept with it."""

import sqlalchemy as sa
from alembic import op

revision = "0010_pre_told_parts"
down_revision = "0009_pre_set_aside"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add it; decisions of before have their reasons within, and name no policies."""
    op.add_column("snapshot_parts", sa.Column("told_at", Number))
