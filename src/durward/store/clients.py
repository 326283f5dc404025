"""Credentials of clients: secrets, stored as hashes, and assertions, used once."""

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from durward.core.audit.event import AuditContext, EventKind
from durward.core.values import ClientId, Instant, Secret
from durward.store.audit import record_event
from durward.store.schema import client_secrets, consumed


def record_secret(
    connection: Connection, client: ClientId, secret: Secret, audit: AuditContext
) -> None:
    """Store the hash of a new secret of a client; earlier ones stay."""
    values = {"client": client, "hash": secret.sha256(), "created_at": audit.at, "revoked": False}
    connection.execute(insert(client_secrets).values(**values))
    target = f"clients/{client}"
    record_event(connection, audit.event(EventKind.SECRET_CREATED, target))


def load_secrets(connection: Connection, client: ClientId) -> list[bytes]:
    """The hashes of a client's secrets."""
    columns = client_secrets.c
    statement = select(columns.hash).where(columns.client == client, columns.revoked.is_(False))
    return [row.hash for row in connection.execute(statement)]


def clients_with_secrets(connection: Connection) -> frozenset[ClientId]:
    """The clients that have a secret."""
    columns = client_secrets.c
    statement = select(columns.client).where(columns.revoked.is_(False)).distinct()
    return frozenset(ClientId(row.client) for row in connection.execute(statement))


def forget_secrets(connection: Connection, client: ClientId, audit: AuditContext) -> int:
    """Remove all hashes of a client; return their number."""
    here = client_secrets.c.client == client
    gone = connection.execute(delete(client_secrets).where(here)).rowcount
    if gone:
        event = audit.event(EventKind.SECRET_REMOVED, f"clients/{client}", count=gone)
        record_event(connection, event)
    return gone


def consume_assertion(
    connection: Connection, client: ClientId, jti: str, expires_at: Instant, now: Instant
) -> bool:
    """Whether this is the first use of an assertion (RFC 7523 §3); it is kept until expiry."""
    c = consumed.c
    expired = (c.client == client) & (c.jti == jti) & (c.expires_at <= now)
    connection.execute(delete(consumed).where(expired))
    try:
        with connection.begin_nested():
            values = {"client": client, "jti": jti, "expires_at": expires_at}
            connection.execute(insert(consumed).values(**values))
    except IntegrityError:
        return False
    return True
