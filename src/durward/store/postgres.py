"""PostgreSQL, for fleets: the verbs run inside `run_sync` over asyncpg.

The database may fail at any moment, and come back as another server with the same address: every
such error becomes Unavailable, and no earlier connection is used after it.
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
    NO_ROOM,
    POOLED,
    driver_error_of,
    is_connection_lost,
    outage,
    sqlstate_of,
    store_unavailable,
)

ATTEMPTS = 10
PAUSE_SECONDS = 0.02
"""The pause before the second attempt; it grows with each."""
RETRIED = {"40001", "40P01", "53300"}
"""Serialization failure and deadlock, which roll a transaction back, and too many connections,
before one begins: one of ours may be free in a moment."""
CONNECT_SECONDS = 10.0
CONNECTION_SECONDS = 10.0
"""The time to wait for a connection of the pool, before the caller gets an error."""
UNNAMED: dict[str, Any] = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": str,
}
"""Settings for poolers, which may send the next transaction to another server: no prepared
statement outlives its transaction. Each statement costs about a third more, so this is not used
without a pooler."""


@dataclass
class _Run:
    """The progress of one transaction."""

    has_begun: bool = False
    is_committing: bool = False
    is_lost: bool = False
    """Whether its connection was lost."""


class PostgresDatabase(Database):
    """A PostgreSQL database."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._is_pooled: bool | None = None
        """Whether a pooler is in front of the database; None until it is known."""
        # Errors are reported, and parameters may be passwords.
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
        """Run a function in one transaction, again after a conflict with a concurrent one.

        Each has its own transaction: the server groups commits of all connections by itself.
        It runs once more if the connection was lost before its commit began, for example because
        the database restarted. So connections are not tested before use, which would take three
        messages for each transaction.
        """
        return await self._run(use, APART_SECONDS if apart else WITHIN_SECONDS)

    async def upgrade(self, use: Use[T]) -> T:
        """Run a function in one transaction without a time limit."""
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
                if found and sqlstate_of(error).startswith(NO_ROOM):
                    self.refused = found
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
        """The outage behind an error, if any; a lost connection may raise any error."""
        driver = driver_error_of(error)
        is_file = isinstance(error, OSError) and not isinstance(error, TimeoutError)
        if is_file and run.has_begun and not (run.is_committing or run.is_lost):
            return None  # for example a missing file of a use case
        if found := outage(error):
            return found
        # For example no server of several accepts writes, or the response was malformed.
        if isinstance(driver, asyncpg.InternalClientError):
            return store_unavailable(str(driver))
        return store_unavailable("the connection was lost") if run.is_lost else None

    def _connect(
        self, dialect: Dialect, _: object, args: tuple[Any, ...], named: dict[str, Any]
    ) -> Any:
        """A new connection; the first one detects a pooler.

        A pooler invents the process id that it reports when a connection begins, since it has no
        server for it yet.
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
        """Set a new connection up, with SQLAlchemy's queries in one transaction, for a pooler.

        The kernel's keep-alive detects a host that disappears, even during a long statement.
        """
        notice_death(raw.driver_connection)
        if self._is_pooled:
            raw.cursor().execute("SELECT 1")

    def _end(self, raw: Any, _: object) -> None:
        raw.rollback()

    def _judge(self, context: ExceptionContext) -> None:
        """Replace all connections after an error that suggests another server."""
        state = sqlstate_of(context.original_exception)
        if is_connection_lost(state) or isinstance(context.original_exception, OSError):
            context.is_disconnect = True
        if state in POOLED:
            self._is_pooled = None

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def is_retried(error: Exception) -> bool:
    """Whether the transaction was rolled back and a retry may succeed.

    SQLAlchemy reports a plan that was cached before a migration as not supported.
    """
    is_known = isinstance(error, DBAPIError) and sqlstate_of(error) in RETRIED
    return is_known or isinstance(error, NotSupportedError)


def notice_death(driver: Any) -> None:
    """Let the kernel detect within seconds that a TCP peer is gone (tcp(7))."""
    transport = getattr(driver, "_transport", None)
    here = transport.get_extra_info("socket") if transport else None
    if here is None or here.family == socket.AF_UNIX or not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    here.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    here.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
    here.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
    here.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    here.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000)
