"""The history of versions: who published each, and what it changed in what is declared."""

import sqlalchemy as sa
from alembic import op

revision = "0006_pre_history"
down_revision = "0005_pre_interaction_source"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables. The history begins with the newest version and all that it declares."""
    op.create_table(
        "versions",
        sa.Column("version", Number, primary_key=True, autoincrement=False),
        sa.Column("published_at", Number, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
    )
    op.create_table(
        "changes",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", Number, primary_key=True, autoincrement=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary),
    )
    op.execute(
        "INSERT INTO versions (version, published_at, actor, cause) "
        "SELECT version, published_at, 'migration', 'the history begins' FROM snapshots "
        "WHERE version = (SELECT max(version) FROM snapshots)"
    )
    op.execute(
        "INSERT INTO changes (kind, name, version, step, body) "
        "SELECT d.kind, d.name, v.version, 'add', d.body FROM declarations d, versions v"
    )
