"""The history: who published each version, and its declarations, stored as changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, insert, select

from durward.core.audit.event import AuditContext
from durward.core.configuration.declaration import DeclarationKind
from durward.core.values import Instant
from durward.store.declarations import Stored
from durward.store.schema import changes, versions


@dataclass(frozen=True, slots=True)
class Version:
    """One version, with its publisher and the cause."""

    version: int
    at: Instant
    actor: str
    cause: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """One change of a version: `add`, `change` or `remove`."""

    version: int
    step: str
    kind: DeclarationKind
    name: str


def record_version(connection: Connection, version: int, cause: str, audit: AuditContext) -> None:
    """Store the publisher and the cause of a version."""
    values = {"version": version, "published_at": audit.at, "actor": audit.actor, "cause": cause}
    connection.execute(insert(versions).values(**values))


def record_changes(
    connection: Connection, version: int, steps: Sequence[tuple[str, Stored]]
) -> None:
    """Store the changed declarations of a version; a removed one has no body."""
    rows = [
        {
            "kind": stored.kind.value,
            "name": stored.name,
            "version": version,
            "step": step,
            "body": None if step == "remove" else stored.body,
        }
        for step, stored in steps
    ]
    if rows:
        connection.execute(insert(changes), rows)


def load_versions(connection: Connection) -> list[Version]:
    """All stored versions, the oldest first."""
    c = versions.c
    rows = connection.execute(
        select(c.version, c.published_at, c.actor, c.cause).order_by(c.version)
    )
    return [Version(row.version, row.published_at, row.actor, row.cause) for row in rows]


def published_first(connection: Connection, after: int) -> Instant | None:
    """The time of the first version after this one; None if there is none."""
    c = versions.c
    later = select(c.published_at).where(c.version > after).order_by(c.version).limit(1)
    return connection.execute(later).scalar()


def load_changes(connection: Connection) -> list[Recorded]:
    """The changes of all stored versions, without the bodies."""
    c = changes.c
    statement = select(c.version, c.step, c.kind, c.name).order_by(c.version, c.kind, c.name)
    rows = connection.execute(statement.where(c.version.in_(select(versions.c.version))))
    return [Recorded(row.version, row.step, DeclarationKind(row.kind), row.name) for row in rows]


def load_declarations_at(connection: Connection, version: int) -> list[Stored]:
    """All declarations of a stored version."""
    c = changes.c
    newest = (
        select(c.kind, c.name, func.max(c.version).label("version"))
        .where(c.version <= version)
        .group_by(c.kind, c.name)
        .subquery()
    )
    n = newest.c
    same = and_(c.kind == n.kind, c.name == n.name, c.version == n.version)
    statement = select(c.kind, c.name, c.body).join(newest, same).where(c.body.is_not(None))
    return [
        Stored(DeclarationKind(row.kind), row.name, row.body)
        for row in connection.execute(statement)
    ]
