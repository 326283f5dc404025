"""The parts of snapshots, by the hash of their bytes: what several versions say is kept once."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice

from sqlalchemy import Connection, delete, insert, select, update

from durward.store.schema import parts

IN_ONE_STATEMENT = 500


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


def forget_parts(connection: Connection, before: int) -> None:
    """Delete what no version from `before` on has."""
    connection.execute(delete(parts).where(parts.c.version < before))


def chunks(digests: Iterable[str]) -> Iterator[list[str]]:
    """A few at a time: a statement takes only so many parameters."""
    waiting = iter(digests)
    while some := list(islice(waiting, IN_ONE_STATEMENT)):
        yield some
