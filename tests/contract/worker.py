"""Another process at the same store, for races and kills."""

import asyncio
import itertools
import sys

from sqlalchemy import Connection, select, update

from durward.core.audit.event import AuditEvent, Kind
from durward.core.errors import Conflict
from durward.core.values import Instant
from durward.store import audit
from durward.store.engine import Database, open_database
from durward.store.schema import log_head


def increment(connection: Connection) -> None:
    here = log_head.c.id == 2
    size = connection.execute(select(log_head.c.size).where(here).with_for_update()).scalar_one()
    connection.execute(update(log_head).where(here).values(size=size + 1))


async def sequence(database: Database) -> None:
    while True:
        try:
            if await database.write(lambda c: audit.sequence_events(c, 3)) is None:
                return
        except Conflict:
            continue


async def record(database: Database) -> None:
    for number in itertools.count():
        event = AuditEvent(f"k{number}", Instant(number), Kind.DECISION, "ann", "orders/1")
        await database.write(lambda c, e=event: audit.record_event(c, e))  # type: ignore[misc]
        print(event.id, flush=True)  # noqa: T201


async def main(what: str, url: str, *rest: str) -> None:
    database = open_database(url)
    if what == "increment":
        for _ in range(int(rest[0])):
            await database.write(increment)
    elif what == "sequence":
        await sequence(database)
    else:
        await record(database)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
