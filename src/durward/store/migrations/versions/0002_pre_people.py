"""People: passwords, sessions, consents, grants, codes, refresh families, revocations."""

import sqlalchemy as sa
from alembic import op

revision = "0002_pre_people"
down_revision = "0001_pre_first"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "passwords",
        sa.Column("user", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("changed_at", Number, nullable=False),
    )
    op.create_table(
        "attempts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_at", Number, nullable=False),
    )
    op.create_table(
        "interactions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("browser", sa.LargeBinary, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("began_at", Number, nullable=False),
        sa.Column("expires_at", Number, nullable=False, index=True),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("secret", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("user", sa.Text, nullable=False, index=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("methods", sa.Text, nullable=False),
        sa.Column("started_at", Number, nullable=False),
        sa.Column("authenticated_at", Number, nullable=False),
        sa.Column("seen_at", Number, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("ended_at", Number),
    )
    op.create_table(
        "consents",
        sa.Column("user", sa.Text, primary_key=True),
        sa.Column("client", sa.Text, primary_key=True),
        sa.Column("audience", sa.Text, primary_key=True),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("given_at", Number, nullable=False),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user", sa.Text, nullable=False, index=True),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("audience", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("session", sa.Text, nullable=False, index=True),
        sa.Column("methods", sa.Text, nullable=False),
        sa.Column("authenticated_at", Number, nullable=False),
        sa.Column("nonce", sa.Text),
        sa.Column("created_at", Number, nullable=False),
        sa.Column("ended_at", Number),
    )
    op.create_table(
        "authorization_codes",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("grant", sa.Text, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("challenge", sa.Text, nullable=False),
        sa.Column("expires_at", Number, nullable=False),
        sa.Column("redeemed_at", Number),
    )
    op.create_table(
        "refresh_families",
        sa.Column("grant", sa.Text, primary_key=True),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", Number, nullable=False),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("grant", sa.Text, nullable=False, index=True),
        sa.Column("issued_at", Number, nullable=False),
        sa.Column("spent_at", Number),
    )
    op.create_table(
        "revocations",
        sa.Column("sequence", Number, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("at", Number, nullable=False),
    )
