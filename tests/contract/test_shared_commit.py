"""Use cases that wait share one transaction of SQLite, and none of them notices (ADR 34)."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select
from sqlalchemy.exc import OperationalError
from tests.contract.faults import faults_in

from durward.core.errors import Unavailable
from durward.store import schema
from durward.store.database import News, announce
from durward.store.holds import check_held, hold_people
from durward.store.migrate import migrate
from durward.store.outage import PUT_IN_PLACE
from durward.store.sqlite import SHARED_AT_MOST, SqliteDatabase

pytestmark = pytest.mark.anyio
Use = Callable[[Connection], Any]


class Watched:
    """A store whose writer stands still until a test lets it go, and whose commits are counted."""

    def __init__(self, database: SqliteDatabase) -> None:
        self.database = database
        self.commits = 0
        self.news: list[object] = []
        self._go = threading.Event()
        database.listen(self.news.extend)
        event.listen(database._engine, "commit", self._count)

    def _count(self, _: Connection) -> None:
        self.commits += 1

    async def together(self, *uses: Use | tuple[Use, bool]) -> list[Any]:
        """Let these wait for the writer, some of them `apart`; what each returned or raised."""
        entered = threading.Event()

        def hold(_: Connection) -> None:
            entered.set()
            self._go.wait(10)

        holding = asyncio.create_task(self.database.write(hold))
        await asyncio.to_thread(entered.wait, 10)
        asked = [use if isinstance(use, tuple) else (use, False) for use in uses]
        tasks = [asyncio.create_task(self.database.write(u, apart=apart)) for u, apart in asked]
        await asyncio.sleep(0.05)  # longer than a transaction takes others along
        self.commits = -1  # that of the one that held the writer
        self._go.set()
        await holding
        done = await asyncio.gather(*tasks, return_exceptions=True)
        self._go.clear()
        return done


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    database = SqliteDatabase(tmp_path / "store.db")
    await database.write(migrate)
    yield Watched(database)
    await database.close()


def adds(number: int) -> Callable[[Connection], int]:
    def use(connection: Connection) -> int:
        connection.execute(insert(schema.outbox).values(event_id=f"e{number}", body=b"x"))
        announce(connection, number)
        return number

    return use


async def kept(watched: Watched) -> list[str]:
    ids = select(schema.outbox.c.event_id).order_by(schema.outbox.c.position)
    return await watched.database.read(lambda c: list(c.execute(ids).scalars()))


async def test_use_cases_that_wait_share_one_commit(watched: Watched) -> None:
    assert await watched.together(*(adds(n) for n in range(8))) == list(range(8))
    assert watched.commits == 1
    assert await kept(watched) == [f"e{n}" for n in range(8)]
    assert watched.news == list(range(8))


async def test_one_that_fails_fails_alone(watched: Watched) -> None:
    def fails(connection: Connection) -> None:
        adds(7)(connection)
        raise ValueError("no")

    done = await watched.together(adds(1), fails, adds(2), adds(1), adds(3))
    assert [type(one).__name__ for one in done] == [
        "int",
        "ValueError",
        "int",
        "IntegrityError",
        "int",
    ]
    assert watched.commits == 1
    assert await kept(watched) == ["e1", "e2", "e3"]
    assert watched.news == [1, 2, 3], "what was not done is no news"


async def test_a_commit_that_fails_fails_for_all_of_them(watched: Watched) -> None:
    with faults_in(watched.database, at_commit=1) as injected:  # the first is that of who waits
        done = await watched.together(adds(1), adds(2))
    assert injected.struck
    assert all(isinstance(one, Unavailable) for one in done)
    assert (await kept(watched), watched.news) == ([], [])
    assert await watched.database.write(adds(3)) == 3


async def test_where_sqlite_ends_the_transaction_nothing_of_it_is_done(watched: Watched) -> None:
    """As on a full disk: it is rolled back below us, and a savepoint saves nothing."""

    def ended(connection: Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")
        full = sqlite3.OperationalError("database or disk is full")
        raise OperationalError("INSERT", None, full)

    done = await watched.together(adds(1), ended, adds(2))
    assert [isinstance(one, Unavailable) for one in done] == [True, True, False]
    assert done[2] == 2, "it came into the next transaction"
    assert (await kept(watched), watched.news) == (["e2"], [2])


async def test_a_mistake_of_ours_is_no_store_that_is_away(watched: Watched) -> None:
    """Whoever is told to come back comes back for ever, and nobody hears of the mistake."""

    def wrong(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT no_such_column FROM audit_outbox")

    def missing(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT 1 FROM no_such_table")

    first, second, third = await watched.together(wrong, missing, adds(1))
    assert isinstance(first, OperationalError)
    assert isinstance(second, Unavailable)
    assert second.hint == PUT_IN_PLACE
    assert third == 1


async def test_whatever_one_raises_the_others_are_answered(watched: Watched) -> None:
    """No future takes a StopIteration."""
    raised = await watched.together(adds(1), lambda _: next(iter(())), adds(2))
    assert [type(one).__name__ for one in raised] == ["int", "RuntimeError", "int"]

    def fails(_: object) -> None:
        raise LookupError("a listener")

    watched.database.listen(fails)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # it is reported there
    assert await asyncio.wait_for(watched.database.write(adds(3)), 5) == 3


async def test_what_takes_long_is_in_a_transaction_of_its_own(watched: Watched) -> None:
    """Nobody who came before waits for it."""
    done = await watched.together(adds(1), adds(2), (adds(3), True), adds(4), adds(5))
    assert done == [1, 2, 3, 4, 5]
    assert watched.commits == 3


async def test_after_some_time_a_transaction_takes_nobody_along(watched: Watched) -> None:
    def long(connection: Connection) -> None:
        time.sleep(0.1)
        adds(1)(connection)

    await watched.together(long, adds(2), adds(3))
    assert watched.commits == 2


async def test_a_transaction_takes_so_many_along_and_no_more(watched: Watched) -> None:
    done = await watched.together(*([lambda _: None] * (SHARED_AT_MOST + 1)))
    assert len(done) == SHARED_AT_MOST + 1
    assert watched.commits >= 2


async def test_whoever_went_away_before_it_began_is_passed_over(watched: Watched) -> None:
    entered, go = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        entered.set()
        go.wait(10)
        adds(1)(connection)

    holding = asyncio.create_task(watched.database.write(hold))
    await asyncio.to_thread(entered.wait, 10)
    gone = asyncio.create_task(watched.database.write(adds(2)))
    await asyncio.sleep(0.01)
    for task in (holding, gone):  # the first has begun: it is done, and it is news
        task.cancel()
    go.set()
    assert await watched.database.write(adds(3)) == 3
    assert await kept(watched) == ["e1", "e3"]
    assert watched.news == [1, 3]


async def test_what_one_holds_the_next_one_does_not(watched: Watched) -> None:
    done = await watched.together(
        lambda c: hold_people(c, "ann"),
        lambda c: check_held(c, "ann"),
        lambda c: announce(c, News.EVENT),
    )
    assert [type(one) for one in done] == [type(None), RuntimeError, type(None)]
    assert watched.news == [News.EVENT]


async def test_where_none_can_begin_everybody_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one after the other, each after as long as the lock is waited for."""
    monkeypatch.setattr("durward.store.sqlite.BUSY_SECONDS", 0.3)
    database = SqliteDatabase(tmp_path / "store.db")
    await database.write(migrate)
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        done = await asyncio.gather(
            *(database.write(adds(n)) for n in range(20)), return_exceptions=True
        )
        took = time.monotonic() - began
    assert all(isinstance(one, Unavailable) for one in done)
    assert took < 3, "one wait for all of them, not twenty"
    assert await database.write(adds(1)) == 1
    await database.close()


async def test_after_its_end_a_store_is_away(watched: Watched) -> None:
    await watched.database.close()
    with pytest.raises(Unavailable, match="closed"):
        await watched.database.write(adds(1))
