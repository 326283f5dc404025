"""The tables, as migrations leave them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData()
Number = BigInteger().with_variant(Integer, "sqlite")
Ordered = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared byte by byte, as SQLite does: what begins so is a range of it."""

outbox = Table(
    "audit_outbox",
    metadata,
    Column("position", Number, primary_key=True, autoincrement=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

log = Table(
    "audit_log",
    metadata,
    Column("sequence", Number, primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False, unique=True),
    Column("body", LargeBinary, nullable=False),
)

log_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", Number, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("set_aside", Number, nullable=False, server_default="0"),
    Column("set_aside_at", Number),
)

checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("size", Number, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
)

declarations = Table(
    "declarations",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("changed_at", Number, nullable=False),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("private", LargeBinary, nullable=False),
    Column("published_at", Number, nullable=False),
    Column("signs_from", Number, nullable=False),
    Column("retired_at", Number),
    Column("removed_at", Number),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("version", Number, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("published_at", Number, nullable=False),
)

parts = Table(
    "snapshot_parts",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("version", Number, nullable=False, index=True),
    Column("told_at", Number),
)

deployment = Table(
    "deployment",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("database", Text, nullable=False),
    Column("epoch", Number, nullable=False),
    Column("tokens_since", Number, nullable=False, server_default="0"),
)

nodes = Table(
    "nodes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("place", Text, nullable=False),
    Column("joined_at", Number, nullable=False),
    Column("heard_at", Number, nullable=False),
    Column("version", Number, nullable=False),
    Column("report", LargeBinary),
)

node_reports = Table(
    "node_reports",
    metadata,
    Column("node", Text, primary_key=True),
    Column("at", Number, primary_key=True, autoincrement=False),
    Column("version", Number, nullable=False),
    Column("report", LargeBinary, nullable=False),
    Index("ix_node_reports_at", "at"),
)

versions = Table(
    "versions",
    metadata,
    Column("version", Number, primary_key=True, autoincrement=False),
    Column("published_at", Number, nullable=False),
    Column("actor", Text, nullable=False),
    Column("cause", Text, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Number, primary_key=True, autoincrement=False),
    Column("step", Text, nullable=False),
    Column("body", LargeBinary),
)

client_secrets = Table(
    "client_secrets",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("client", Text, nullable=False, index=True),
    Column("created_at", Number, nullable=False),
    Column("revoked", Boolean, nullable=False),
)

consumed = Table(
    "consumed_assertions",
    metadata,
    Column("client", Text, primary_key=True),
    Column("jti", Text, primary_key=True),
    Column("expires_at", Number, nullable=False, index=True),
)

people = Table(
    "people",
    metadata,
    Column("id", Ordered, primary_key=True),
    Column("class", Ordered, nullable=False),
    Column("name", Text, nullable=False),
    Column("folded_name", Ordered, nullable=False, index=True),
    Column("locale", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("declared", Ordered, unique=True),
    Column("made_at", Number, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("changed_at", Number, nullable=False),
    Column("revision", Number, nullable=False),
    # That of the class, for the pages of a tenant: an index has columns of one table.
    Column("tenant", Ordered, nullable=False, server_default=""),
    Index("ix_people_class", "class", "disabled", "id"),
    Index("ix_people_tenant", "tenant", "id"),
)

people_classes = Table(
    "people_classes",
    metadata,
    Column("id", Ordered, primary_key=True),
    Column("tenant", Ordered, nullable=False),
    Column("entitlements", LargeBinary, nullable=False),
    Column("used_at", Number, nullable=False),
    # An invariant that could not be settled in time when somebody came to be of the class.
    Column("unsettled", Text),
    Index("ix_people_classes_tenant", "tenant", "id"),
    Index(
        "ix_people_classes_unsettled",
        "id",
        sqlite_where=text("unsettled IS NOT NULL"),
        postgresql_where=text("unsettled IS NOT NULL"),
    ),
)

identifiers = Table(
    "identifiers",
    metadata,
    Column("person", Ordered, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("canonical", Ordered, primary_key=True),
    Column("place", Integer, nullable=False),
    Column("spelled", Text, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("signs_in", Text, unique=True),
    Index("ix_identifiers_canonical", "canonical", "person"),
)

groups = Table(
    "groups",
    metadata,
    Column("name", Ordered, primary_key=True),
    Column("description", Text, nullable=False),
    Column("made_at", Number, nullable=False),
    Column("made_by", Text, nullable=False),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group", Ordered, primary_key=True),
    Column("person", Ordered, primary_key=True, index=True),
)

retired_people = Table(
    "retired_people",
    metadata,
    Column("id", Ordered, primary_key=True),
    Column("declared", Ordered),
    Column("at", Number, nullable=False),
)

subjects = Table(
    "subjects",
    metadata,
    Column("id", Ordered, primary_key=True),
    Column("kind", Text, nullable=False),
)

passwords = Table(
    "passwords",
    metadata,
    Column("user", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("changed_at", Number, nullable=False),
    Column("kind", Text),
    Column("first_kind", Text),
    Index("ix_passwords_kind", "first_kind", "kind"),
)

reset_links = Table(
    "reset_links",
    metadata,
    Column("user", Text, primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("address", Text, nullable=False),
    Column("invited", Boolean, primary_key=True),
    Column("made_at", Number, nullable=False),
    Column("expires_at", Number, nullable=False, index=True),
)

attempts = Table(
    "attempts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", Number, nullable=False),
)

known_browsers = Table(
    "known_browsers",
    metadata,
    Column("user", Text, primary_key=True),
    Column("secret", LargeBinary, primary_key=True, index=True),
    Column("first_at", Number, nullable=False),
    Column("last_at", Number, nullable=False, index=True),
)

interactions = Table(
    "interactions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("browser", LargeBinary, nullable=False, index=True),
    Column("request", LargeBinary, nullable=False),
    Column("began_at", Number, nullable=False),
    Column("expires_at", Number, nullable=False, index=True),
    Column("session", Text),
    Column("source", Text, nullable=False, server_default=""),
    Index("ix_interactions_source", "source", "began_at"),
)

pushed_requests = Table(
    "pushed_requests",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("client", Text, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("pushed_at", Number, nullable=False),
    Column("expires_at", Number, nullable=False, index=True),
    Column("source", Text, nullable=False),
    Index("ix_pushed_requests_source", "source", "pushed_at"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False, unique=True),
    Column("user", Text, nullable=False, index=True),
    Column("tenant", Text, nullable=False),
    Column("methods", Text, nullable=False),
    Column("started_at", Number, nullable=False),
    Column("authenticated_at", Number, nullable=False),
    Column("seen_at", Number, nullable=False),
    Column("source", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("ended_at", Number),
)

consents = Table(
    "consents",
    metadata,
    Column("user", Text, primary_key=True),
    Column("client", Text, primary_key=True),
    Column("audience", Text, primary_key=True),
    Column("scopes", Text, nullable=False),
    Column("given_at", Number, nullable=False),
)

grants = Table(
    "grants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user", Text, nullable=False, index=True),
    Column("client", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("session", Text, nullable=False, index=True),
    Column("methods", Text, nullable=False),
    Column("authenticated_at", Number, nullable=False),
    Column("nonce", Text),
    Column("created_at", Number, nullable=False),
    Column("granted", Text),
    Column("ended_at", Number),
)

codes = Table(
    "authorization_codes",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("grant", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("challenge", Text, nullable=False),
    Column("expires_at", Number, nullable=False),
    Column("redeemed_at", Number),
)

families = Table(
    "refresh_families",
    metadata,
    Column("grant", Text, primary_key=True),
    Column("client", Text, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("expires_at", Number, nullable=False),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("grant", Text, nullable=False, index=True),
    Column("issued_at", Number, nullable=False),
    Column("spent_at", Number),
)

revocations = Table(
    "revocations",
    metadata,
    Column("sequence", Number, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("at", Number, nullable=False),
)

work = Table(
    "work",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("added_at", Number, nullable=False),
    Column("due_at", Number, nullable=False),
    Column("expires_at", Number, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Index("ix_work_due", "kind", "due_at"),
)
