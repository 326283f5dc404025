"""A store that has no room left refuses what it cannot write, and is back by itself."""

import contextlib
import resource
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text
from tests.contract.faults import everything
from tests.contract.stories import sound
from tests.issuer import Issuer
from tests.issuer import issuer as fresh_issuer

from durward.core.errors import Unavailable
from durward.entrypoints.server import control
from durward.store.engine import open_database
from durward.store.migrate import migrate

pytestmark = pytest.mark.anyio
ROOM = 64 << 10


@pytest.fixture
async def issuer(tmp_path: Path) -> AsyncIterator[Issuer]:
    async with fresh_issuer(f"sqlite:///{tmp_path}/store.db") as running:
        yield running


@contextlib.contextmanager
def no_more_than(size: int) -> Iterator[None]:
    """No file of this process grows beyond it: a write says so, as on a full disk (EFBIG)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def get(issuer: Issuer, path: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=control(issuer.plane))
    async with httpx2.AsyncClient(transport=transport, base_url="http://durward") as http:
        return await http.get(path)


async def test_a_full_disk_is_told_and_what_did_not_fit_was_not_done(issuer: Issuer) -> None:
    async def token() -> httpx2.Response:
        return await issuer.token("reporting", grant_type="client_credentials")

    await issuer.plane.upkeep.sequence()
    await issuer.plane.transactions.database.write(lambda _: None)
    with no_more_than(ROOM):
        replies = [await token()]
        while replies[-1].status_code == 200 and len(replies) < 100:
            replies.append(await token())
        assert replies[-1].status_code == 503, replies[-1].text
        assert replies[-1].headers["retry-after"]
        left = await everything(issuer)
        assert (await token()).status_code == 503
        assert await everything(issuer) == left
        for _ in range(2):
            ready = await get(issuer, "/readyz")
            assert (ready.status_code, ready.headers["retry-after"]) == (503, "2"), ready.text
            assert "is there room on the disk" in ready.text
        refused = issuer.plane.transactions.database.refused
        assert refused is not None
        assert len([*traceback.walk_tb(refused.__traceback__)]) < 50, "it keeps who was told"
        assert (await get(issuer, "/livez")).status_code == 200
        async with issuer.http() as http:
            assert (await http.get("/jwks")).status_code == 200
    ready = await get(issuer, "/readyz")
    assert (ready.status_code, ready.text.splitlines()[0]) == (200, "ok")
    assert (await token()).status_code == 200
    await sound(issuer, None)


async def test_postgresql_without_room_is_asked_to_write_before_it_is_ready(
    postgres: str,
) -> None:
    database = open_database(postgres)
    try:
        await database.write(migrate)
        full = "DO $$ BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '53100'; END $$"
        with pytest.raises(Unavailable):
            await database.write(lambda c: c.execute(text(full)).close())
        refused = database.refused
        assert refused is not None
        assert refused.retry_after
        await database.read(lambda c: c.execute(text("SELECT 1")).close())
        assert database.refused is refused
        await database.check_writes()
        assert database.refused is None
    finally:
        await database.close()
