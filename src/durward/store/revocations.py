"""Revocations of unexpired tokens, as a list that only grows.

Sequence numbers follow the order of commits: a reader up to one has missed none before it.
"""

from sqlalchemy import Connection, func, insert, select, text

from durward.core.audit.event import AuditContext, EventKind
from durward.core.edge.revocation import Revocation, RevocationKind
from durward.core.values import Instant
from durward.store.audit import record_event
from durward.store.schema import revocations

LOCK = 7_238_472
MAX_LISTED = 10_000


def record_revocation(
    connection: Connection, kind: RevocationKind, value: str, audit: AuditContext
) -> None:
    """Revoke a session, a grant, or the earlier tokens of a subject or a client."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    sequence = newest_revocation(connection) + 1
    values = {"sequence": sequence, "kind": kind.value, "value": value, "at": audit.at}
    connection.execute(insert(revocations).values(**values))
    record_event(connection, audit.event(EventKind.REVOKED, f"{kind}s/{value}", sequence=sequence))


def newest_revocation(connection: Connection) -> int:
    """The last sequence number; 0 if there is none."""
    return connection.execute(select(func.max(revocations.c.sequence))).scalar() or 0


def last_revocation(connection: Connection) -> tuple[int, int]:
    """The last sequence number and the time of its revocation; zeroes if there is none."""
    c = revocations.c
    row = connection.execute(select(c.sequence, c.at).order_by(c.sequence.desc()).limit(1)).first()
    return (row.sequence, row.at) if row else (0, 0)


def revoked_at(connection: Connection, sequence: int) -> Instant | None:
    """The time of the revocation with this number; None if there is none."""
    here = revocations.c.sequence == sequence
    return connection.execute(select(revocations.c.at).where(here)).scalar()


def revoked_first(connection: Connection, after: int) -> Instant | None:
    """The time of the first revocation after this number; None if there is none."""
    c = revocations.c
    later = select(c.at).where(c.sequence > after).order_by(c.sequence).limit(1)
    return connection.execute(later).scalar()


def load_revocations(connection: Connection, after: int, since: Instant) -> list[Revocation]:
    """The revocations after a sequence number, not older than `since`."""
    c = revocations.c
    statement = select(c.sequence, c.kind, c.value, c.at).where(c.sequence > after, c.at >= since)
    rows = connection.execute(statement.order_by(c.sequence).limit(MAX_LISTED))
    return [Revocation(row.sequence, RevocationKind(row.kind), row.value, row.at) for row in rows]
