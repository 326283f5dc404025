"""Published snapshots: versions that only grow."""

from sqlalchemy import Connection, delete, func, insert, select, text

from durward.core.audit.event import Kind, Trail
from durward.store.audit import record_event
from durward.store.schema import snapshots

KEPT = 10
LOCK = 7_238_473


def newest_version(connection: Connection) -> int:
    """The version that was published last; 0 where none was."""
    return connection.execute(select(func.max(snapshots.c.version))).scalar() or 0


def hold_version(connection: Connection) -> int:
    """The newest version; nobody publishes another one until this transaction ends."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    return newest_version(connection)


def load_snapshot(connection: Connection) -> tuple[int, bytes] | None:
    """The newest version and its body."""
    statement = select(snapshots.c.version, snapshots.c.body)
    row = connection.execute(statement.order_by(snapshots.c.version.desc()).limit(1)).first()
    return (row.version, row.body) if row else None


def publish_snapshot(connection: Connection, version: int, body: bytes, trail: Trail) -> None:
    """Publish a version; that it is taken already fails the transaction."""
    values = {"version": version, "body": body, "published_at": trail.at}
    connection.execute(insert(snapshots).values(**values))
    connection.execute(delete(snapshots).where(snapshots.c.version <= version - KEPT))
    target = f"snapshots/{version}"
    record_event(connection, trail.event(Kind.SNAPSHOT_PUBLISHED, target))
