"""Chosen ids of people and clients are given once; people know their tenant."""

import sqlalchemy as sa
from alembic import op

revision = "0014_pre_subjects"
down_revision = "0013_pre_kinds_of_hash"
branch_labels = None
depends_on = None

Ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MADE_HERE = "p\\_%"


def upgrade() -> None:
    """Add columns and indices, and write down which ids were given until now."""
    op.add_column("people", sa.Column("tenant", Ordered, nullable=False, server_default=""))
    people = sa.table("people", *map(sa.column, ("id", "class", "tenant")))
    classes = sa.table("people_classes", *map(sa.column, ("id", "tenant")))
    found = sa.select(classes.c.tenant).where(classes.c.id == people.c["class"])
    op.execute(sa.update(people).values(tenant=found.scalar_subquery()))
    op.create_index("ix_people_tenant", "people", ["tenant", "id"])
    op.drop_index("ix_people_classes_tenant", "people_classes")
    op.create_index("ix_people_classes_tenant", "people_classes", ["tenant", "id"])
    op.create_table(
        "subjects",
        sa.Column("id", Ordered, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
    )
    _given()


def _given() -> None:
    """Clients that are declared, or were in the history; people with ids that somebody chose."""
    subjects = sa.table("subjects", *map(sa.column, ("id", "kind")))
    for table, kind, names in (
        ("declarations", "clients", "name"),
        ("changes", "clients", "name"),
        ("people", "users", "id"),
        ("retired_people", "users", "id"),
    ):
        source = sa.table(table, *map(sa.column, ("kind", names)))
        name = source.c[names]
        of_kind = source.c.kind == kind if kind == "clients" else name.not_like(MADE_HERE, "\\")
        here = sa.and_(of_kind, name.not_in(sa.select(subjects.c.id)))
        rows = sa.select(name, sa.literal(kind)).where(here).distinct()
        op.execute(subjects.insert().from_select(["id", "kind"], rows))
