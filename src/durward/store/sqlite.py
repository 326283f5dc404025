"""SQLite, for one replica: a file, one writer thread, several reader threads.

`BEGIN IMMEDIATE` for writes, WAL, `synchronous=FULL`: sqlite3's own defaults lose updates.

A commit waits for the disk, which is most of the time of a use case. So waiting use cases share
one transaction and one commit (ADR 34). Each has a savepoint, so that a failure affects no other.
No caller gets a result before the commit, and if it fails nothing was done for any of them.
"""

import asyncio
import contextlib
import shutil
import sqlite3
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, cast

from sqlalchemy import Connection, Engine, RootTransaction, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import QueuePool

from durward.core.errors import Unavailable
from durward.store.database import Database, T, Use, followed
from durward.store.outage import PUT_IN_PLACE, store_unavailable

READERS = 4
BUSY_SECONDS = 10
BUSY, PRIMARY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}, 0xFF
HELD = "another process, such as a copy, has held the file for too long"
REFUSED = (OperationalError, DatabaseError, sqlite3.OperationalError, sqlite3.DatabaseError)
"""Errors of SQLAlchemy and the driver for failures of the database: exactly these classes."""
NO_TABLE = "no such table"
PUT_BACK = "restart `serve`; stop it before you restore its database"
LITTLE_BYTES = 1 << 20
"""A disk that refused a write is full until more than this is free."""
SHARED_AT_MOST = 64
SHARED_SECONDS = 0.02
"""The time from the start of the first use case after which the transaction is committed, so that
it does not wait for many others. Longer use cases are written `apart`."""


@dataclass(eq=False)
class Waiting(Generic[T]):
    """A use case that waits for the writer, with the future of its caller."""

    use: Use[T]
    apart: bool
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[T]"
    result: T | None = None
    error: BaseException | None = None
    news: list[object] = field(default_factory=list)

    def run(self, connection: Connection) -> None:
        """Run the use case, and keep its result or error."""
        try:
            self.result, self.news = followed(self.use, connection)
        except StopIteration as error:  # a future refuses it, which would affect the others
            self.error = RuntimeError("a use case raised StopIteration")
            self.error.__cause__ = error
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            self.error = error

    def settle(self) -> None:
        """Pass the result to the caller, in its event loop."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]


class SqliteDatabase(Database):
    """An SQLite database: a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file: tuple[int, int] | None = None
        self._engine = sqlite_engine(path)
        self._waiting: deque[Waiting[Any]] = deque()
        self._writer = ThreadPoolExecutor(1, "store-writer")
        self._readers = ThreadPoolExecutor(READERS, "store-reader")

    async def read(self, use: Use[T]) -> T:
        """Run a function that only reads, in a reader thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, use)

    def _read(self, use: Use[T]) -> T:
        with self._translated(), self._engine.connect() as connection:
            self._check_file()
            connection.info["begin"] = "BEGIN"
            with connection.begin():
                return followed(use, connection)[0]

    async def write(self, use: Use[T], *, apart: bool = False) -> T:
        """Run a function in the writer thread, in one transaction with other waiting ones."""
        loop = asyncio.get_running_loop()
        waiting = Waiting(use, apart, loop, loop.create_future())
        self._waiting.append(waiting)
        try:
            # The first task runs all waiting use cases, and the other tasks find none left.
            self._writer.submit(self._write)
        except RuntimeError as error:
            raise store_unavailable("it is closed: this process ends") from error
        done: T = await waiting.future
        return done

    def _write(self) -> None:
        """Run waiting use cases, commit once, and pass on all results."""
        batch: list[Waiting[Any]] = []
        try:
            self._commit(batch)
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            self._note_refused(error)
            for waiting in batch:
                waiting.error, waiting.news = copy(error), []
        by_loop: dict[asyncio.AbstractEventLoop, list[Waiting[Any]]] = {}
        for waiting in batch:
            by_loop.setdefault(waiting.loop, []).append(waiting)
        for loop, some in by_loop.items():
            with contextlib.suppress(RuntimeError):  # that loop has ended, with its callers
                loop.call_soon_threadsafe(self._answer, some)

    def _answer(self, batch: Sequence[Waiting[Any]]) -> None:
        """Notify listeners before callers, which may rely on the notified state."""
        try:
            self.notify([one for waiting in batch for one in waiting.news])
        finally:
            for waiting in batch:
                waiting.settle()

    def _commit(self, batch: list[Waiting[Any]]) -> None:
        """Run use cases into `batch` until none waits, or they are enough; commit them.

        Raises the error for all of them: Unavailable, if the transaction was not committed.
        """
        self._pass_over()
        if not self._waiting:
            return
        first = self._waiting.popleft()
        batch.append(first)
        with self._translated(), self._engine.connect() as connection:
            self._check_file()
            connection.info["begin"] = "BEGIN IMMEDIATE"
            began = time.monotonic()
            with self._begun(connection, batch):
                raw = cast("sqlite3.Connection", connection.connection.dbapi_connection)
                self._run(first, connection, raw)
                while (
                    self._may_follow(first)
                    and len(batch) < SHARED_AT_MOST
                    and time.monotonic() - began < SHARED_SECONDS
                ):
                    batch.append(self._waiting.popleft())
                    self._run(batch[-1], connection, raw)

    def _begun(self, connection: Connection, batch: list[Waiting[Any]]) -> RootTransaction:
        """Begin the transaction. If that fails, all waiting use cases fail at once."""
        try:
            return connection.begin()
        except DatabaseError:
            while self._waiting:
                batch.append(self._waiting.popleft())
            raise

    def _may_follow(self, first: Waiting[Any]) -> bool:
        """Whether a use case waits that can share the transaction."""
        self._pass_over()
        return bool(self._waiting) and not first.apart and not self._waiting[0].apart

    def _pass_over(self) -> None:
        """Drop use cases whose callers were cancelled."""
        while self._waiting and self._waiting[0].future.cancelled():
            self._waiting.popleft()

    def _run(self, waiting: Waiting[Any], connection: Connection, raw: sqlite3.Connection) -> None:
        """Run a use case in a savepoint. Raises if the whole transaction was rolled back."""
        raw.execute("SAVEPOINT one")
        waiting.run(connection)
        if not raw.in_transaction:
            raise waiting.error or RuntimeError("a use case ended its transaction")
        if waiting.error is not None:
            waiting.error = self._translate(waiting.error)
            self._note_refused(waiting.error)
            raw.execute("ROLLBACK TO one")
        raw.execute("RELEASE one")

    async def check_writes(self) -> None:
        """The same, with room for more than one small write."""
        refused = self.refused
        if refused is not None and await asyncio.to_thread(self._free_bytes) < LITTLE_BYTES:
            raise copy(refused).with_traceback(None)  # else it keeps whoever was told
        await super().check_writes()

    def _free_bytes(self) -> int:
        with contextlib.suppress(OSError):
            return shutil.disk_usage(self._path.parent).free
        return 0

    def _note_refused(self, error: BaseException) -> None:
        """Note that the file could not be written, unless another process holds it."""
        if isinstance(error, Unavailable) and type(error.__cause__) in REFUSED and not error.passes:
            self.refused = error

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except REFUSED as error:
            raise self._translate(error) from error

    def _translate(self, error: BaseException) -> BaseException:
        """Translate failures of the database to Unavailable; bugs of ours stay as they are."""
        if type(error) not in REFUSED:
            return error
        said = getattr(error, "orig", error)
        code = getattr(said, "sqlite_errorcode", 0) & PRIMARY
        is_missing = str(said).startswith(NO_TABLE)
        if code == sqlite3.SQLITE_ERROR and not is_missing:  # for example a malformed statement
            return error
        whole = f"is there room on the disk of {self._path}, and is it a database that is whole?"
        is_busy = code in BUSY
        hint = PUT_IN_PLACE if is_missing else HELD if is_busy else whole
        refused = store_unavailable(str(said), hint, passes=is_busy)
        refused.__cause__ = error
        return refused

    def _check_file(self) -> None:
        """Refuse to write to a file that was replaced: the data would be lost.

        Raises Unavailable.
        """
        try:
            found = self._path.stat()
        except OSError as error:
            raise store_unavailable(
                f"{self._path}: {error.strerror}", PUT_BACK, passes=False
            ) from error
        here = (found.st_dev, found.st_ino)
        self._file = self._file or here
        if here != self._file:
            problem = f"{self._path} was replaced by another file while it was open"
            raise store_unavailable(problem, PUT_BACK, passes=False)

    async def close(self) -> None:
        """End the threads; waiting use cases are written first."""
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._readers.shutdown)
        self._engine.dispose()


def text_of(value: bytes) -> str:
    """Decode text without errors: others can have written bytes that are not text."""
    return value.decode(errors="replace")


def sqlite_engine(path: Path) -> Engine:
    """An engine whose transactions begin explicitly: sqlite3 itself would begin too late."""
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=READERS + 1,
        max_overflow=0,
        hide_parameters=True,  # errors are reported, and parameters may be passwords
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(raw: sqlite3.Connection, _: object) -> None:
        raw.isolation_level = None
        raw.text_factory = text_of
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("PRAGMA trusted_schema = OFF")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.info.get("begin", "BEGIN IMMEDIATE"))

    return engine
