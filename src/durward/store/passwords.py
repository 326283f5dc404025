"""Passwords of people, kept as hashes."""

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from durward.core.audit.event import AuditContext, EventKind
from durward.core.people.password_hash import PasswordHash, kind_of
from durward.core.values import UserId
from durward.store.audit import record_event, record_events
from durward.store.holds import check_held
from durward.store.schema import passwords

MAX_KINDS: Final = 100
"""Of decoys: the most frequent ones."""


def load_password(connection: Connection, user: UserId, *, lock: bool = False) -> str | None:
    """The hash of a person's password (PHC string format); `lock` keeps it until the commit."""
    statement = select(passwords.c.hash).where(passwords.c.user == user)
    return connection.execute(statement.with_for_update() if lock else statement).scalar()


def with_passwords(connection: Connection, users: Collection[UserId]) -> frozenset[UserId]:
    """The people among these who have a password."""
    found = select(passwords.c.user).where(passwords.c.user.in_(users))
    return frozenset(map(UserId, connection.execute(found).scalars()))


def record_password(
    connection: Connection, user: UserId, phc: str, audit: AuditContext, **facts: str
) -> None:
    """Keep a new hash in place of the one before; the person is held."""
    check_held(connection, user)
    kind = kind_of(phc) or None
    values = {"hash": phc, "changed_at": audit.at, "kind": kind, "first_kind": kind}
    here = passwords.c.user == user
    if not connection.execute(update(passwords).where(here).values(**values)).rowcount:
        connection.execute(insert(passwords).values(user=user, **values))
    record_event(connection, audit.event(EventKind.PASSWORD_SET, f"users/{user}", **facts))


def renew_hash(
    connection: Connection, user: UserId, verified: str, fresh: str, audit: AuditContext
) -> None:
    """Keep another hash of the same password in place of the one that was just verified."""
    here = (passwords.c.user == user) & (passwords.c.hash == verified)
    kind = kind_of(fresh) or None
    if connection.execute(update(passwords).where(here).values(hash=fresh, kind=kind)).rowcount:
        record_event(connection, audit.event(EventKind.PASSWORD_REHASHED, f"users/{user}"))


def add_passwords(
    connection: Connection, hashes: Mapping[UserId, PasswordHash], audit: AuditContext
) -> None:
    """Store the hashes of new people, by one statement; the people are held."""
    for user in hashes:
        check_held(connection, user)
    rows = [
        {
            "user": user,
            "hash": found.text,
            "changed_at": audit.at,
            "kind": kind,
            "first_kind": kind,
        }
        for user, found in hashes.items()
        for kind in (found.kind,)
    ]
    if rows:
        connection.execute(insert(passwords), rows)
    record_events(
        connection,
        [
            audit.event(EventKind.PASSWORD_SET, f"users/{user}", imported=found.cost)
            for user, found in hashes.items()
        ],
    )


def load_hash_kinds(connection: Connection, current: str) -> dict[str, dict[str, int]]:
    """Count the hashes by their first and their present kind.

    It reads an index only. Rows without a kind, of an earlier version, have the `current` one.
    """
    c, number = passwords.c, func.count().label("number")
    grouped = select(c.first_kind, c.kind, number).group_by(c.first_kind, c.kind)
    counts: dict[str, dict[str, int]] = {}
    for row in connection.execute(grouped.order_by(number.desc()).limit(MAX_KINDS)):
        of_first = counts.setdefault(row.first_kind or current, {})
        kind = row.kind or current
        of_first[kind] = of_first.get(kind, 0) + row.number
    return counts


def forget_password(connection: Connection, user: UserId, audit: AuditContext) -> bool:
    """Remove a person's hash; whether there was one."""
    if not connection.execute(delete(passwords).where(passwords.c.user == user)).rowcount:
        return False
    record_event(connection, audit.event(EventKind.PASSWORD_REMOVED, f"users/{user}"))
    return True
