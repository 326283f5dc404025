"""Signing keys in the store: the public half in clear, the private half encrypted."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, exists, insert, select, update

from durward.core.audit.event import AuditContext, EventKind
from durward.core.values import Instant
from durward.store.audit import record_event
from durward.store.schema import signing_keys


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One key and the instants of its lifecycle, which `core/jose/life.py` defines."""

    kid: str
    purpose: str
    algorithm: str
    public: bytes
    private: bytes
    published_at: Instant
    signs_from: Instant
    retired_at: Instant | None = None
    removed_at: Instant | None = None

    def __repr__(self) -> str:
        return f"StoredKey({self.kid}, {self.purpose}, •••)"


def load_keys(connection: Connection) -> list[StoredKey]:
    """Every key that is not removed, the oldest first."""
    c = signing_keys.c
    statement = select(
        *(c.kid, c.purpose, c.algorithm, c.public, c.private),
        *(c.published_at, c.signs_from, c.retired_at, c.removed_at),
    )
    rows = connection.execute(statement.where(c.removed_at.is_(None)).order_by(c.published_at))
    return [StoredKey(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's own way


def load_public_key(connection: Connection, purpose: str, kid: str) -> bytes | None:
    """The public half of a key for a purpose, also of a retired or removed one.

    None for a compromised key, since its signatures prove nothing: it is one whose successor signs
    from the instant at which it was retired.
    """
    c, following = signing_keys.c, signing_keys.alias().c
    at_once = exists().where(following.purpose == purpose, following.signs_from == c.retired_at)
    here = (c.purpose == purpose) & (c.kid == kid) & ~at_once
    return connection.execute(select(c.public).where(here)).scalar()


def record_key(connection: Connection, key: StoredKey, audit: AuditContext) -> None:
    """Store a new key."""
    connection.execute(
        insert(signing_keys).values(
            kid=key.kid,
            purpose=key.purpose,
            algorithm=key.algorithm,
            public=key.public,
            private=key.private,
            published_at=key.published_at,
            signs_from=key.signs_from,
            retired_at=key.retired_at,
        )
    )
    told = {"purpose": key.purpose, "algorithm": key.algorithm}
    record_event(connection, audit.event(EventKind.KEY_CREATED, f"keys/{key.kid}", **told))


def retire_key(connection: Connection, kid: str, retired_at: Instant, audit: AuditContext) -> None:
    """Set the time until which a key is published; a second call can only make it earlier."""
    columns = signing_keys.c
    longer = columns.retired_at.is_(None) | (columns.retired_at > retired_at)
    here = (columns.kid == kid) & longer
    if connection.execute(update(signing_keys).where(here).values(retired_at=retired_at)).rowcount:
        # Retired now: its tokens are refused at once.
        told = {"unsafe_now": True} if retired_at <= audit.at else {}
        event = audit.event(EventKind.KEY_RETIRED, f"keys/{kid}", retired_at=retired_at)
        record_event(connection, replace(event, facts={**event.facts, **told}))


def remove_keys(connection: Connection, now: Instant) -> int:
    """Destroy the private halves of keys that are retired; the rows stay as evidence."""
    columns = signing_keys.c
    due = columns.removed_at.is_(None) & (columns.retired_at <= now)
    gone = {"removed_at": now, "private": b""}
    return connection.execute(update(signing_keys).where(due).values(**gone)).rowcount
