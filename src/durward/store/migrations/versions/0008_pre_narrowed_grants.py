"""What was granted at first, beside what is left of it: clients go on asking for that."""

import sqlalchemy as sa
from alembic import op

revision = "0008_pre_narrowed_grants"
down_revision = "0007_pre_fleet"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; without a value it is what is left."""
    op.add_column("grants", sa.Column("granted", sa.Text))
