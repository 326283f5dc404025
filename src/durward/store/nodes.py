"""The nodes of the edge, their last reports, and the history of reports."""

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from durward.core.audit.event import AuditContext, EventKind
from durward.core.edge.report import NodeReport, NodeState, reasons
from durward.core.values import Instant
from durward.store.audit import record_event
from durward.store.database import News, announce
from durward.store.schema import node_reports, nodes

HISTORY = 1_000
"""The number of stored changes of a node."""


def add_node(connection: Connection, id: str, place: str, audit: AuditContext) -> None:
    """Add a node; the transaction fails if its id exists."""
    values = {"joined_at": audit.at, "heard_at": audit.at, "version": 0}
    connection.execute(insert(nodes).values(id=id, place=place, **values))
    record_event(connection, audit.event(EventKind.NODE_JOINED, f"nodes/{id}", place=place))


def leave_node(connection: Connection, id: str, left: str, audit: AuditContext) -> None:
    """Sign off a node; `left` replaces its place until it joins again, at any place."""
    connection.execute(update(nodes).where(nodes.c.id == id).values(place=left))
    record_event(connection, audit.event(EventKind.NODE_LEFT, f"nodes/{id}"))


def move_node(
    connection: Connection, id: str, place: str, audit: AuditContext, *, moved: bool
) -> None:
    """Move the id of a silent or signed-off node to a place."""
    here = nodes.c.id == id
    values = {"place": place, "heard_at": audit.at}
    connection.execute(update(nodes).where(here).values(**values))
    record_event(
        connection, audit.event(EventKind.NODE_JOINED, f"nodes/{id}", place=place, moved=moved)
    )


def forget_node(connection: Connection, id: str, audit: AuditContext) -> bool:
    """Remove a node with its history; return whether there was one."""
    if not connection.execute(delete(nodes).where(nodes.c.id == id)).rowcount:
        return False
    connection.execute(delete(node_reports).where(node_reports.c.node == id))
    announce(connection, News.NODE)
    record_event(connection, audit.event(EventKind.NODE_FORGOTTEN, f"nodes/{id}"))
    return True


def load_nodes(connection: Connection) -> list[tuple[NodeState, str]]:
    """Every node with its place, by id."""
    c = nodes.c
    rows = connection.execute(
        select(c.id, c.place, c.joined_at, c.heard_at, c.version, c.report).order_by(c.id)
    )
    return [
        (
            NodeState(
                row.id,
                row.joined_at,
                row.heard_at,
                msgspec.json.decode(row.report, type=NodeReport) if row.report else None,
                row.version,
            ),
            row.place,
        )
        for row in rows
    ]


def record_report(
    connection: Connection, report: NodeReport, version: int, audit: AuditContext
) -> None:
    """Store a report of a node, and in its history too if the parts in force changed.

    A new refusal is an event.
    """
    here = nodes.c.id == report.node
    before = connection.execute(select(nodes.c.version, nodes.c.report).where(here)).first()
    former = (
        msgspec.json.decode(before.report, type=NodeReport) if before and before.report else None
    )
    body = msgspec.json.encode(report)
    values = {"heard_at": audit.at, "version": version, "report": body}
    connection.execute(update(nodes).where(here).values(**values))
    announce(connection, News.NODE)
    known = reasons(former) if former else {}
    told = reasons(report)
    if before and (before.version, known) == (version, told):
        return
    # The order of reports stays, whatever the clocks of replicas.
    last = select(func.max(node_reports.c.at)).where(node_reports.c.node == report.node)
    at = max(audit.at, (connection.execute(last).scalar() or 0) + 1)
    row = {"node": report.node, "at": at, "version": version, "report": body}
    connection.execute(insert(node_reports).values(**row))
    _bound_history(connection, report.node)
    if fresh := {name: why for name, why in told.items() if known.get(name) != why}:
        event = audit.event(
            EventKind.PARTS_REFUSED, f"nodes/{report.node}", version=version, parts=fresh
        )
        record_event(connection, event)


def load_history(
    connection: Connection, id: str, limit: int
) -> list[tuple[Instant, int, NodeReport]]:
    """The reports of a node at each change, the newest last."""
    c = node_reports.c
    statement = select(c.at, c.version, c.report).where(c.node == id)
    rows = connection.execute(statement.order_by(c.at.desc()).limit(limit)).all()
    return [
        (row.at, row.version, msgspec.json.decode(row.report, type=NodeReport))
        for row in reversed(rows)
    ]


def _bound_history(connection: Connection, id: str) -> None:
    c, other = node_reports.c, node_reports.alias().c
    oldest = (
        select(other.at)
        .where(other.node == id)
        .order_by(other.at.desc())
        .offset(HISTORY - 1)
        .limit(1)
        .scalar_subquery()
    )
    connection.execute(delete(node_reports).where((c.node == id) & (c.at < oldest)))
