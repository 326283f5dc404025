"""The parts of snapshots, by the hash of their bytes: equal parts are stored once.

Policies of a decision in the log are kept as long as the log, for `explain`.
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
    """Store these contents by their digests, as long as a version that has them."""
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
    """The existing contents, by digest."""
    c = parts.c
    found: dict[str, bytes] = {}
    for some in chunks(digests):
        rows = connection.execute(select(c.digest, c.body).where(c.digest.in_(some)))
        found |= {row.digest: row.body for row in rows}
    return found


def mark_recorded(connection: Connection, digests: Collection[str], at: Instant) -> frozenset[str]:
    """Mark parts as named by the log, so that they are kept; return those that do not exist.

    The mark is written before the check, so that a part deleted meanwhile counts as missing.
    """
    c = parts.c
    known: set[str] = set()
    for some in chunks(sorted(digests)):
        here = c.digest.in_(some)
        connection.execute(update(parts).where(here, c.told_at.is_(None)).values(told_at=at))
        known |= {row.digest for row in connection.execute(select(c.digest).where(here))}
    return frozenset(digests) - known


def add_recorded_part(connection: Connection, digest: str, body: bytes, at: Instant) -> None:
    """Store a part that the log names and only a node had."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {"digest": digest, "body": body, "version": NO_VERSION, "told_at": at}
    fresh = dialect.insert(parts).values(**values)
    connection.execute(fresh.on_conflict_do_nothing())
    mark_recorded(connection, {digest}, at)


def forget_parts(connection: Connection, before: int) -> None:
    """Delete parts that no version from `before` on has, and that the log does not name."""
    c = parts.c
    connection.execute(delete(parts).where(c.version < before, c.told_at.is_(None)))


def chunks(digests: Iterable[str]) -> Iterator[list[str]]:
    """Digests in batches: a statement accepts a limited number of parameters."""
    waiting = iter(digests)
    while some := list(islice(waiting, IN_ONE_STATEMENT)):
        yield some
