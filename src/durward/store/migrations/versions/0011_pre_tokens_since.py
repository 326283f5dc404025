"""Since when tokens name what is their person's own: edges take no token of before (ADR 24)."""

import sqlalchemy as sa
from alembic import op

from durward.clock import now
from durward.core.values import numeric_date
from durward.entropy import new_id

revision = "0011_pre_tokens_since"
down_revision = "0010_pre_told_parts"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add it; where there are people it is now, and a database without an identity gets one.

    Tokens tell the second of their issue alone: those of this one may be of before.
    """
    added = sa.Column("tokens_since", Number, nullable=False, server_default="0")
    op.add_column("deployment", added)
    connection = op.get_bind()
    if connection.execute(sa.text("SELECT 1 FROM declarations WHERE kind = 'users'")).first():
        connection.execute(
            sa.text(
                "INSERT INTO deployment (id, database, epoch) SELECT 1, :database, 1 "
                "WHERE NOT EXISTS (SELECT 1 FROM deployment)"
            ),
            {"database": new_id("db")},
        )
        since = {"since": numeric_date(now()) + 1}
        connection.execute(sa.text("UPDATE deployment SET tokens_since = :since"), since)
