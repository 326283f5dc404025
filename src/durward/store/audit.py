"""The audit log in the store: an outbox for every transaction, one sequence, checkpoints."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    Table,
    cast,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from durward.core.audit.event import AuditEvent, flaw
from durward.core.audit.merkle import Tree, leaf_hash
from durward.core.errors import Conflict, Unavailable
from durward.core.values import MICROSECONDS, Instant
from durward.store.database import News, announce
from durward.store.schema import checkpoints, log, log_head, outbox

HASH_BYTES = 32
TWICE = "the log has an event of that id"
UNCOVERED = "it was beyond the end of the log"
SPOILED = "the head of the audit log is spoiled"
MAX_POSITION = 2**62
"""Of the outbox: beyond it nothing of ours ever is. After 2**63 - 1 the database has none left."""
GAP = 1_000_000
"""Positions that are left out where the counter is set back: others may have taken some."""
COUNTER = {
    "sqlite": "SELECT seq FROM sqlite_sequence WHERE name = 'audit_outbox'",
    "postgresql": "SELECT last_value FROM audit_outbox_position_seq",
}
SET_BACK = {
    "sqlite": "UPDATE sqlite_sequence SET seq = :last WHERE name = 'audit_outbox'",
    "postgresql": "SELECT setval('audit_outbox_position_seq', :last)",
}
MAX_COUNT = 2**53
LAST_INSTANT = Instant(250_000_000_000 * MICROSECONDS)
"""In the year 9892: what dates can be."""


@dataclass(frozen=True, slots=True)
class Stray:
    """A row of the log's tables that Durward did not write, and that was removed."""

    table: str
    place: int
    why: str
    body: bytes


def bytes_of(column: ColumnElement[bytes]) -> ColumnElement[bytes]:
    """Read a column of bytes, also where others wrote text into it, as SQLite allows."""
    return cast(column, LargeBinary)


def record_event(connection: Connection, event: AuditEvent) -> None:
    """Write an event into the outbox of this transaction."""
    announce(connection, News.EVENT)
    connection.execute(insert(outbox).values(event_id=event.id, body=event.to_wire()))


def record_events(connection: Connection, events: Sequence[AuditEvent]) -> None:
    """Write events, in their order, by one statement."""
    if events:
        announce(connection, News.EVENT)
        rows = [{"event_id": event.id, "body": event.to_wire()} for event in events]
        connection.execute(insert(outbox), rows)


def ingest_events(connection: Connection, events: Sequence[AuditEvent]) -> int:
    """Write events of edges; known events are ignored.

    The outbox is written before the log is searched, so that a sequencer that moves the same event
    is waited for. In the other order the log would get an event twice, refuse it, and stop.
    """
    taken = 0
    announce(connection, News.EVENT)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for event in events:
        statement = dialect.insert(outbox).values(event_id=event.id, body=event.to_wire())
        if not connection.execute(statement.on_conflict_do_nothing()).rowcount:
            continue
        if not _in_log(connection, [event.id]):
            taken += 1
        else:
            connection.execute(delete(outbox).where(outbox.c.event_id == event.id))
    return taken


@dataclass(frozen=True, slots=True)
class Pending:
    """The pending events, and whether the end of the log has foreign rows."""

    head: Tree
    waiting: Sequence[Row[tuple[int, str, bytes]]]
    limit: int
    is_covered: bool
    """Whether the log ends at its head, and no checkpoint is beyond it."""


def load_pending(connection: Connection, limit: int) -> Pending:
    """Load and lock the end of the log: of two sequencers one waits for the other.

    Raises Unavailable if the head is missing or malformed.
    """
    head = load_tree(connection, lock=True)
    _restore_positions(connection)
    c = outbox.c
    found = select(c.position, c.event_id, bytes_of(c.body).label("body"))
    waiting = connection.execute(found.order_by(c.position).limit(limit)).all()
    # Each reads one end of its index: combined by `or`, SQLite would read the whole log.
    ends = [
        select(end).scalar_subquery()
        for end in (
            func.max(log.c.sequence),
            func.min(log.c.sequence),
            func.max(checkpoints.c.size),
        )
    ]
    last, first, signed = connection.execute(select(*ends)).one()
    is_covered = (last is None or last < head.size) and (first is None or first >= 0)
    return Pending(head, waiting, limit, is_covered and (signed or 0) <= head.size)


def _restore_positions(connection: Connection) -> None:
    """Give the outbox positions again, where a row of others or its counter is near the last one.

    Without it no event could be recorded, and no use case be committed, for good.
    """
    c, dialect = outbox.c, connection.dialect.name
    counted = connection.execute(text(COUNTER[dialect])).scalar()
    last = connection.execute(select(func.max(c.position))).scalar() or 0
    # Others can have written text into SQLite's counter, which SQLite takes for zero.
    if max(last, counted if isinstance(counted, int) else 0) <= MAX_POSITION:
        return
    ours = select(func.max(c.position)).where(c.position <= MAX_POSITION)
    at = max(connection.execute(ours).scalar() or 0, 0) + GAP
    beyond = select(c.position).where(c.position > MAX_POSITION).order_by(c.position)
    for position in connection.execute(beyond).scalars().all():
        at += 1
        connection.execute(update(outbox).where(c.position == position).values(position=at))
    connection.execute(text(SET_BACK[dialect]), {"last": at})


def sequence_events(connection: Connection, pending: Pending) -> Tree | None:
    """Move pending events to the end of the log; None if there are none.

    The head is moved by compare-and-swap: of two concurrent transactions one fails. Raises Conflict
    then. Call `take_strays` before: a stray row makes this fail.
    """
    before, waiting = pending.head, pending.waiting
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
    taken = _remove(connection, outbox, [row.position for row in waiting])
    if moved.rowcount != 1 or taken != len(waiting):
        raise Conflict("another process sequenced these events")
    connection.execute(insert(log), rows)
    return after


def take_strays(connection: Connection, pending: Pending) -> list[Stray]:
    """Remove foreign rows beyond the end of the log, or in the outbox, that cannot be in order.

    Without it one such row would stop the log for good. The head is locked, so that rows beyond it
    are not those of another replica.
    """
    strays = [] if pending.is_covered else _beyond(connection, pending)
    found = list(_flawed(connection, pending.waiting))
    _remove(connection, outbox, [stray.place for stray in found])
    return [*strays, *found]


def _beyond(connection: Connection, pending: Pending) -> list[Stray]:
    c = log.c
    statement = select(c.sequence, bytes_of(c.body).label("body")).limit(pending.limit)
    ends = (c.sequence >= pending.head.size, c.sequence < 0)
    rows = [row for end in ends for row in connection.execute(statement.where(end))]
    _remove(connection, log, [row.sequence for row in rows])
    return [Stray(log.name, row.sequence, UNCOVERED, row.body) for row in rows]


def _flawed(
    connection: Connection, waiting: Sequence[Row[tuple[int, str, bytes]]]
) -> Iterator[Stray]:
    if not waiting:
        return
    # On SQLite others can have written bytes, which are not the id of an event.
    known = _in_log(connection, [row.event_id for row in waiting if isinstance(row.event_id, str)])
    for row in waiting:
        why = TWICE if row.event_id in known else flaw(row.event_id, row.body)
        if why:
            yield Stray(outbox.name, row.position, why, row.body)


def _in_log(connection: Connection, ids: Sequence[str]) -> set[str]:
    """The events that are in the log; foreign rows beyond its end do not count."""
    c = log.c
    end = select(log_head.c.size).where(log_head.c.id == 1).scalar_subquery()
    within = (c.sequence >= 0, c.sequence < end)
    return set(connection.execute(select(c.event_id).where(c.event_id.in_(ids), *within)).scalars())


def _remove(connection: Connection, table: Table, keys: Sequence[int]) -> int:
    if not keys:
        return 0
    (key,) = table.primary_key
    return connection.execute(delete(table).where(key.in_(keys))).rowcount


def count_strays(connection: Connection, number: int, now: Instant) -> None:
    """Add to the count of rows that were set aside; the head is locked."""
    head = log_head.c
    known, _ = load_strays(connection)
    connection.execute(
        update(log_head)
        .where(head.id == 1)
        .values(set_aside=min(known + number, MAX_COUNT), set_aside_at=now)
    )


def load_strays(connection: Connection) -> tuple[int, Instant | None]:
    """The number of rows that were set aside in all, and the time of the last one.

    What others wrote there instead is taken for the nearest that can be.
    """
    head = log_head.c
    row = connection.execute(select(head.set_aside, head.set_aside_at)).first()
    if row is None:
        return 0, None
    number, at = row
    number = min(max(number, 0), MAX_COUNT) if isinstance(number, int) else 0
    if at is None:
        return number, None
    return number, Instant(min(max(at, 0), LAST_INSTANT) if isinstance(at, int) else 0)


def load_tree(connection: Connection, *, lock: bool = False) -> Tree:
    """The tree over the log. Raises Unavailable if the head is missing or malformed."""
    head = log_head.c
    statement = select(head.size, bytes_of(head.frontier).label("frontier")).where(head.id == 1)
    row = connection.execute(statement.with_for_update() if lock else statement).first()
    if row is None or not isinstance(row.size, int):  # SQLite takes text too
        raise Unavailable(SPOILED)
    hashes = [
        row.frontier[place : place + HASH_BYTES]
        for place in range(0, len(row.frontier), HASH_BYTES)
    ]
    tree = Tree(row.size, tuple(hashes))
    if not tree.is_whole():
        raise Unavailable(SPOILED)
    return tree


def load_leaves(connection: Connection, start: int, limit: int) -> list[tuple[int, bytes]]:
    """The bytes of events from `start` on, with their indices."""
    statement = select(log.c.sequence, bytes_of(log.c.body).label("body"))
    found = statement.where(log.c.sequence >= start).order_by(log.c.sequence).limit(limit)
    return [(row.sequence, row.body) for row in connection.execute(found)]


def find_event(connection: Connection, event_id: str) -> AuditEvent | None:
    """An event by its id, also a pending one."""
    for table in (log, outbox):
        statement = select(bytes_of(table.c.body).label("body"))
        statement = statement.where(table.c.event_id == event_id)
        row: Row[bytes] | None = connection.execute(statement).first()
        if row:
            return AuditEvent.from_wire(row.body)
    return None


def record_checkpoint(connection: Connection, size: int, note: str) -> None:
    """Store a signed checkpoint; the first one of a size stays."""
    known = select(checkpoints.c.size).where(checkpoints.c.size == size)
    if connection.execute(known).first() is None:
        connection.execute(insert(checkpoints).values(size=size, note=note))


def latest_checkpoint(connection: Connection) -> tuple[int, str] | None:
    """The newest checkpoint's size and note."""
    statement = select(checkpoints.c.size, checkpoints.c.note)
    row = connection.execute(statement.order_by(checkpoints.c.size.desc()).limit(1)).first()
    if row is None:
        return None
    return row.size, row.note if isinstance(row.note, str) else ""  # SQLite takes bytes too


def remove_checkpoint(connection: Connection, size: int) -> None:
    """Remove a checkpoint beyond the log that our key did not sign."""
    connection.execute(delete(checkpoints).where(checkpoints.c.size == size))
