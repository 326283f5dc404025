"""The audit log at rest: an outbox in every transaction, one sequence, checkpoints."""

from collections.abc import Sequence

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from durward.core.audit.event import AuditEvent
from durward.core.audit.merkle import Tree, leaf_hash
from durward.core.errors import Conflict
from durward.store.database import News, announce
from durward.store.schema import checkpoints, log, log_head, outbox

HASH_BYTES = 32


def record_event(connection: Connection, event: AuditEvent) -> None:
    """Write an event into the outbox of this transaction."""
    announce(connection, News.EVENT)
    connection.execute(insert(outbox).values(event_id=event.id, body=event.to_wire()))


def ingest_events(connection: Connection, events: Sequence[AuditEvent]) -> int:
    """Write events that were made elsewhere; those that are known already change nothing.

    It is written first, and the log asked then: a sequencer that moves the same event at that
    moment is waited for. The other way round the log would get it twice, which it refuses, and so
    all that comes after.
    """
    taken = 0
    announce(connection, News.EVENT)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for event in events:
        statement = dialect.insert(outbox).values(event_id=event.id, body=event.to_wire())
        if not connection.execute(statement.on_conflict_do_nothing()).rowcount:
            continue
        known = connection.execute(select(log.c.sequence).where(log.c.event_id == event.id)).first()
        if known is None:
            taken += 1
        else:
            connection.execute(delete(outbox).where(outbox.c.event_id == event.id))
    return taken


def sequence_events(connection: Connection, limit: int) -> Tree | None:
    """Move events of the outbox to the end of the log; None where none waits.

    The head is moved by compare-and-swap: of two that try at once, one's transaction fails whole.
    Raises Conflict then.
    """
    before = load_tree(connection, lock=True)
    statement = select(outbox.c.position, outbox.c.event_id, outbox.c.body)
    waiting = connection.execute(statement.order_by(outbox.c.position).limit(limit)).all()
    if not waiting:
        return None
    rows = [
        {"sequence": before.size + place, "event_id": row.event_id, "body": row.body}
        for place, row in enumerate(waiting)
    ]
    after = before.extend(leaf_hash(row.body) for row in waiting)
    moved = connection.execute(
        update(log_head)
        .where(log_head.c.id == 1, log_head.c.size == before.size)
        .values(size=after.size, frontier=b"".join(after.frontier))
    )
    positions = [row.position for row in waiting]
    taken = connection.execute(delete(outbox).where(outbox.c.position.in_(positions)))
    if moved.rowcount != 1 or taken.rowcount != len(positions):
        raise Conflict("another process sequenced these events")
    connection.execute(insert(log), rows)
    return after


def load_tree(connection: Connection, *, lock: bool = False) -> Tree:
    """The tree over the log."""
    statement = select(log_head.c.size, log_head.c.frontier).where(log_head.c.id == 1)
    row = connection.execute(statement.with_for_update() if lock else statement).one()
    hashes = [
        row.frontier[place : place + HASH_BYTES]
        for place in range(0, len(row.frontier), HASH_BYTES)
    ]
    return Tree(row.size, tuple(hashes))


def load_leaves(connection: Connection, start: int, limit: int) -> list[tuple[int, bytes]]:
    """The bytes of events from `start` on, with their indices."""
    statement = select(log.c.sequence, log.c.body).where(log.c.sequence >= start)
    rows = connection.execute(statement.order_by(log.c.sequence).limit(limit))
    return [(row.sequence, row.body) for row in rows]


def find_event(connection: Connection, event_id: str) -> AuditEvent | None:
    """An event by its id, also one that waits to be sequenced."""
    for table in (log, outbox):
        statement = select(table.c.body).where(table.c.event_id == event_id)
        row: Row[tuple[bytes]] | None = connection.execute(statement).first()
        if row:
            return AuditEvent.from_wire(row.body)
    return None


def record_checkpoint(connection: Connection, size: int, note: str) -> None:
    """Keep a signed checkpoint; the first one of a size stays."""
    known = select(checkpoints.c.size).where(checkpoints.c.size == size)
    if connection.execute(known).first() is None:
        connection.execute(insert(checkpoints).values(size=size, note=note))


def latest_checkpoint(connection: Connection) -> tuple[int, str] | None:
    """The newest checkpoint's size and note."""
    statement = select(checkpoints.c.size, checkpoints.c.note)
    row = connection.execute(statement.order_by(checkpoints.c.size.desc()).limit(1)).first()
    return (row.size, row.note) if row else None
