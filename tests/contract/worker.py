"""Another process at the same store, for races and kills."""

import asyncio
import hashlib
import itertools
import sys

from sqlalchemy import Connection, select, update

from durward.core.audit.event import AuditContext, AuditEvent, EventKind
from durward.core.edge.revocation import RevocationKind
from durward.core.errors import Conflict
from durward.core.values import GrantId, Instant
from durward.entropy import new_id
from durward.store import audit, grants, refresh, revocations
from durward.store.database import Database
from durward.store.engine import open_database
from durward.store.schema import log_head


def increment(connection: Connection) -> None:
    here = log_head.c.id == 2
    size = connection.execute(select(log_head.c.size).where(here).with_for_update()).scalar_one()
    connection.execute(update(log_head).where(here).values(size=size + 1))


async def sequence(database: Database) -> None:
    while True:
        try:
            if (
                await database.write(lambda c: audit.sequence_events(c, audit.load_pending(c, 3)))
                is None
            ):
                return
        except Conflict:
            continue


async def record(database: Database) -> None:
    for number in itertools.count():
        event = AuditEvent(f"k{number}", Instant(number), EventKind.DECISION, "ann", "orders/1")
        await database.write(lambda c, e=event: audit.record_event(c, e))  # type: ignore[misc]
        print(event.id, flush=True)  # noqa: T201


def redeem(connection: Connection, number: int) -> bool:
    """As a use case does it: look, then spend."""
    code_hash = f"g{number}".encode()
    found = grants.find_code(connection, code_hash)
    assert found is not None
    return found[1] is None and grants.redeem_code(connection, code_hash, Instant(1))


async def redeem_all(database: Database) -> None:
    """Say which codes this process won."""
    for number in range(25):
        if await database.write(lambda c, n=number: redeem(c, n)):  # type: ignore[misc]
            print(f"g{number}", flush=True)  # noqa: T201


def rotate(connection: Connection, token: bytes) -> bytes:
    """As a use case does it: the successor follows from what was presented."""
    found = refresh.find_refresh(connection, token)
    assert found is not None
    following = hashlib.sha256(token).digest()
    if found[1].spent_at is None:
        refresh.spend_refresh(connection, token, Instant(1))
        refresh.add_refresh(connection, GrantId("g"), following, Instant(1))
    return following


async def rotate_all(database: Database) -> None:
    """Follow one family for 25 steps."""
    token = b"first g"
    for _ in range(25):
        token = await database.write(lambda c, t=token: rotate(c, t))  # type: ignore[misc]
    print("25", flush=True)  # noqa: T201


async def revoke_all(database: Database) -> None:
    """Revoke 25 things."""
    audit = AuditContext("worker", Instant(1), lambda: new_id("e"))
    for number in range(25):
        await database.write(
            lambda c, n=number: revocations.record_revocation(
                c, RevocationKind.GRANT, f"g{n}", audit
            )  # type: ignore[misc]
        )


RACES = {"redeem": redeem_all, "rotate": rotate_all, "revoke": revoke_all}


async def main(what: str, url: str, *rest: str) -> None:
    database = open_database(url)
    if what == "increment":
        for _ in range(int(rest[0])):
            await database.write(increment)
    elif what in RACES:
        await database.read(lambda c: c.execute(select(log_head.c.id)).all())
        print("ready", flush=True)  # noqa: T201
        sys.stdin.readline()
        await RACES[what](database)
    elif what == "sequence":
        await sequence(database)
    else:
        await record(database)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
