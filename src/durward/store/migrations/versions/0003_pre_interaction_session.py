"""Interactions: the session of the person who signed in for one."""

import sqlalchemy as sa
from alembic import op

revision = "0003_pre_interaction_session"
down_revision = "0002_pre_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nobody has signed in yet for the interactions under way."""
    op.add_column("interactions", sa.Column("session", sa.Text))
