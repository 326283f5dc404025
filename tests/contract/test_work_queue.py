"""What every backend promises about the work queue: nothing is lost, and nobody's is taken."""

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest
from sqlalchemy import Connection, select
from tests.contract.test_people import AUDIT, NOW

from durward.core.values import Instant, Seconds, later
from durward.store import expiry, schema, work_queue
from durward.store.database import Database
from durward.store.work_queue import WaitingWork, WorkItem

pytestmark = pytest.mark.anyio
LEASE = Seconds(60)
END = later(NOW, Seconds(600))


def at(seconds: int) -> Instant:
    return later(NOW, Seconds(seconds))


def an_item(id: str, added: int = 0, kind: str = "mail") -> WorkItem:
    return WorkItem(id, kind, "users/ann", b"sealed", at(added), END)


async def add(database: Database, *items: WorkItem) -> None:
    def use(connection: Connection) -> None:
        for item in items:
            assert work_queue.add_work(connection, item, AUDIT)

    await database.write(use)


async def claim(database: Database, now: Instant = NOW, limit: int = 10) -> Sequence[WorkItem]:
    return await database.write(lambda c: work_queue.claim_work(c, "mail", now, LEASE, limit))


async def waiting(database: Database) -> WaitingWork:
    return await database.read(lambda c: work_queue.waiting_work(c, "mail"))


async def events(database: Database) -> list[str]:
    def use(connection: Connection) -> list[str]:
        found = connection.execute(select(schema.outbox.c.body)).scalars()
        return [body.decode() for body in found if b"work dropped" in body]

    return await database.read(use)


async def test_what_is_due_is_taken_the_oldest_first_and_of_its_kind(database: Database) -> None:
    await add(database, an_item("b", 1), an_item("a", 2), an_item("c", 0), an_item("x", 0, "other"))
    assert [item.id for item in await claim(database, at(1))] == ["c", "b"]
    assert await waiting(database) == WaitingWork(3, NOW)


async def test_who_takes_an_item_has_it_for_its_lease(database: Database) -> None:
    await add(database, an_item("a"))
    first = await claim(database)
    assert [item.attempts for item in first] == [1]
    assert await claim(database, at(59)) == []
    second = await claim(database, at(60))
    assert [item.attempts for item in second] == [2]

    def late(connection: Connection) -> list[bool]:
        return [
            work_queue.finish_work(connection, first[0]),
            work_queue.postpone_work(connection, first[0], NOW),
            work_queue.drop_work(connection, first[0], "late", AUDIT),
        ]

    assert await database.write(late) == [False, False, False], "it is another's by now"
    assert await events(database) == []
    assert await database.write(lambda c: work_queue.finish_work(c, second[0])) is True
    assert await waiting(database) == WaitingWork(0, None)


async def test_what_is_put_off_is_due_later(database: Database) -> None:
    await add(database, an_item("a"))
    (item,) = await claim(database)
    assert await database.write(lambda c: work_queue.postpone_work(c, item, at(7)))
    for now, due in ((6, False), (7, True)):
        assert await database.read(partial(work_queue.is_work_due, kind="mail", now=at(now))) is due
    assert [again.attempts for again in await claim(database, at(7))] == [2]


async def test_what_is_given_up_leaves_an_event_and_no_row(database: Database) -> None:
    await add(database, an_item("a"))
    (item,) = await claim(database)
    assert await database.write(lambda c: work_queue.drop_work(c, item, "550 no such user", AUDIT))
    (event,) = await events(database)
    assert '"target":"users/ann"' in event
    assert "550 no such user" in event
    assert await waiting(database) == WaitingWork(0, None)


async def test_a_full_queue_takes_nothing_and_says_so(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_queue, "MOST", 2)
    await add(database, an_item("a"), an_item("b"))
    for kind, added in (("mail", False), ("other", True)):
        item = an_item(f"of {kind}", kind=kind)
        assert await database.write(partial(work_queue.add_work, item=item, audit=AUDIT)) is added
    (event,) = await events(database)
    assert "too many wait" in event


async def test_each_item_is_taken_by_one_of_many(database: Database) -> None:
    await add(database, *(an_item(f"i{number:02}") for number in range(30)))
    taken = await asyncio.gather(*(claim(database, limit=10) for _ in range(6)))
    ids = [item.id for items in taken for item in items]
    assert len(ids) == len(set(ids))
    assert len({*ids, *(item.id for item in await claim(database, limit=30))}) == 30


async def test_what_nobody_does_is_swept_a_day_after_its_end(database: Database) -> None:
    await add(database, an_item("a"))
    for after, number in ((600 + 86_399, 0), (600 + 86_400, 1)):
        due = expiry.work(at(after))
        found = await database.read(partial(expiry.find_due, due=due, limit=10))
        assert len(found) == number
