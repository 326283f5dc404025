"""The work queue: what is done after the transaction that caused it, at least once (ADR 30).

Whoever takes an item has it for a while. If nothing is heard of it by then, it is taken again; only
who took it last can finish it or put it off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from durward.core.audit.event import AuditContext, EventKind
from durward.core.values import Instant, Seconds, later
from durward.store.audit import record_event
from durward.store.schema import work

MOST: Final = 10_000
"""Items of one kind that wait; of more none is added, and an event says so."""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One thing to do."""

    id: str
    kind: str
    target: str
    """Whom it concerns, in the words of events."""
    payload: bytes
    added_at: Instant
    expires_at: Instant
    attempts: int = 0
    """How often it was taken, this time included."""


@dataclass(frozen=True, slots=True)
class WaitingWork:
    """How much waits, and since when."""

    number: int
    oldest_at: Instant | None


def add_work(connection: Connection, item: WorkItem, audit: AuditContext) -> bool:
    """Add an item, due now; whether there was room."""
    if waiting_work(connection, item.kind).number >= MOST:
        _record_dropped(connection, item, "too many wait", audit)
        return False
    values = {
        "id": item.id,
        "kind": item.kind,
        "target": item.target,
        "payload": item.payload,
        "added_at": item.added_at,
        "due_at": item.added_at,
        "expires_at": item.expires_at,
        "attempts": 0,
    }
    connection.execute(insert(work).values(**values))
    return True


def is_work_due(connection: Connection, kind: str, now: Instant) -> bool:
    """Whether there is anything to do."""
    found = select(work.c.id).where(work.c.kind == kind, work.c.due_at <= now).limit(1)
    return connection.execute(found).first() is not None


def claim_work(
    connection: Connection, kind: str, now: Instant, lease: Seconds, limit: int
) -> Sequence[WorkItem]:
    """Take what is due, the oldest first, for the time of `lease`."""
    c = work.c
    due = select(c.id).where(c.kind == kind, c.due_at <= now).order_by(c.due_at, c.id).limit(limit)
    ids = list(connection.execute(due.with_for_update(skip_locked=True)).scalars())
    taken = {"attempts": c.attempts + 1, "due_at": later(now, lease)}
    change = update(work).where(c.id.in_(ids)).values(**taken)
    columns = (c.id, c.kind, c.target, c.payload, c.added_at, c.expires_at, c.attempts)
    rows = connection.execute(change.returning(*columns)) if ids else ()
    return sorted((_item(row) for row in rows), key=lambda item: (item.added_at, item.id))


def finish_work(connection: Connection, item: WorkItem) -> bool:
    """Remove what is done; False if it was taken again meanwhile."""
    return bool(connection.execute(delete(work).where(_held(item))).rowcount)


def postpone_work(connection: Connection, item: WorkItem, due_at: Instant) -> bool:
    """Put an item off; False if it was taken again meanwhile."""
    return bool(connection.execute(update(work).where(_held(item)).values(due_at=due_at)).rowcount)


def drop_work(connection: Connection, item: WorkItem, reason: str, audit: AuditContext) -> bool:
    """Remove what will not be done, with an event; False if it was taken again meanwhile."""
    if not finish_work(connection, item):
        return False
    _record_dropped(connection, item, reason, audit)
    return True


def waiting_work(connection: Connection, kind: str) -> WaitingWork:
    """How much of a kind waits."""
    found = select(func.count(), func.min(work.c.added_at)).where(work.c.kind == kind)
    number, oldest = connection.execute(found).one()
    return WaitingWork(number, oldest)


def _held(item: WorkItem) -> Any:
    return (work.c.id == item.id) & (work.c.attempts == item.attempts)


def _record_dropped(
    connection: Connection, item: WorkItem, reason: str, audit: AuditContext
) -> None:
    event = audit.event(
        EventKind.WORK_DROPPED, item.target, work=item.kind, reason=reason, attempts=item.attempts
    )
    record_event(connection, event)


def _item(row: Any) -> WorkItem:
    return WorkItem(
        *(row.id, row.kind, row.target, row.payload, row.added_at, row.expires_at, row.attempts)
    )
