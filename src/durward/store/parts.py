"""The parts of snapshots, by the hash of their bytes: what several versions say is kept once.

Policies that a decision in the log was made by are kept as long as the log: `explain` reads them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from durward.core.values import Instant
from durward.store.schema import parts

IN_ONE_STATEMENT = 500
NO_VERSION = 0


def put_parts(connection: Connection, contents: Mapping[str, bytes], version: int) -> None:
    """Keep these contents, by their digests, for as long as a version that has them is kept."""
    c = parts.c
    known: set[str] = set()
    for some in chunks(contents):
        here = c.digest.in_(some)
        connection.execute(update(parts).where(here).values(version=version))
        known |= {row.digest for row in connection.execute(select(c.digest).where(here))}
    fresh = [
        {"digest": digest, "body": body, "version": version}
        for digest, body in contents.items()
        if digest not in known
    ]
    for rows in (fresh[start : start + 100] for start in range(0, len(fresh), 100)):
        connection.execute(insert(parts), rows)


def load_parts(connection: Connection, digests: Collection[str]) -> dict[str, bytes]:
    """Those of the contents that there are."""
    c = parts.c
    found: dict[str, bytes] = {}
    for some in chunks(digests):
        rows = connection.execute(select(c.digest, c.body).where(c.digest.in_(some)))
        found |= {row.digest: row.body for row in rows}
    return found


def mark_recorded(connection: Connection, digests: Collection[str], at: Instant) -> frozenset[str]:
    """The log tells of these from now on, so they are kept; those that there are not.

    It is written first, and looked then: what another transaction forgets meanwhile is missing.
    """
    c = parts.c
    known: set[str] = set()
    for some in chunks(sorted(digests)):
        here = c.digest.in_(some)
        connection.execute(update(parts).where(here, c.told_at.is_(None)).values(told_at=at))
        known |= {row.digest for row in connection.execute(select(c.digest).where(here))}
    return frozenset(digests) - known


def add_recorded_part(connection: Connection, digest: str, body: bytes, at: Instant) -> None:
    """Keep what the log tells of and no version here has: a node had it."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {"digest": digest, "body": body, "version": NO_VERSION, "told_at": at}
    fresh = dialect.insert(parts).values(**values)
    connection.execute(fresh.on_conflict_do_nothing())
    mark_recorded(connection, {digest}, at)


def forget_parts(connection: Connection, before: int) -> None:
    """Delete what no version from `before` on has, and the log does not tell of."""
    c = parts.c
    connection.execute(delete(parts).where(c.version < before, c.told_at.is_(None)))


def chunks(digests: Iterable[str]) -> Iterator[list[str]]:
    """A few at a time: a statement takes only so many parameters."""
    waiting = iter(digests)
    while some := list(islice(waiting, IN_ONE_STATEMENT)):
        yield some
