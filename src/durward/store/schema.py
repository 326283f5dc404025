"""The tables, as migrations leave them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()
Number = BigInteger().with_variant(Integer, "sqlite")

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
