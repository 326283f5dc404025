"""Published snapshots: versions that only grow, each a signed list of parts."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from durward.core.audit.event import AuditContext, EventKind
from durward.core.values import Instant
from durward.store.audit import record_event
from durward.store.holds import hold_declared
from durward.store.outage import check_writable
from durward.store.parts import forget_parts, put_parts
from durward.store.schema import deployment, snapshots

KEPT = 10
FIRST_EPOCH = 1
_NEWEST = (
    select(
        select(func.max(deployment.c.epoch)).scalar_subquery(),
        snapshots.c.version,
        snapshots.c.published_at,
    )
    .order_by(snapshots.c.version.desc())
    .limit(1)
)


class Edition(NamedTuple):
    """A publication, ordered by epoch and version: a new epoch begins after a restore."""

    epoch: int
    version: int
    at: int
    """The time of publication: a restored database may give a version number again."""


def newest_edition(connection: Connection) -> Edition:
    """The last publication, in this epoch."""
    found = connection.execute(_NEWEST).first()
    return Edition(found[0] or FIRST_EPOCH, found[1], found[2]) if found else Edition(0, 0, 0)


def newest_writable(connection: Connection) -> Edition:
    """The last publication, from a database that accepts writes. Raises Unavailable."""
    check_writable(connection)
    return newest_edition(connection)


def newest_version(connection: Connection) -> int:
    """The last published version; 0 if there is none."""
    return connection.execute(select(func.max(snapshots.c.version))).scalar() or 0


def hold_version(connection: Connection) -> int:
    """Lock the newest version: until this use case ends no other publishes or reads by it."""
    hold_declared(connection, alone=True)
    return newest_version(connection)


def load_snapshot(connection: Connection) -> tuple[int, bytes] | None:
    """The newest version and its signed list."""
    statement = select(snapshots.c.version, snapshots.c.body)
    row = connection.execute(statement.order_by(snapshots.c.version.desc()).limit(1)).first()
    return (row.version, row.body) if row else None


def published_at(connection: Connection) -> Instant:
    """The time of the newest version; 0 if there is none."""
    return Instant(connection.execute(select(func.max(snapshots.c.published_at))).scalar() or 0)


def load_digest(connection: Connection, version: int) -> str | None:
    """The SHA-256 of a version's signed list, in hexadecimal; None if it is not stored."""
    statement = select(snapshots.c.body).where(snapshots.c.version == version)
    body = connection.execute(statement).scalar()
    return None if body is None else hashlib.sha256(body).hexdigest()


def publish_snapshot(
    connection: Connection,
    version: int,
    signed: bytes,
    contents: Mapping[str, bytes],
    audit: AuditContext,
) -> None:
    """Store a signed list and its parts; the transaction fails if the version exists."""
    values = {"version": version, "body": signed, "published_at": audit.at}
    connection.execute(insert(snapshots).values(**values))
    put_parts(connection, contents, version)
    connection.execute(delete(snapshots).where(snapshots.c.version <= version - KEPT))
    forget_parts(connection, version - KEPT + 1)
    target = f"snapshots/{version}"
    record_event(connection, audit.event(EventKind.SNAPSHOT_PUBLISHED, target))
