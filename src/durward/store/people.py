"""What people prove themselves by: passwords, kept as Argon2id, and how often it was tried."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from durward.core.audit.event import AuditContext, EventKind
from durward.core.authn.throttle import Count, Limit, is_forgotten, longest_wait
from durward.core.values import Instant, Seconds, UserId
from durward.store.audit import record_event
from durward.store.holds import check_held
from durward.store.schema import attempts, passwords


def load_password(connection: Connection, user: UserId, *, lock: bool = False) -> str | None:
    """The hash of a person's password (PHC string format); `lock` keeps it until the commit."""
    statement = select(passwords.c.hash).where(passwords.c.user == user)
    return connection.execute(statement.with_for_update() if lock else statement).scalar()


def record_password(connection: Connection, user: UserId, phc: str, audit: AuditContext) -> None:
    """Keep a new hash in place of the one before; the person is held."""
    check_held(connection, user)
    values = {"hash": phc, "changed_at": audit.at}
    here = passwords.c.user == user
    if not connection.execute(update(passwords).where(here).values(**values)).rowcount:
        connection.execute(insert(passwords).values(user=user, **values))
    record_event(connection, audit.event(EventKind.PASSWORD_SET, f"users/{user}"))


def renew_hash(
    connection: Connection, user: UserId, verified: str, fresh: str, audit: AuditContext
) -> None:
    """Keep another hash of the same password in place of the one that was just verified."""
    here = (passwords.c.user == user) & (passwords.c.hash == verified)
    if connection.execute(update(passwords).where(here).values(hash=fresh)).rowcount:
        record_event(connection, audit.event(EventKind.PASSWORD_REHASHED, f"users/{user}"))


def share_of_hashes(connection: Connection, beginning: str) -> float:
    """Which share of the hashes begins so, 0 to 1; 0 where there is none. It reads all of them."""
    begins = passwords.c.hash.startswith(beginning, autoescape=True)
    found = connection.execute(select(func.count(), func.count().filter(begins))).one()
    every, some = found
    return some / every if every else 0.0


def forget_password(connection: Connection, user: UserId, audit: AuditContext) -> bool:
    """Remove a person's hash; whether there was one."""
    if not connection.execute(delete(passwords).where(passwords.c.user == user)).rowcount:
        return False
    record_event(connection, audit.event(EventKind.PASSWORD_REMOVED, f"users/{user}"))
    return True


def count_attempt(connection: Connection, against: Mapping[str, Limit], now: Instant) -> Seconds:
    """Count an attempt before it is looked at; how long to wait instead, where it is too early.

    One that is too early is not counted: who waits is let in in the end.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    names = sorted(against)  # one order for all: no deadlock
    for name in names:
        fresh = dialect.insert(attempts).values(name=name, failures=0, last_at=now)
        # It is updated to what it is, since that locks it: the sweeper leaves it alone.
        same = {"failures": attempts.c.failures}
        connection.execute(fresh.on_conflict_do_update(index_elements=["name"], set_=same))
    counts = load_counts(connection, names, lock=True)
    waits = longest_wait(((counts.get(name), against[name]) for name in names), now)
    if waits:
        return waits
    for name in names:
        count = counts[name]
        before = 0 if is_forgotten(count, against[name], now) else count.failures
        values = {"failures": before + 1, "last_at": now}
        connection.execute(update(attempts).where(attempts.c.name == name).values(**values))
    return Seconds(0)


def load_counts(
    connection: Connection, names: Iterable[str], *, lock: bool = False
) -> dict[str, Count]:
    """What was counted under these names."""
    columns = attempts.c
    statement = select(columns.name, columns.failures, columns.last_at)
    statement = statement.where(columns.name.in_(list(names))).order_by(columns.name)
    rows = connection.execute(statement.with_for_update() if lock else statement)
    return {row.name: Count(row.failures, row.last_at) for row in rows}


def forgive_attempt(connection: Connection, against: Mapping[str, Limit], pair: str) -> None:
    """After a success: the pair begins anew, and the others lose what this attempt had counted."""
    connection.execute(delete(attempts).where(attempts.c.name == pair))
    uncount_attempt(connection, set(against) - {pair})


def uncount_attempt(connection: Connection, names: Iterable[str]) -> None:
    """Take back what one attempt counted under these names."""
    counted = attempts.c.name.in_(sorted(names)) & (attempts.c.failures > 0)
    lower = {"failures": attempts.c.failures - 1}
    connection.execute(update(attempts).where(counted).values(**lower))
