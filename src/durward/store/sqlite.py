"""One node's memory: a file, one writer thread, several reader threads.

`BEGIN IMMEDIATE` for writes, WAL, `synchronous=FULL`: sqlite3's own defaults lose updates.
"""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import QueuePool

from durward.store.database import Database, T, Use
from durward.store.outage import away

READERS = 4
BUSY_SECONDS = 10
BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
"""Somebody else has held it for longer, such as who makes a copy of it."""
PUT_BACK = "start `serve` again; end it before its database is put back"


class SqliteDatabase(Database):
    """One node's memory: a file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file: tuple[int, int] | None = None
        self._engine = sqlite_engine(path)
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._readers = ThreadPoolExecutor(READERS, "store-reader")

    async def read(self, use: Use[T]) -> T:
        """Run a function that only reads, in a reader's thread."""
        return await self._run(self._readers, "BEGIN", use)

    async def write(self, use: Use[T]) -> T:
        """Run a function in one transaction, in the writer's thread."""
        return await self._run(self._writer, "BEGIN IMMEDIATE", use)

    async def _run(self, threads: ThreadPoolExecutor, begin: str, use: Use[T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, self._transact, begin, use)

    def _transact(self, begin: str, use: Use[T]) -> T:
        try:
            with self._engine.connect() as connection:
                self._check_file()
                connection.info["begin"] = begin
                with connection.begin():
                    return use(connection)
        except DatabaseError as error:
            if type(error) not in {OperationalError, DatabaseError}:  # a mistake of ours
                raise
            hint = f"is there room on the disk of {self._path}, and is it a database that is whole?"
            passes = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in BUSY
            raise away(str(error.orig), hint, passes=passes) from error

    def _check_file(self) -> None:
        """Refuse to go on with a file that has another in its place: what is written is lost.

        Raises Unavailable.
        """
        try:
            found = self._path.stat()
        except OSError as error:
            raise away(f"{self._path}: {error.strerror}", PUT_BACK, passes=False) from error
        here = (found.st_dev, found.st_ino)
        self._file = self._file or here
        if here != self._file:
            problem = f"{self._path} is another file than the one that is open"
            raise away(problem, PUT_BACK, passes=False)

    async def close(self) -> None:
        """End the threads; a transaction under way ends first."""
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._readers.shutdown)
        self._engine.dispose()


def sqlite_engine(path: Path) -> Engine:
    """An engine whose transactions begin where we say: sqlite3 itself would begin too late."""
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=READERS + 1,
        max_overflow=0,
        hide_parameters=True,  # errors are reported, and parameters may be what somebody typed
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(raw: sqlite3.Connection, _: object) -> None:
        raw.isolation_level = None
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("PRAGMA trusted_schema = OFF")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.info.get("begin", "BEGIN IMMEDIATE"))

    return engine
