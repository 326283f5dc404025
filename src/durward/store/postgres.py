"""A fleet's memory: the verbs inside `run_sync` over asyncpg."""

from functools import partial

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from durward.core.errors import Unavailable
from durward.store.database import Database, T, Use, followed

ATTEMPTS = 10
RETRIED_STATES = {"40001", "40P01"}
"""Serialization failure and deadlock."""


class PostgresDatabase(Database):
    """A fleet's memory."""

    def __init__(self, url: str) -> None:
        super().__init__()
        # Errors are reported, and parameters may be what somebody typed.
        self._engine: AsyncEngine = create_async_engine(
            url, pool_pre_ping=True, hide_parameters=True
        )

    async def read(self, use: Use[T]) -> T:
        """Run a function that only reads."""
        return await self._run(use)

    async def write(self, use: Use[T], *, apart: bool = False) -> T:  # noqa: ARG002
        """Run a function in one transaction, again where a concurrent one came first.

        Each has its own: the server commits those of all connections together by itself.
        """
        return await self._run(use)

    async def _run(self, use: Use[T]) -> T:
        for attempt in range(ATTEMPTS):
            try:
                async with self._engine.begin() as connection:
                    done, news = await connection.run_sync(partial(followed, use))
            except DBAPIError as error:
                state = getattr(error.orig, "sqlstate", None)
                if state in RETRIED_STATES and attempt < ATTEMPTS - 1:
                    continue
                if isinstance(error, OperationalError) or error.connection_invalidated:
                    raise Unavailable(f"the store: {error.orig}") from error
                raise
            except OSError as error:
                raise Unavailable(f"the store: {error}") from error
            else:
                self.tell(news)
                return done
        raise Unavailable("the store: too many transactions at once")

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
