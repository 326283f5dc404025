"""Whatever says that the database is away is one kind of error; a mistake of ours is none of it."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError
from tests.issuer import until

from durward.core.errors import Unavailable
from durward.store.database import attempt
from durward.store.postgres import ATTEMPTS, PostgresDatabase
from durward.store.sqlite import SqliteDatabase

pytestmark = pytest.mark.anyio
OWN_PID = text("SELECT pg_backend_pid()")
END = "SELECT pg_terminate_backend({})"
CONNECTIONS = 15


@pytest.fixture
async def database(postgres: str) -> AsyncIterator[PostgresDatabase]:
    opened = PostgresDatabase(postgres.replace("postgresql:", "postgresql+asyncpg:"))
    yield opened
    await opened.close()


def raising(state: str) -> Callable[[Connection], None]:
    """A use case that a real server refuses with a SQLSTATE."""
    body = f"BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '{state}'; END"
    return lambda connection: connection.execute(text(f"DO $$ {body} $$")).close()


class Counted:
    """A use case, and how often it ran."""

    def __init__(self, use: Callable[[Connection], object]) -> None:
        self.calls = 0
        self._use = use

    def __call__(self, connection: Connection) -> object:
        self.calls += 1
        return self._use(connection)


@pytest.mark.parametrize(
    ("state", "passes"),
    [
        ("08006", True),
        ("08P01", True),
        ("25006", True),
        ("25P03", True),
        ("26000", True),
        ("53100", True),
        ("55P03", True),
        ("57014", True),
        ("57P01", True),
        ("57P03", True),
        ("58030", True),
        ("28P01", False),
        ("3D000", False),
        ("42501", False),
        ("42P01", False),
        ("XX001", False),
    ],
)
async def test_a_database_that_is_away_says_so_by_its_state(
    database: PostgresDatabase, state: str, *, passes: bool
) -> None:
    with pytest.raises(Unavailable) as caught:
        await database.write(raising(state))
    told = caught.value
    assert (str(told), told.passes, told.unsettled) == ("the store: as told", passes, False)
    assert told.retry_after > 0
    assert passes or told.hint


@pytest.mark.parametrize("state", ["22012", "23505", "25P02", "42601", "0A000", "P0001"])
async def test_a_mistake_of_ours_is_not_taken_for_a_database_that_is_away(
    database: PostgresDatabase, state: str
) -> None:
    use = Counted(raising(state))
    with pytest.raises(DBAPIError):
        await database.write(use)
    assert use.calls == 1


@pytest.mark.parametrize("state", ["40001", "40P01", "53300"])
async def test_what_left_nothing_behind_is_tried_again_until_it_is_told(
    database: PostgresDatabase, state: str
) -> None:
    use = Counted(raising(state))
    with pytest.raises(Unavailable, match="as told") as caught:
        await database.write(use)
    assert use.calls == ATTEMPTS
    assert not caught.value.unsettled


async def test_a_use_case_whose_connection_is_lost_runs_again_on_another_one(
    database: PostgresDatabase,
) -> None:
    def once(connection: Connection) -> int:
        pid: int = connection.execute(OWN_PID).scalar_one()
        if use.calls == 1:
            connection.execute(text(END.format(pid)))
        return pid

    use = Counted(once)
    assert await database.write(use) == await database.read(lambda c: c.execute(OWN_PID).scalar())
    assert use.calls == 2


async def test_one_that_loses_every_connection_is_told_as_not_done(
    database: PostgresDatabase,
) -> None:
    use = Counted(lambda connection: connection.execute(text(END.format("pg_backend_pid()"))))
    with pytest.raises(Unavailable, match="terminating connection") as caught, attempt() as made:
        await database.write(made.at(use))
    assert use.calls == 2
    assert not caught.value.unsettled


@pytest.mark.parametrize("is_done", [False, True])
async def test_a_commit_without_an_answer_is_neither_done_nor_not_done_and_not_repeated(
    database: PostgresDatabase, postgres: str, *, is_done: bool
) -> None:
    await database.write(lambda c: c.execute(text("CREATE TABLE IF NOT EXISTS said (it text)")))
    await database.write(lambda c: c.execute(text("DELETE FROM said")))

    def strike(connection: Connection) -> None:
        if is_done:  # and the answer is lost
            connection.connection.commit()
            raise ConnectionResetError("reset")
        pid = connection.execute(OWN_PID).scalar_one()
        other = threading.Thread(target=asyncio.run, args=(end(pid),))
        other.start()
        other.join()

    async def end(pid: int) -> None:
        other = await asyncpg.connect(postgres)
        await other.fetch("SELECT pg_terminate_backend($1, 5000)", pid)  # and wait for it
        await other.close()

    engine = database._engine.sync_engine
    use = Counted(lambda c: c.execute(text("INSERT INTO said VALUES ('it')")))
    event.listen(engine, "commit", strike)
    try:
        with pytest.raises(Unavailable) as caught, attempt() as made:
            await database.write(made.at(use))
    finally:
        event.remove(engine, "commit", strike)
    assert (caught.value.unsettled, use.calls) == (True, 1)
    rows = await database.read(lambda c: c.execute(text("SELECT it FROM said")).all())
    assert len(rows) == is_done


@pytest.mark.alone
async def test_one_that_does_not_answer_is_waited_for_only_so_long(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("durward.store.postgres.WITHIN_SECONDS", 0.3)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="it does not answer"):
        await database.write(lambda c: c.execute(text("SELECT pg_sleep(30)")))
    assert time.monotonic() - began < 10
    assert await database.read(lambda c: c.execute(text("SELECT 1")).scalar()) == 1


async def test_who_gets_no_connection_of_the_pool_is_told(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database._engine.sync_engine.pool, "_timeout", 0.1)
    busy = [
        asyncio.create_task(database.read(lambda c: c.execute(text("SELECT pg_sleep(2)"))))
        for _ in range(CONNECTIONS)
    ]
    pool: Any = database._engine.sync_engine.pool
    await until(lambda: pool.checkedout() == CONNECTIONS)
    with pytest.raises(Unavailable, match="every connection is in use"):
        await database.read(lambda c: c.execute(OWN_PID))
    await asyncio.gather(*busy)


async def test_a_plan_that_was_cached_before_a_migration_is_made_anew(
    database: PostgresDatabase, postgres: str
) -> None:
    """A replica of before goes on beside the one that migrates."""

    def read(connection: Connection) -> list[int]:
        return list(connection.execute(text("SELECT a FROM migrated")).scalars())

    begin = ("DROP TABLE IF EXISTS migrated", "CREATE TABLE migrated (a int)")
    await database.write(lambda c: [c.exec_driver_sql(each) for each in begin] and None)
    assert await database.read(read) == []
    other = await asyncpg.connect(postgres)
    await other.execute("ALTER TABLE migrated ALTER COLUMN a TYPE bigint")
    await other.close()
    assert await database.read(read) == []


async def test_a_file_that_a_use_case_misses_is_a_mistake_of_ours(
    database: PostgresDatabase,
) -> None:
    def missing(_: Connection) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    with pytest.raises(FileNotFoundError):
        await database.write(missing)


async def test_a_file_that_somebody_else_holds_is_waited_for_and_one_that_is_none_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("durward.store.sqlite.BUSY_SECONDS", 0.1)
    database = SqliteDatabase(tmp_path / "store.db")
    await database.write(lambda c: c.execute(text("CREATE TABLE it (a)")))
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="database is locked") as caught:
            await database.write(lambda c: c.execute(text("DELETE FROM it")))
        assert caught.value.passes
    await database.write(lambda c: c.execute(text("DELETE FROM it")))
    await database.close()
    (tmp_path / "none.db").write_bytes(b"nothing of the kind" * 500)
    spoiled = SqliteDatabase(tmp_path / "none.db")
    with pytest.raises(Unavailable, match="not a database") as caught:
        await spoiled.write(lambda c: c.execute(text("DELETE FROM it")))
    assert not caught.value.passes
    assert caught.value.hint
    await spoiled.close()
