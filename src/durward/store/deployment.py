"""Which database this is, and its epoch: how often it was put back to an earlier state."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from durward.core.audit.event import AuditContext, EventKind
from durward.store.audit import record_event
from durward.store.schema import codes, deployment, families


@dataclass(frozen=True, slots=True)
class Deployment:
    """The identity of a database lasts as long as the database, in every copy of it."""

    database: str
    epoch: int
    tokens_since: int
    """The second (NumericDate) from which on tokens name what is their person's own (ADR 24); 0
    where that was so from the beginning."""


def load_deployment(connection: Connection) -> Deployment | None:
    """Which database this is; None before it was first used."""
    c = deployment.c
    row = connection.execute(select(c.database, c.epoch, c.tokens_since)).first()
    return Deployment(row.database, row.epoch, row.tokens_since) if row else None


def load_tokens_since(connection: Connection) -> int:
    """Since when tokens name what is their person's own."""
    return connection.execute(select(deployment.c.tokens_since)).scalar() or 0


def found_deployment(connection: Connection, database: str) -> None:
    """Give the database its identity; that it has one already fails the transaction."""
    connection.execute(insert(deployment).values(id=1, database=database, epoch=1))


def begin_epoch(
    connection: Connection, reason: str, audit: AuditContext, *, beyond: int = 0
) -> int:
    """The database was put back: end what may have been used since; the epoch, later than `beyond`.

    A code or a refresh token that is unused here may have been used in the time that was lost, and
    of anything single-use there is at most one successor.
    """
    before: int = connection.execute(select(deployment.c.epoch).with_for_update()).scalar_one()
    epoch: int = max(before, beyond) + 1
    connection.execute(update(deployment).values(epoch=epoch))
    open_codes = codes.c.redeemed_at.is_(None) & (codes.c.expires_at > audit.at)
    open_families = families.c.expires_at > audit.at
    ended = [
        connection.execute(update(table).where(here).values(expires_at=audit.at)).rowcount
        for table, here in ((codes, open_codes), (families, open_families))
    ]
    event = audit.event(
        EventKind.DATABASE_PUT_BACK,
        f"epochs/{epoch}",
        reason=reason,
        codes=ended[0],
        refresh_families=ended[1],
    )
    record_event(connection, event)
    return epoch
