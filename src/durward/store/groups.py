"""Groups of people and their members, as rows."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from durward.core.audit.event import AuditContext, EventKind
from durward.core.values import Instant, UserId
from durward.store.audit import record_event
from durward.store.batches import in_batches
from durward.store.schema import group_members, groups, people


@dataclass(frozen=True, slots=True)
class GroupOfPeople:
    """A group as a row."""

    name: str
    description: str
    members: int
    made_at: Instant
    made_by: str


def page_groups(
    connection: Connection, *, after: str = "", limit: int = 100
) -> list[GroupOfPeople]:
    """Groups in the order of their names, beyond `after`, with the number of members."""
    page = _selected().where(groups.c.name > after).order_by(groups.c.name).limit(limit)
    return _counted(connection, page)


def load_group(connection: Connection, name: str) -> GroupOfPeople | None:
    """A group by its name."""
    return next(iter(_counted(connection, _selected().where(groups.c.name == name))), None)


def count_groups(connection: Connection) -> int:
    """The number of groups."""
    return connection.execute(select(func.count()).select_from(groups)).scalar_one()


def known_groups(connection: Connection, names: Iterable[str]) -> set[str]:
    """The groups of these names that exist."""
    c = groups.c
    return {
        found
        for some in in_batches(sorted(set(names)))
        for found in connection.execute(select(c.name).where(c.name.in_(some))).scalars()
    }


def members_of(
    connection: Connection, name: str, limit: int, *, declared: bool = False
) -> list[UserId]:
    """The first members of a group; with `declared` only those that files declare."""
    c = group_members.c
    found = select(c.person).where(c.group == name).order_by(c.person).limit(limit)
    if declared:
        found = found.join(people, people.c.id == c.person).where(people.c.declared.is_not(None))
    return list(connection.execute(found).scalars())


def keep_groups(connection: Connection, names: Collection[str], audit: AuditContext) -> None:
    """Make a row for each of these groups, and keep it until this use case ends."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    fresh = dialect.insert(groups).on_conflict_do_nothing()
    for some in in_batches(sorted(names)):  # one order for all: no deadlock
        rows = [_row(name, "", audit) for name in some]
        there = select(groups.c.name).where(groups.c.name.in_(some)).order_by(groups.c.name)
        while True:
            connection.execute(fresh, rows)
            # A deletion waits for this lock; a row that was just deleted is inserted again.
            held = connection.execute(there.with_for_update(read=True, key_share=True)).all()
            if len(held) == len(some):
                break


def put_group(connection: Connection, name: str, description: str, audit: AuditContext) -> bool:
    """Add a group, or change its description; whether anything changed."""
    before = load_group(connection, name)
    if before is None:
        connection.execute(insert(groups).values(_row(name, description, audit)))
        record_event(connection, audit.event(EventKind.GROUP_ADDED, f"groups/{name}"))
        return True
    if before.description == description:
        return False
    here = groups.c.name == name
    connection.execute(update(groups).where(here).values(description=description))
    record_event(connection, audit.event(EventKind.GROUP_CHANGED, f"groups/{name}"))
    return True


def delete_group(connection: Connection, name: str, audit: AuditContext) -> bool:
    """Delete a group without members; False if it has some."""
    here = groups.c.name == name
    # Locked before the members are read: nobody joins in between (`keep_groups`).
    connection.execute(select(groups.c.name).where(here).with_for_update())
    if members_of(connection, name, 1):
        return False
    if connection.execute(delete(groups).where(here)).rowcount:
        record_event(connection, audit.event(EventKind.GROUP_DELETED, f"groups/{name}"))
    return True


def _row(name: str, description: str, audit: AuditContext) -> dict[str, object]:
    return {
        "name": name,
        "description": description,
        "made_at": audit.at,
        "made_by": audit.actor,
    }


def _selected() -> Select[tuple[object, ...]]:
    c = groups.c
    return select(c.name, c.description, c.made_at, c.made_by)


def _counted(connection: Connection, statement: Select[tuple[object, ...]]) -> list[GroupOfPeople]:
    rows = connection.execute(statement).all()
    m = group_members.c
    counted = (
        select(m.group, func.count().label("members"))
        .where(m.group.in_([row.name for row in rows]))
        .group_by(m.group)
    )
    numbers = {row.group: row.members for row in connection.execute(counted)} if rows else {}
    return [_group(row, numbers.get(row.name, 0)) for row in rows]


def _group(row: Row[Any], members: int) -> GroupOfPeople:
    return GroupOfPeople(row.name, row.description, members, row.made_at, row.made_by)
