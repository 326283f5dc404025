"""The first tables: audit, declarations, keys, snapshots, secrets of clients."""

import sqlalchemy as sa
from alembic import op

revision = "0001_pre_first"
down_revision = None
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "audit_outbox",
        sa.Column("position", Number, primary_key=True, autoincrement=True),
        sa.Column("event_id", sa.Text, nullable=False, unique=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit_log",
        sa.Column("sequence", Number, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.Text, nullable=False, unique=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("size", Number, nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("size", Number, primary_key=True, autoincrement=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_table(
        "declarations",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("changed_at", Number, nullable=False),
    )
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("public", sa.LargeBinary, nullable=False),
        sa.Column("private", sa.LargeBinary, nullable=False),
        sa.Column("published_at", Number, nullable=False),
        sa.Column("signs_from", Number, nullable=False),
        sa.Column("retired_at", Number),
        sa.Column("removed_at", Number),
    )
    op.create_table(
        "snapshots",
        sa.Column("version", Number, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("published_at", Number, nullable=False),
    )
    op.create_table(
        "client_secrets",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("client", sa.Text, nullable=False, index=True),
        sa.Column("created_at", Number, nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
    )
    op.create_table(
        "consumed_assertions",
        sa.Column("client", sa.Text, primary_key=True),
        sa.Column("jti", sa.Text, primary_key=True),
        sa.Column("expires_at", Number, nullable=False, index=True),
    )
    head = sa.table(
        "audit_head",
        sa.column("id", sa.Integer),
        sa.column("size", Number),
        sa.column("frontier", sa.LargeBinary),
    )
    op.execute(head.insert().values(id=1, size=0, frontier=b""))
