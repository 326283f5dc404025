"""Classes of people know which invariant nobody could settle for them."""

import sqlalchemy as sa
from alembic import op

revision = "0015_pre_unsettled"
down_revision = "0014_pre_subjects"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column, and an index of the few rows that have it."""
    op.add_column("people_classes", sa.Column("unsettled", sa.Text))
    op.create_index(
        "ix_people_classes_unsettled",
        "people_classes",
        ["id"],
        sqlite_where=sa.text("unsettled IS NOT NULL"),
        postgresql_where=sa.text("unsettled IS NOT NULL"),
    )
