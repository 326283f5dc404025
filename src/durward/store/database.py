"""Where verbs run: functions of a SQLAlchemy connection, each in one transaction.

Two runners serve one kind of verb. A use case that the database refuses because of a concurrent
one is run again as a whole: it has no other effects.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

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
