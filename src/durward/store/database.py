"""Where verbs run: functions of a SQLAlchemy connection, each in one transaction.

Two runners serve one kind of verb. A use case that the database refuses because of a concurrent
one is run again as a whole: it has no other effects.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from sqlalchemy import Connection

from durward.core.errors import Unavailable

T = TypeVar("T")
P = ParamSpec("P")
Use = Callable[[Connection], T]
WITHIN_SECONDS = 30.0
"""The longest transactions are those of `apply`, and of who waits for it: seconds."""


class Database(ABC):
    """Where the verbs run."""

    @abstractmethod
    async def read(self, use: Use[T]) -> T:
        """Run a function that only reads. Raises Unavailable."""

    @abstractmethod
    async def write(self, use: Use[T]) -> T:
        """Run a function in one transaction: all of it is committed, or nothing.

        Raises Unavailable, also where a server has not done it within `WITHIN_SECONDS`.
        """

    async def upgrade(self, use: Use[T]) -> T:
        """Change the schema in one transaction, however long it takes: nothing is served yet.

        Raises Unavailable.
        """
        return await self.write(use)

    @abstractmethod
    async def close(self) -> None:
        """Give every connection back."""


class Attempt:
    """A use case that may run several times, and whether the last time it came to its end."""

    def __init__(self) -> None:
        self.ended = False

    def at(self, use: Callable[P, T]) -> Callable[P, T]:
        """The use case, followed."""

        def follow(*args: P.args, **kwargs: P.kwargs) -> T:
            self.ended = False
            done = use(*args, **kwargs)
            self.ended = True
            return done

        return follow


@contextlib.contextmanager
def attempt() -> Iterator[Attempt]:
    """Tell apart, where the store does not answer, what was not done from what may have been.

    A use case that did not end is not committed. One that ended was being committed, and nobody
    knows: raises Unavailable that is `unsettled` then.
    """
    made = Attempt()
    try:
        yield made
    except Unavailable as error:
        if made.ended:
            error.unsettled = True
        raise
