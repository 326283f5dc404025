"""Holds: locks on the facts by which a use case decides, until it ends.

A use case reads in one statement and writes in another. SQLite has one writer, so no other use case
comes in between. On PostgreSQL a token issued at the same time as a revocation of everything would
survive it. So each use case locks its facts before it reads them: the version of the declarations,
shared or exclusively, then each person concerned. Verbs that issue tokens to a person, or end them,
refuse to run without that lock, on every database.

Serializable transactions would be correct too, but slower: of eight concurrent refreshes, each of
another family, a fifth as many succeeded per second, and some failed after ten attempts.
"""

from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, FromClause, Text, func, literal, select

from durward.core.values import UserId
from durward.store.database import use_state

VERSION = 7_238_473
PEOPLE = 7_238_474
"""The numbers of advisory locks: one for the version, and a separate space for people."""


def hold_declared(connection: Connection, *, alone: bool = False) -> None:
    """Prevent publications until this use case ends; `alone`, also other users of declarations.

    A use case that is `alone` waits for those that began before, and may lock any row. It reads
    its facts after this call, and its time is later than theirs.
    """
    if connection.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
        connection.execute(select(lock(VERSION)))
    held = use_state(connection)
    held.alone = held.alone or alone


def hold_people(connection: Connection, *people: str) -> None:
    """Lock these people: only this use case issues tokens to them, or ends them, until it ends.

    Several people are locked in one order, before any of their rows.
    """
    held = use_state(connection)
    if connection.dialect.name == "postgresql" and not held.alone:
        wanted = sorted({*people} - held.people)
        if wanted:  # one statement, which takes the locks in this order
            users = func.unnest(literal(wanted, ARRAY(Text))).column_valued("user")
            connection.execute(select(_lock(users)))
    held.people.update(people)


def hold_person_of(
    connection: Connection, user: ColumnElement[UserId], of: FromClause, where: ColumnElement[bool]
) -> UserId | None:
    """Lock the person of a row, in one statement; return the person, if there is a row.

    The person of a row never changes; read its other columns again after this.
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
    """Refuse to go on if the person is not locked: a bug, which every test would show."""
    held = use_state(connection)
    if not held.alone and user not in held.people:
        raise RuntimeError("something of a person is changed who is not held")


def _lock(user: ColumnElement[Any]) -> ColumnElement[Any]:
    """Wait for the lock of a person; two people may share one lock."""
    return func.pg_advisory_xact_lock(PEOPLE, func.hashtext(user))
