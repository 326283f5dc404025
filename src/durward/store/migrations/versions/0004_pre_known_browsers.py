"""Known browsers; and attempts without what was typed."""

import sqlalchemy as sa
from alembic import op

revision = "0004_pre_known_browsers"
down_revision = "0003_pre_interaction_session"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the table, and forget counts: their names hold accounts as they were typed."""
    op.create_table(
        "known_browsers",
        sa.Column("user", sa.Text, primary_key=True),
        sa.Column("secret", sa.LargeBinary, primary_key=True, index=True),
        sa.Column("first_at", Number, nullable=False),
        sa.Column("last_at", Number, nullable=False, index=True),
    )
    op.execute("DELETE FROM attempts")
