"""Behind PgBouncer each transaction may have another server: nothing is kept between two."""

import asyncio
import random  # noqa: TID251 - how the database goes is meant to be arbitrary
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import Connection, text
from tests.contract.servers import Pooler, Server
from tests.contract.traffic import Served, Traffic, served
from tests.depth import LONG
from tests.issuer import API
from tests.issuer import issuer as fresh_issuer

from durward.core.audit.event import AuditEvent, EventKind
from durward.core.errors import Unavailable
from durward.core.values import Instant
from durward.entropy import new_id
from durward.store.engine import open_database
from durward.store.postgres import PostgresDatabase

pytestmark = pytest.mark.anyio
CLIENTS, SERVERS = 12, 3
KEPT_BETWEEN = ("execute __asyncpg", "LISTEN ", "CREATE TEMP", "pg_advisory_lock", ": SET ")
"""What a session would have that its next transaction may not find."""
OF_THE_POOLER = "SET client_encoding"
"""It keeps this one itself, for each of its clients."""


@pytest.fixture
def logged(postgres: str) -> tuple[str, Path]:
    """A fresh database whose statements are all in the log of its server."""

    async def make(name: str) -> None:
        connection = await asyncpg.connect(postgres)
        await connection.execute(f'CREATE DATABASE "{name}"')
        await connection.execute(f'ALTER DATABASE "{name}" SET log_min_duration_statement = 0')
        await connection.close()

    name = new_id("p").replace("-", "_").lower()
    asyncio.run(make(name))
    query = urlsplit(postgres).query
    if not query.startswith("host=/tmp/dw-pg-"):
        pytest.skip("the log of this server is not at hand")
    return postgres.replace("/postgres?", f"/{name}?"), Path(query.partition("=")[2]) / "log"


@pytest.fixture
def pooler(logged: tuple[str, Path]) -> Iterator[Pooler]:
    running = Pooler(logged[1].parent, "transaction", SERVERS)
    yield running
    running.close()


async def test_a_control_plane_works_behind_a_pooler_of_transactions_and_keeps_nothing_between(
    logged: tuple[str, Path], pooler: Pooler
) -> None:
    url, log = logged
    before = log.stat().st_size
    async with fresh_issuer(pooler.url(url)) as issuer:
        plane = issuer.plane
        assert isinstance(plane.transactions.database, PostgresDatabase)
        assert plane.transactions.database._is_pooled
        events = [
            AuditEvent(new_id("e"), Instant(1), EventKind.DECISION, "ann", "x") for _ in "123"
        ]
        tokens, *_ = await asyncio.gather(
            asyncio.gather(*(issuer.own_token("reporting", API) for _ in range(CLIENTS))),
            issuer.browser().tokens(),
            issuer.browser("192.0.2.2").tokens("bob"),
            plane.fleet.ingest(events),
            plane.upkeep.sequence(),
            plane.upkeep.tidy(),
        )
        assert len(set(tokens)) == CLIENTS
        told = "".join(await issuer.events())
        assert all(told.count(event.id) == 1 for event in events)
    written = log.read_bytes()[before:].decode()
    assert written.count("execute <unnamed>") > 100
    lines = [line for line in written.splitlines() if OF_THE_POOLER not in line]
    assert [line for line in lines for word in KEPT_BETWEEN if word in line] == []


async def test_without_a_pooler_statements_are_prepared_once(logged: tuple[str, Path]) -> None:
    url, log = logged
    before = log.stat().st_size
    database = open_database(url)
    for _ in range(3):
        await database.read(lambda c: c.execute(text("SELECT 41 + 1")).scalar())
    await database.close()
    written = log.read_bytes()[before:].decode()
    assert written.count("parse __asyncpg") >= 1
    assert sum("parse" in line and "41 + 1" in line for line in written.splitlines()) == 1


async def test_a_pooler_that_comes_later_is_noticed(
    logged: tuple[str, Path], pooler: Pooler
) -> None:
    """Behind the address of before is a pooler now; what was prepared is not found there."""
    database = open_database(pooler.url(logged[0]))
    assert isinstance(database, PostgresDatabase)
    database._is_pooled = False

    def use(connection: Connection) -> None:
        for number in range(5):
            asked = {"a": number}
            assert connection.execute(text("SELECT 1 + CAST(:a AS int)"), asked).scalar_one() > 0

    async def client() -> int:
        failed = 0
        for _ in range(10):
            try:
                await database.write(use)
            except Unavailable:
                failed += 1
        return failed

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    assert database._is_pooled
    assert sum(await asyncio.gather(*(client() for _ in range(CLIENTS)))) == 0
    await database.close()


async def test_a_pooler_of_statements_is_refused_with_the_setting_to_change(
    logged: tuple[str, Path],
) -> None:
    pooler = await asyncio.to_thread(Pooler, logged[1].parent, "statement", SERVERS)
    database = open_database(pooler.url(logged[0]))
    with pytest.raises(Unavailable, match="statement pooling") as caught:
        await database.read(lambda c: c.execute(text("SELECT 1")).scalar())
    assert not caught.value.passes, "nobody waits for it"
    assert caught.value.hint == "pool_mode = transaction, in the pooler"
    await database.close()
    await asyncio.to_thread(pooler.close)


@pytest.fixture
def long_served() -> Iterator[tuple[Server, Served]]:
    if not LONG:
        pytest.skip("for `./check long`")
    server = Server()
    server.start()
    pooler = Pooler(server.home, "transaction", SERVERS)
    try:
        with served(pooler.url(server.new_database())) as running:
            yield server, running
    finally:
        pooler.close()
        server.close()


async def test_a_database_that_goes_behind_a_pooler_is_away_and_back(
    long_served: tuple[Server, Served],
) -> None:
    server, serving = long_served

    async def meanwhile() -> None:
        for by in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            await asyncio.sleep(0.5)
            await asyncio.to_thread(server.restart, by, random.uniform(0, 1))  # noqa: S311
            await serving.until_ready()

    traffic = Traffic(serving)
    await traffic.run(meanwhile())
    assert serving.wrong == []
    assert serving.process.poll() is None
    await traffic.settle()
