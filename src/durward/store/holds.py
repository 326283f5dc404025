"""What a use case holds until it ends, so that what it decides by stays so.

A use case reads in one statement and writes in another. SQLite has one writer, and nobody comes in
between. On PostgreSQL what is issued beside something that ends everything would survive it, so
that each use case holds what it decides by before it reads it: the version of what is declared,
with others or alone, then each person that it is about. Verbs that issue to a person, or end what
is theirs, refuse to run without that, on every database.

Serializable transactions would do it too: eight refreshes at once, each of another family, were a
fifth as many a second, and some failed after ten attempts.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, func, literal, select

from durward.core.values import UserId
from durward.store.database import use_state

VERSION = 7_238_473
PEOPLE = 7_238_474
"""Numbers of advisory locks: one for the version, a space of its own for people."""


def hold_declared(connection: Connection, *, alone: bool = False) -> None:
    """Nobody publishes until this use case ends; `alone`, nobody else uses what is declared.

    Who is alone has everybody's rows: it waits for those who began before, and they see nothing of
    it. What it needs to read it reads after this, and its time is later than theirs.
    """
    if connection.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
        connection.execute(select(lock(VERSION)))
    held = use_state(connection)
    held.alone = held.alone or alone


def hold_people(connection: Connection, *people: str) -> None:
    """Nobody else issues to these people, or ends what is theirs, until this use case ends.

    Several are held in one order. It comes before any row is locked that belongs to them.
    """
    held = use_state(connection)
    if connection.dialect.name == "postgresql" and not held.alone:
        for user in sorted({*people} - held.people):
            connection.execute(select(_lock(literal(user))))
    held.people.update(people)


def hold_person_of(
    connection: Connection, user: ColumnElement[UserId], of: FromClause, where: ColumnElement[bool]
) -> UserId | None:
    """Hold the person whose name stands in a row, in one statement; who it is, if there is a row.

    Whose a row is never changes; what else was read of it before may not be so any more.
    """
    columns: list[ColumnElement[Any]] = [user]
    if connection.dialect.name == "postgresql" and not use_state(connection).alone:
        columns.append(_lock(user))
    found = connection.execute(select(*columns).select_from(of).where(where)).first()
    if found is None:
        return None
    use_state(connection).people.add(found[0])
    return UserId(found[0])


def check_held(connection: Connection, user: str) -> None:
    """Refuse to go on for somebody who is not held: a mistake of ours, told by every test."""
    held = use_state(connection)
    if not held.alone and user not in held.people:
        raise RuntimeError("something of a person is changed who is not held")


def _lock(user: ColumnElement[Any]) -> ColumnElement[Any]:
    """Wait for the lock of a person; two may share one, and then wait for each other."""
    return func.pg_advisory_xact_lock(PEOPLE, func.hashtext(user))
