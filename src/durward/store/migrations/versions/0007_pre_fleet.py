"""The snapshot in parts, the identity of the database, and the nodes that report."""

import sqlalchemy as sa
from alembic import op

revision = "0007_pre_fleet"
down_revision = "0006_pre_history"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables. What was published as a whole is published anew, in parts, at start."""
    op.create_table(
        "snapshot_parts",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("version", Number, nullable=False),
    )
    op.create_index("ix_snapshot_parts_version", "snapshot_parts", ["version"])
    op.create_table(
        "deployment",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("database", sa.Text, nullable=False),
        sa.Column("epoch", Number, nullable=False),
    )
    op.create_table(
        "nodes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("joined_at", Number, nullable=False),
        sa.Column("heard_at", Number, nullable=False),
        sa.Column("version", Number, nullable=False),
        sa.Column("report", sa.LargeBinary),
    )
    op.create_table(
        "node_reports",
        sa.Column("node", sa.Text, primary_key=True),
        sa.Column("at", Number, primary_key=True, autoincrement=False),
        sa.Column("version", Number, nullable=False),
        sa.Column("report", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_node_reports_at", "node_reports", ["at"])
