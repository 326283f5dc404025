"""Where verbs run: functions of a SQLAlchemy connection, each in one transaction.

Two runners serve one kind of verb. A use case that the database refuses because of a concurrent
one is run again as a whole: it has no other effects.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from durward.core.errors import Misconfigured

T = TypeVar("T")
Use = Callable[[Connection], T]


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
    # Each runner is imported where it is used: PostgreSQL's costs a quarter of a second.
    match parsed.get_backend_name():
        case "sqlite" if parsed.database:
            from durward.store.sqlite import SqliteDatabase  # noqa: PLC0415

            return SqliteDatabase(Path(parsed.database))
        case "postgresql":
            from durward.store.postgres import PostgresDatabase  # noqa: PLC0415

            driver = parsed.set(drivername="postgresql+asyncpg")
            return PostgresDatabase(driver.render_as_string(hide_password=False))
        case other:
            hint = "sqlite:///PATH or postgresql://USER@HOST/NAME"
            raise Misconfigured("database", f"`{other}` is not supported", hint=hint)
