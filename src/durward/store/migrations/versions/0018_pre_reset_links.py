"""Links by which people choose a new password."""

import sqlalchemy as sa
from alembic import op

revision = "0018_pre_reset_links"
down_revision = "0017_pre_work"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "reset_links",
        sa.Column("user", sa.Text, primary_key=True),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("invited", sa.Boolean, primary_key=True),
        sa.Column("made_at", Number, nullable=False),
        sa.Column("expires_at", Number, nullable=False),
    )
    op.create_index("ix_reset_links_expires_at", "reset_links", ["expires_at"])
