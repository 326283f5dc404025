"""The database goes and comes: nothing dies, nothing is lost or doubled, and nobody meets a 500.

The servers are real, and so is `durward serve` over them.
"""

import asyncio
import contextlib
import random  # noqa: TID251 - how the database goes is meant to be arbitrary
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import httpx2
import pytest
from tests.contract.servers import Server
from tests.contract.traffic import Served, Traffic, served
from tests.depth import depth
from tests.issuer import ISSUER

from durward.core.errors import Unavailable
from durward.entrypoints.server import open_control_plane
from durward.settings import ServeSettings

pytestmark = pytest.mark.anyio
WAYS = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL) * depth(1, long=10)
MOST_CONNECTIONS = 25


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A PostgreSQL to be broken."""
    running = Server(f"max_connections={MOST_CONNECTIONS}")
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def serving(server: Server) -> Iterator[Served]:
    with served(server.new_database()) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_is_wrong(serving: Served) -> Iterator[None]:
    """After each test: the process that began is there, and no answer was one that must not be."""
    yield
    assert serving.wrong == [], "\n".join(serving.wrong)
    assert serving.process.poll() is None, serving.log
    assert "Traceback" not in serving.log


async def test_a_postgresql_that_is_restarted_under_traffic_is_away_and_back(
    server: Server, serving: Served
) -> None:
    """In each of its ways: fast, at once, killed; and where it kills its own after a crash."""

    async def meanwhile() -> None:
        for by in WAYS:
            await asyncio.sleep(0.5)
            await asyncio.to_thread(server.restart, by, random.uniform(0, 0.5))  # noqa: S311
            await serving.until_ready()
        await asyncio.to_thread(server.crash)
        await serving.until_ready()

    before = serving.log
    traffic = Traffic(serving)
    await traffic.run(meanwhile())
    assert any(key.endswith(" 503") for key in serving.told), serving.told
    told = serving.log.removeprefix(before).splitlines()
    assert 0 < len(told) <= 6 * (len(WAYS) + 1), told
    assert any("goes on, after" in line for line in told)
    await traffic.settle()


async def test_the_first_requests_after_a_restart_are_answered(
    server: Server, serving: Served
) -> None:
    """All connections are those of before: nobody has asked anything meanwhile."""
    for by in random.sample(WAYS, depth(1, long=len(WAYS))):
        await asyncio.gather(*(serving.token() for _ in range(8)))
        await asyncio.to_thread(server.restart, by)
        replies = await asyncio.gather(*(serving.token() for _ in range(8)))
        assert [reply.status_code for reply in replies] == [200] * 8


async def test_a_node_that_only_reads_is_not_ready_and_gives_nothing_out(
    server: Server, serving: Served
) -> None:
    """As after a failover, where the address still means the former primary."""
    await asyncio.to_thread(server.set, "default_transaction_read_only", "on")
    try:
        await until(serving.token, 503)
        status, why = await serving.readiness()
        assert status == 503
        assert why.startswith("the store: it takes no writes; let `database` name the node ")
        assert await serving.status("/livez") == 200
    finally:
        await asyncio.to_thread(server.set, "default_transaction_read_only", "off")
    await serving.until_ready()
    assert (await serving.token()).status_code == 200


async def test_no_connection_left_is_away_until_there_is_one(
    server: Server, serving: Served
) -> None:
    others = "FROM pg_stat_activity WHERE datname <> 'postgres'"
    taken = [await asyncpg.connect(server.url())]
    try:
        for _ in range(MOST_CONNECTIONS):
            await taken[0].fetch(f"SELECT pg_terminate_backend(pid, 1000) {others}")
            with contextlib.suppress(asyncpg.TooManyConnectionsError):
                while True:
                    taken.append(await asyncpg.connect(server.url()))
            told = (await serving.token()).status_code, await serving.readiness()
            status, (ready, why) = told
            if (status, ready) == (503, 503) and "sorry, too many clients already" in why:
                break
        else:
            raise AssertionError(told)
    finally:
        for connection in taken:
            await connection.close()
    await serving.until_ready()
    assert (await serving.token()).status_code == 200


async def test_serve_waits_for_a_database_that_starts_with_it(
    server: Server, serving: Served, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Another replica, and one that is asked to end before there is a database."""
    home, ended = str(serving.folder), asyncio.Event()
    settings = ServeSettings(
        issuer=ISSUER, runtime=str(tmp_path), state=home, database=serving.database
    )
    await asyncio.to_thread(server.end)
    asked = asyncio.create_task(open_control_plane(settings, ended))
    waiting = asyncio.create_task(open_control_plane(settings, asyncio.Event()))
    await asyncio.sleep(0.5)
    ended.set()
    assert await asked is None
    assert not waiting.done()
    await asyncio.to_thread(server.start)
    plane = await waiting
    assert plane is not None
    await plane.close()
    told = capfd.readouterr().err.splitlines()
    assert len(told) == 2, "once each"
    assert all(line.endswith("; it is waited for, 60 s at most") for line in told)
    await serving.until_ready()


async def test_serve_does_not_wait_for_an_account_or_a_name_that_is_unknown(
    server: Server, tmp_path: Path
) -> None:
    home = str(tmp_path)
    for address in (server.url("nothing"), server.url().replace("durward@", "nobody@")):
        settings = ServeSettings(issuer=ISSUER, runtime=home, state=home, database=address)
        with pytest.raises(Unavailable, match="does not exist") as caught:
            await open_control_plane(settings, asyncio.Event())
        assert caught.value.hint


async def until(ask: Callable[[], Awaitable[httpx2.Response]], status: int) -> None:
    end = time.monotonic() + 60
    while (await ask()).status_code != status:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
