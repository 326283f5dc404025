"""What every backend promises of the kinds of hash: counted as they are, also those of before."""

import pytest
from sqlalchemy import Connection, insert, text

from durward.core.audit.event import AuditContext
from durward.core.people.password_hash import kind_of, parse_password_hash
from durward.core.values import Instant, UserId
from durward.services.passwords import CURRENT_KIND
from durward.store.database import Database
from durward.store.engine import open_database
from durward.store.holds import hold_people
from durward.store.migrate import migrate, upgrade
from durward.store.passwords import (
    add_passwords,
    forget_password,
    load_hash_kinds,
    record_password,
    renew_hash,
    with_passwords,
)
from durward.store.schema import passwords

pytestmark = pytest.mark.anyio
BEFORE = "0012_pre_people_rows"
SALT_AND_DIGEST = "c2FsdHNhbHRzYWx0c2FsdA$" + "c" * 42 + "A"
CURRENT = f"$argon2id$v=19$m=19456,t=2,p=1${SALT_AND_DIGEST}"
FORMER = f"$argon2id$v=19$m=65536,t=3,p=4${SALT_AND_DIGEST}"
BCRYPT = "$2b$12$" + "/" * 21 + "O" + "/" * 30 + "."
IDS = iter(range(1_000))
AUDIT = AuditContext("test", Instant(1), lambda: f"e_{next(IDS)}")


async def test_hashes_are_counted_by_what_they_were_at_first_and_what_they_are(
    database: Database,
) -> None:
    users = [UserId(name) for name in ("a", "b", "c")]

    def use(connection: Connection) -> list[dict[str, dict[str, int]]]:
        hold_people(connection, *users, "d")
        found = [load_hash_kinds(connection, CURRENT_KIND)]
        add_passwords(connection, {user: parse_password_hash(BCRYPT) for user in users}, AUDIT)
        record_password(connection, UserId("d"), FORMER, AUDIT)
        found.append(load_hash_kinds(connection, CURRENT_KIND))
        renew_hash(connection, users[0], BCRYPT, CURRENT, AUDIT)
        renew_hash(connection, users[1], "another by now", CURRENT, AUDIT)
        found.append(load_hash_kinds(connection, CURRENT_KIND))
        record_password(connection, users[0], CURRENT, AUDIT)
        forget_password(connection, users[1], AUDIT)
        found.append(load_hash_kinds(connection, CURRENT_KIND))
        assert with_passwords(connection, [*users, UserId("z")]) == {users[0], users[2]}
        assert with_passwords(connection, []) == set()
        return found

    bcrypt, former = kind_of(BCRYPT), kind_of(FORMER)
    assert await database.write(use) == [
        {},
        {bcrypt: {bcrypt: 3}, former: {former: 1}},
        {bcrypt: {bcrypt: 2, CURRENT_KIND: 1}, former: {former: 1}},
        {bcrypt: {bcrypt: 1}, former: {former: 1}, CURRENT_KIND: {CURRENT_KIND: 1}},
    ]


async def test_hashes_of_before_have_their_kind_after_the_migration(url: str) -> None:
    database = open_database(url)

    def as_before(connection: Connection) -> None:
        upgrade(connection, BEFORE)
        for user, kept in (("a", CURRENT), ("b", FORMER), ("c", "of another version")):
            row = {"user": user, "hash": kept, "at": 1}
            columns, values = '"user", hash, changed_at', ":user, :hash, :at"
            statement = f"INSERT INTO passwords ({columns}) VALUES ({values})"  # noqa: S608
            connection.execute(text(statement), row)

    try:
        await database.write(as_before)
        assert await database.write(migrate)
        row = {"user": "d", "hash": CURRENT, "changed_at": 1}
        await database.write(lambda c: c.execute(insert(passwords).values(**row)))
        found = await database.read(lambda c: load_hash_kinds(c, CURRENT_KIND))
    finally:
        await database.close()
    assert kind_of(CURRENT) == CURRENT_KIND
    former = kind_of(FORMER)
    assert found == {CURRENT_KIND: {CURRENT_KIND: 3}, former: {former: 1}}
