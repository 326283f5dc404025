"""Every backend of the store: a SQLite file, a real PostgreSQL."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from tests.contract.servers import Server

from durward.store.database import Database
from durward.store.engine import open_database
from durward.store.migrate import migrate


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at all stories of faults comes after them: it tells those again that it missed."""
    items.sort(key=lambda item: item.name.startswith("test_every_verb_of_the_store"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server on a Unix socket, ours for this session."""
    if given := os.environ.get("TEST_DATABASE_URL"):  # noqa: TID251 - a test's own switch
        yield given
        return
    server = Server("synchronous_commit=off")  # it is never killed
    try:
        server.start()
        yield server.url()
    finally:
        server.close()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    server: str = request.getfixturevalue("postgres")
    name = f"t{uuid.uuid4().hex}"
    asyncio.run(create(server, name))
    return server.replace("/postgres", f"/{name}")


async def create(server: str, name: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """An open store with its schema."""
    opened = open_database(url)
    await opened.write(migrate)
    yield opened
    await opened.close()
