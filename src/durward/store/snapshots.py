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
    """What was published last, in the order in which it came: an epoch begins versions anew."""

    epoch: int
    version: int
    at: int
    """When: a database that was put back may give a number again, to something else."""


def newest_edition(connection: Connection) -> Edition:
    """What was published last, in this epoch."""
    found = connection.execute(_NEWEST).first()
    return Edition(found[0] or FIRST_EPOCH, found[1], found[2]) if found else Edition(0, 0, 0)


def newest_writable(connection: Connection) -> Edition:
    """What was published last, where it could be published anew. Raises Unavailable."""
    check_writable(connection)
    return newest_edition(connection)


def newest_version(connection: Connection) -> int:
    """The version that was published last; 0 where none was."""
    return connection.execute(select(func.max(snapshots.c.version))).scalar() or 0


def hold_version(connection: Connection) -> int:
    """The newest version; nobody publishes another one, or uses it, until this use case ends."""
    hold_declared(connection, alone=True)
    return newest_version(connection)


def load_snapshot(connection: Connection) -> tuple[int, bytes] | None:
    """The newest version and its signed list."""
    statement = select(snapshots.c.version, snapshots.c.body)
    row = connection.execute(statement.order_by(snapshots.c.version.desc()).limit(1)).first()
    return (row.version, row.body) if row else None


def published_at(connection: Connection) -> Instant:
    """When the newest version was published; 0 where none was."""
    return Instant(connection.execute(select(func.max(snapshots.c.published_at))).scalar() or 0)


def load_digest(connection: Connection, version: int) -> str | None:
    """The SHA-256 of a version's signed list, in hexadecimal; None where it is not kept."""
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
    """Publish a list and the parts it names; that the version is taken fails the transaction."""
    values = {"version": version, "body": signed, "published_at": audit.at}
    connection.execute(insert(snapshots).values(**values))
    put_parts(connection, contents, version)
    connection.execute(delete(snapshots).where(snapshots.c.version <= version - KEPT))
    forget_parts(connection, version - KEPT + 1)
    target = f"snapshots/{version}"
    record_event(connection, audit.event(EventKind.SNAPSHOT_PUBLISHED, target))
