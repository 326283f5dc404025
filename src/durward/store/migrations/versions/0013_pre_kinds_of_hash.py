"""Passwords have the present and the first kind of their hash: decoys are distributed so."""

import sqlalchemy as sa
from alembic import op

revision = "0013_pre_kinds_of_hash"
down_revision = "0012_pre_people_rows"
branch_labels = None
depends_on = None

SALT_AND_DIGEST = "A" * 22 + "$" + "A" * 43
KINDS = ("$argon2id$v=19$m=19456,t=2,p=1$", "$argon2id$v=19$m=65536,t=3,p=4$")
"""The parameters of hashes until now."""


def upgrade() -> None:
    """Add the columns, and fill them for the two known kinds."""
    op.add_column("passwords", sa.Column("kind", sa.Text))
    op.add_column("passwords", sa.Column("first_kind", sa.Text))
    hashes = sa.table("passwords", *(sa.column(name) for name in ("hash", "kind", "first_kind")))
    for begins in KINDS:
        kind = begins + SALT_AND_DIGEST
        op.execute(
            sa.update(hashes)
            .where(hashes.c.hash.startswith(begins, autoescape=True))
            .values(kind=kind, first_kind=kind)
        )
    op.create_index("ix_passwords_kind", "passwords", ["first_kind", "kind"])
