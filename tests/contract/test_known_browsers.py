"""What every backend promises about the browsers that people have signed in at."""

import asyncio

import pytest
from sqlalchemy import Connection, select

from durward.core.audit.event import AuditContext
from durward.core.authn.known_browser import MOST, UNUSED
from durward.core.values import Instant, Seconds, UserId, later
from durward.entropy import new_id
from durward.store import holds, known_browsers, migrate, passwords, schema
from durward.store.database import Database
from durward.store.engine import open_database

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("AS-96")]
NOW = Instant(1_800_000_000_000_000)
ANN, BOB = UserId("ann"), UserId("bob")


def rows(connection: Connection) -> list[tuple[object, ...]]:
    c = schema.known_browsers.c
    found = connection.execute(select(c.user, c.secret, c.first_at, c.last_at).order_by(*c))
    return [tuple(row) for row in found]


async def record(database: Database, user: UserId, secret: bytes, now: Instant) -> None:
    await database.write(lambda c: known_browsers.record_known_browser(c, user, secret, now))


async def knows(
    database: Database, secret: bytes, now: Instant = NOW, user: UserId | None = None
) -> bool:
    return await database.read(lambda c: known_browsers.is_known_browser(c, secret, now, user=user))


async def test_a_browser_is_known_for_who_signed_in_there(database: Database) -> None:
    await record(database, ANN, b"one", NOW)
    await record(database, BOB, b"two", NOW)
    await record(database, BOB, b"one", NOW)
    assert await knows(database, b"one", user=ANN)
    assert await knows(database, b"one", user=BOB)
    assert not await knows(database, b"two", user=ANN)
    assert await knows(database, b"two")
    assert not await knows(database, b"three")


async def test_a_browser_is_forgotten_unless_it_is_used(database: Database) -> None:
    await record(database, ANN, b"one", NOW)
    end = later(NOW, UNUSED)
    assert await knows(database, b"one", Instant(end - 1), ANN)
    assert not await knows(database, b"one", end, ANN)
    assert not await knows(database, b"one", end)
    used = later(NOW, Seconds(UNUSED - 1))
    await record(database, ANN, b"one", used)
    assert await knows(database, b"one", end, ANN)
    assert await database.read(rows) == [(ANN, b"one", NOW, used)]


async def test_what_a_person_did_not_use_for_long_is_removed_at_their_next_sign_in(
    database: Database,
) -> None:
    await record(database, ANN, b"one", NOW)
    await record(database, BOB, b"one", NOW)
    end = later(NOW, UNUSED)
    await record(database, ANN, b"two", end)
    assert await database.read(rows) == [(ANN, b"two", end, end), (BOB, b"one", NOW, NOW)]


async def test_of_too_many_browsers_the_one_unused_longest_gives_way(database: Database) -> None:
    for number in range(MOST):
        await record(database, ANN, bytes([number]), later(NOW, Seconds(number)))
    await record(database, ANN, bytes([0]), later(NOW, Seconds(100)))
    await record(database, BOB, b"bob", NOW)
    await record(database, ANN, b"more", later(NOW, Seconds(101)))
    found = await database.read(rows)
    left = {row[1] for row in found if row[0] == ANN}
    assert left == {bytes([0]), *(bytes([number]) for number in range(2, MOST)), b"more"}
    assert len(found) == MOST + 1, "bob has places of his own"


async def test_the_browser_that_is_used_never_gives_way(database: Database) -> None:
    """Also where all were used in the same instant."""
    for number in range(2 * MOST):
        secret = bytes([200 - number])
        await record(database, ANN, secret, NOW)
        assert await knows(database, secret, user=ANN)
    assert len(await database.read(rows)) == MOST


async def test_a_persons_browsers_are_forgotten_and_nobody_elses(database: Database) -> None:
    for user, secret in ((ANN, b"one"), (ANN, b"two"), (BOB, b"one")):
        await record(database, user, secret, NOW)
    await database.write(lambda c: known_browsers.forget_known_browsers(c, ANN))
    assert await database.read(rows) == [(BOB, b"one", NOW, NOW)]


async def test_sign_ins_at_once_at_one_browser_are_one_row(database: Database) -> None:
    audit = AuditContext("test", NOW, lambda: new_id("e"))

    def keep(connection: Connection) -> None:
        holds.hold_people(connection, ANN)
        passwords.record_password(connection, ANN, "hash", audit)

    await database.write(keep)

    def sign_in(connection: Connection) -> None:
        passwords.load_password(connection, ANN, lock=True)
        known_browsers.record_known_browser(connection, ANN, b"one", NOW)

    await asyncio.gather(*(database.write(sign_in) for _ in range(8)))
    assert await database.read(rows) == [(ANN, b"one", NOW, NOW)]


async def test_what_was_typed_before_is_gone_after_the_migration(url: str) -> None:
    database = open_database(url)
    try:
        before = "0003_pre_interaction_session"
        await database.write(lambda c: migrate.upgrade(c, before))
        typed = {"name": "sign-in:account:my secret password", "failures": 1, "last_at": NOW}
        await database.write(lambda c: c.execute(schema.attempts.insert().values(**typed)))
        assert await database.write(migrate.migrate)
        assert await database.read(lambda c: c.execute(select(schema.attempts)).all()) == []
    finally:
        await database.close()
