"""Where a sign-in under way was begun from, so that no source has too many of them."""

import sqlalchemy as sa
from alembic import op

revision = "0005_pre_interaction_source"
down_revision = "0004_pre_known_browsers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; what waits already counts as of nobody's, and is over in half an hour."""
    source = sa.Column("source", sa.Text, nullable=False, server_default="")
    op.add_column("interactions", source)
    op.create_index("ix_interactions_source", "interactions", ["source", "began_at"])
    op.create_index("ix_interactions_browser", "interactions", ["browser"])
