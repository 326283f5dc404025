"""How often it was tried to sign in, by what an attempt is counted under."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from durward.core.authn.throttle import Count, Limit, is_forgotten, longest_wait
from durward.core.values import Instant, Seconds
from durward.store.schema import attempts


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
