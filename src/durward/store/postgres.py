"""A fleet's memory: the verbs inside `run_sync` over asyncpg.

The database may go at any moment, and come back as another node behind the same address: whatever
says so ends in Unavailable, and no connection of before is used after it.
"""

import asyncio
import socket
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import Dialect, ExceptionContext
from sqlalchemy.exc import DBAPIError, NotSupportedError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from durward.core.errors import DurwardError, Unavailable
from durward.entropy import jittered
from durward.store.database import APART_SECONDS, WITHIN_SECONDS, Database, T, Use, followed
from durward.store.outage import (
    POOLED,
    driver_error_of,
    is_connection_lost,
    outage,
    sqlstate_of,
    store_unavailable,
)

ATTEMPTS = 10
PAUSE_SECONDS = 0.02
"""Before the second attempt; it grows with each."""
RETRIED = {"40001", "40P01", "53300"}
"""Serialization failure and deadlock, after which nothing is left of a transaction, and too many
connections, before one begins: one of ours may be free in a moment."""
CONNECT_SECONDS = 10.0
CONNECTION_SECONDS = 10.0
"""How long to wait for a connection of the pool: what waits longer is better told."""
UNNAMED: dict[str, Any] = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": str,
}
"""No prepared statement outlives its transaction, behind a pooler that may give the next one to
another server. It costs about a third more for each statement, so it is not done elsewhere."""


@dataclass
class _Run:
    """How far one transaction came."""

    has_begun: bool = False
    is_committing: bool = False
    is_lost: bool = False
    """Whether its connection was closed under it."""


class PostgresDatabase(Database):
    """A fleet's memory."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._is_pooled: bool | None = None
        """Whether there is a pooler in front of the database; None until it was looked at."""
        # Errors are reported, and parameters may be what somebody typed.
        self._engine: AsyncEngine = create_async_engine(
            url,
            pool_timeout=CONNECTION_SECONDS,
            hide_parameters=True,
            connect_args={"timeout": CONNECT_SECONDS},
        )
        engine = self._engine.sync_engine
        event.listen(engine, "do_connect", self._connect)
        event.listen(engine, "connect", self._begin, insert=True)
        event.listen(engine, "connect", self._end)
        event.listen(engine, "handle_error", self._judge)

    async def read(self, use: Use[T]) -> T:
        """Run a function that only reads."""
        return await self._run(use, WITHIN_SECONDS)

    async def write(self, use: Use[T], *, apart: bool = False) -> T:
        """Run a function in one transaction, again where a concurrent one came first.

        Each has its own: the server commits those of all connections together by itself.
        Also once more where the connection was lost before its commit began: it was one of before
        a restart, say, and the database is there again. So none is asked whether it is alive
        before it is used, which would take three messages of each transaction.
        """
        return await self._run(use, APART_SECONDS if apart else WITHIN_SECONDS)

    async def upgrade(self, use: Use[T]) -> T:
        """Run a function in one transaction, however long it takes."""
        return await self._run(use, None)

    async def _run(self, use: Use[T], within: float | None) -> T:
        lost = 0
        for attempt in range(1, ATTEMPTS + 1):
            run = _Run()
            try:
                async with asyncio.timeout(within):
                    done, news = await self._transact(use, run)
            except DurwardError:
                raise
            except Exception as error:
                found = self._outage(error, run)
                lost += run.is_lost
                again = run.has_begun and run.is_lost and not run.is_committing and lost == 1
                if not (again or is_retried(error)) or attempt == ATTEMPTS:
                    if found is None:
                        raise
                    raise found from error
            else:
                self.notify(news)
                return done
            await asyncio.sleep(jittered(PAUSE_SECONDS * attempt))
        raise AssertionError

    async def _transact(self, use: Use[T], run: _Run) -> tuple[T, list[object]]:
        async with self._engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            try:
                async with connection.begin():
                    run.has_begun = True
                    done = await connection.run_sync(partial(followed, use))
                    run.is_committing = True
            except Exception:
                run.is_lost = driver is None or driver.is_closed()
                raise
            return done

    def _outage(self, error: Exception, run: _Run) -> Unavailable | None:
        """What happened, if it is the database's doing: whatever error a lost connection met."""
        driver = driver_error_of(error)
        is_file = isinstance(error, OSError) and not isinstance(error, TimeoutError)
        if is_file and run.has_begun and not (run.is_committing or run.is_lost):
            return None  # of a file, say, that a use case misses
        if found := outage(error):
            return found
        # Where no node of several takes writes, say, or what came was no answer.
        if isinstance(driver, asyncpg.InternalClientError):
            return store_unavailable(str(driver))
        return store_unavailable("the connection was lost") if run.is_lost else None

    def _connect(
        self, dialect: Dialect, _: object, args: tuple[Any, ...], named: dict[str, Any]
    ) -> Any:
        """A new connection; the first one looks whether a pooler answers.

        A pooler makes up the process id that it tells when a connection begins: it has no server
        for it yet.
        """
        if self._is_pooled is False:
            return dialect.connect(*args, **named)
        raw: Any = dialect.connect(*args, **named, **UNNAMED)
        cursor = raw.cursor()
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
        raw.rollback()
        self._is_pooled = pid != raw.driver_connection.get_server_pid()
        if self._is_pooled:
            return raw
        raw.close()
        return dialect.connect(*args, **named)

    def _begin(self, raw: Any, _: object) -> None:
        """What SQLAlchemy asks of a new connection is asked in one transaction, for a pooler.

        A host that is gone without a word is noticed, however long a statement may take.
        """
        notice_death(raw.driver_connection)
        if self._is_pooled:
            raw.cursor().execute("SELECT 1")

    def _end(self, raw: Any, _: object) -> None:
        raw.rollback()

    def _judge(self, context: ExceptionContext) -> None:
        """Every connection is made anew after what says that there may be another node now."""
        state = sqlstate_of(context.original_exception)
        if is_connection_lost(state) or isinstance(context.original_exception, OSError):
            context.is_disconnect = True
        if state in POOLED:
            self._is_pooled = None

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def is_retried(error: Exception) -> bool:
    """Whether nothing is left of the transaction, and it may do better.

    What SQLAlchemy does not support is a plan that was cached before a migration.
    """
    is_known = isinstance(error, DBAPIError) and sqlstate_of(error) in RETRIED
    return is_known or isinstance(error, NotSupportedError)


def notice_death(driver: Any) -> None:
    """Let the kernel say within seconds that the other end of a TCP connection is gone (tcp(7))."""
    transport = getattr(driver, "_transport", None)
    here = transport.get_extra_info("socket") if transport else None
    if here is None or here.family == socket.AF_UNIX or not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    here.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    here.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
    here.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
    here.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    here.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000)
