"""People are rows: what was declared of them until now becomes theirs, and their ids stay."""

import base64
import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0012_pre_people_rows"
down_revision = "0011_pre_tokens_since"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables, and move everybody who is declared."""
    op.create_table(
        "people",
        sa.Column("id", Ordered, primary_key=True),
        sa.Column("class", Ordered, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folded_name", Ordered, nullable=False, index=True),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("declared", Ordered, unique=True),
        sa.Column("made_at", Number, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("changed_at", Number, nullable=False),
        sa.Column("revision", Number, nullable=False),
        sa.Index("ix_people_class", "class", "disabled", "id"),
    )
    op.create_table(
        "people_classes",
        sa.Column("id", Ordered, primary_key=True),
        sa.Column("tenant", Ordered, nullable=False, index=True),
        sa.Column("entitlements", sa.LargeBinary, nullable=False),
        sa.Column("used_at", Number, nullable=False),
    )
    op.create_table(
        "identifiers",
        sa.Column("person", Ordered, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("canonical", Ordered, primary_key=True),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("spelled", sa.Text, nullable=False),
        sa.Column("verified", sa.Boolean, nullable=False),
        sa.Column("signs_in", sa.Text, unique=True),
        sa.Index("ix_identifiers_canonical", "canonical", "person"),
    )
    op.create_table(
        "groups",
        sa.Column("name", Ordered, primary_key=True),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("made_at", Number, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
    )
    op.create_table(
        "group_members",
        sa.Column("group", Ordered, primary_key=True),
        sa.Column("person", Ordered, primary_key=True, index=True),
    )
    op.create_table(
        "retired_people",
        sa.Column("id", Ordered, primary_key=True),
        sa.Column("declared", Ordered),
        sa.Column("at", Number, nullable=False),
    )
    _move_people(op.get_bind())


def _move_people(connection: sa.Connection) -> None:
    """Write the rows of everybody who is declared, as this version has them."""
    declared = sa.table("declarations", *map(sa.column, ("kind", "name", "body", "changed_at")))
    here = declared.c.kind == "users"
    found = connection.execute(
        sa.select(declared.c.name, declared.c.body, declared.c.changed_at)
        .where(here)
        .order_by(declared.c.name)
    ).all()
    rows: dict[str, list[dict[str, object]]] = {
        name: [] for name in ("people", "people_classes", "identifiers", "groups", "group_members")
    }
    classes: dict[str, dict[str, object]] = {}
    groups: dict[str, dict[str, object]] = {}
    signing: set[str] = set()
    for one in found:
        body, at = json.loads(one.body), one.changed_at
        entitlements = {
            "tenant": body.get("tenant", ""),
            **{
                name: sorted(set(body.get(name, ())))
                for name in ("roles", "groups", "policies", "boundary")
            },
        }
        data = json.dumps(entitlements, separators=(",", ":"), ensure_ascii=False).encode()
        key = base64.b32encode(hashlib.sha256(data).digest()[:20]).decode().lower()
        classes[key] = {
            "id": key, "tenant": entitlements["tenant"], "entitlements": data, "used_at": at,
        }  # fmt: skip
        rows["people"].append(
            {
                "id": one.name,
                "class": key,
                "name": body.get("name", ""),
                "folded_name": body.get("name", "").casefold(),
                "locale": "",
                "disabled": body.get("disabled", False),
                "declared": one.name,
                "made_at": at,
                "made_by": "operator",
                "changed_at": at,
                "revision": 1,
            }
        )
        # Declared names are of ASCII alone: without upper case they are in canonical form. Of two
        # that differ in case one signs in, as one alone did where both had been typed in a hurry.
        form = one.name.lower()
        rows["identifiers"].append(
            _identifier(one.name, "login", form, 0, one.name, None if form in signing else form)
        )
        signing.add(form)
        if email := body.get("email", ""):
            rows["identifiers"].append(
                _identifier(one.name, "email", email.lower(), 1, email, None)
            )
        for group in entitlements["groups"]:
            groups[group] = {
                "name": group, "description": "", "made_at": at, "made_by": "operator",
            }  # fmt: skip
            rows["group_members"].append({"group": group, "person": one.name})
    rows["people_classes"] = list(classes.values())
    rows["groups"] = list(groups.values())
    for name, listed in rows.items():
        if listed:
            connection.execute(sa.table(name, *map(sa.column, listed[0])).insert(), listed)
    connection.execute(declared.delete().where(here))


def _identifier(
    person: str, kind: str, form: str, place: int, spelled: str, signs_in: str | None
) -> dict[str, object]:
    return {
        "person": person,
        "kind": kind,
        "canonical": form,
        "place": place,
        "spelled": spelled,
        "verified": kind == "login",
        "signs_in": signs_in,
    }
