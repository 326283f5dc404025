"""Two runners for one kind of verb: a function of a SQLAlchemy connection, in one transaction.

SQLite: one writer thread, several reader threads, `BEGIN IMMEDIATE` for writes, WAL,
`synchronous=FULL`. PostgreSQL: the same function inside `run_sync` over asyncpg. A use case that
the database refuses because of a concurrent one is run again as a whole: it has no other effects.
"""

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from durward.core.errors import Misconfigured, Unavailable

T = TypeVar("T")
Use = Callable[[Connection], T]

READERS = 4
BUSY_SECONDS = 10
ATTEMPTS = 10
RETRIED_STATES = {"40001", "40P01"}
"""PostgreSQL's serialization failure and deadlock."""


class Database(ABC):
    """Where the verbs run."""

    @abstractmethod
    async def read(self, use: Use[T]) -> T:
        """Run a function that only reads. Raises Unavailable."""

    @abstractmethod
    async def write(self, use: Use[T]) -> T:
        """Run a function in one transaction: all of it is committed, or nothing.

        Raises Unavailable.
        """

    @abstractmethod
    async def close(self) -> None:
        """Give every connection back."""


def open_database(url: str) -> Database:
    """`sqlite:///PATH` or `postgresql://…`. Raises Misconfigured."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        hint = "sqlite:///PATH or postgresql://USER@HOST/NAME"
        raise Misconfigured("database", "not the address of a database", hint=hint) from error
    match parsed.get_backend_name():
        case "sqlite" if parsed.database:
            return SqliteDatabase(Path(parsed.database))
        case "postgresql":
            driver = parsed.set(drivername="postgresql+asyncpg")
            return PostgresDatabase(driver.render_as_string(hide_password=False))
        case other:
            hint = "sqlite:///PATH or postgresql://USER@HOST/NAME"
            raise Misconfigured("database", f"`{other}` is not supported", hint=hint)


class SqliteDatabase(Database):
    """One node's memory: a file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
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
                connection.info["begin"] = begin
                with connection.begin():
                    return use(connection)
        except OperationalError as error:
            raise Unavailable(f"the store: {error.orig}") from error

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


class PostgresDatabase(Database):
    """A fleet's memory."""

    def __init__(self, url: str) -> None:
        self._engine: AsyncEngine = create_async_engine(url, pool_pre_ping=True)

    async def read(self, use: Use[T]) -> T:
        """Run a function that only reads."""
        return await self._run(use)

    async def write(self, use: Use[T]) -> T:
        """Run a function in one transaction, again where a concurrent one came first."""
        return await self._run(use)

    async def _run(self, use: Use[T]) -> T:
        for attempt in range(ATTEMPTS):
            try:
                async with self._engine.begin() as connection:
                    return await connection.run_sync(use)
            except DBAPIError as error:
                state = getattr(error.orig, "sqlstate", None)
                if state in RETRIED_STATES and attempt < ATTEMPTS - 1:
                    continue
                if isinstance(error, OperationalError) or error.connection_invalidated:
                    raise Unavailable(f"the store: {error.orig}") from error
                raise
            except OSError as error:
                raise Unavailable(f"the store: {error}") from error
        raise Unavailable("the store: too many transactions at once")

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
