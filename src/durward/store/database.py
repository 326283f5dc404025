"""The interface of databases: they run functions of a SQLAlchemy connection in transactions.

Two databases run the same verbs. A use case that fails because of a concurrent one is run again as
a whole: it has no effects outside of the transaction.

A verb announces news where it writes them. Listeners in this process get them once the transaction
is committed, so that no caller has to notify them.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection

from durward.core.errors import Unavailable

T = TypeVar("T")
P = ParamSpec("P")
Use = Callable[[Connection], T]
Listener = Callable[[Sequence[object]], None]
WITHIN_SECONDS, APART_SECONDS = 30.0, 300.0
"""The time limits of a transaction, and of one that is written apart: an `apply` of the largest
configuration takes seconds."""


class News(Enum):
    """A kind of change that listeners wait for."""

    EVENT = auto()
    """New events in the outbox."""
    NODE = auto()
    """A node reported, or was forgotten."""


@dataclass(slots=True)
class UseState:
    """The announcements of one use case, and its holds (`store/holds.py`)."""

    news: list[object] = field(default_factory=list)
    alone: bool = False
    people: set[str] = field(default_factory=set)


_states: WeakKeyDictionary[Connection, UseState] = WeakKeyDictionary()


def use_state(connection: Connection) -> UseState:
    """The state of the use case that runs on a connection."""
    return _states.setdefault(connection, UseState())


def followed(use: Use[T], connection: Connection) -> tuple[T, list[object]]:
    """Run a use case with its own state; return its result and its announcements."""
    state = _states[connection] = UseState()
    return use(connection), state.news


def announce(connection: Connection, news: object) -> None:
    """Notify listeners once this transaction is committed: of `News`, or of a publication."""
    use_state(connection).news.append(news)


class Database(ABC):
    """Runs verbs in transactions."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self.refused: Unavailable | None = None
        """A write that failed for want of room, since when none was seen to succeed."""

    def listen(self, listener: Listener) -> None:
        """Call this, in the event loop, with the announcements of each committed transaction."""
        self._listeners.append(listener)

    def notify(self, news: Sequence[object]) -> None:
        """Pass the announcements of a committed transaction to the listeners."""
        for listener in self._listeners if news else ():
            listener(news)

    @abstractmethod
    async def read(self, use: Use[T]) -> T:
        """Run a function that only reads. Raises Unavailable."""

    @abstractmethod
    async def write(self, use: Use[T], *, apart: bool = False) -> T:
        """Run a function in one transaction: all of it is committed, or nothing.

        Waiting functions may share the transaction, each with its own outcome; a long one is
        written `apart`, so that earlier ones do not wait for it. Raises Unavailable, also if a
        server has not done it within `WITHIN_SECONDS`, or `APART_SECONDS`.
        """

    async def upgrade(self, use: Use[T]) -> T:
        """Change the schema in one transaction without a time limit: nothing is served yet.

        Raises Unavailable.
        """
        return await self.write(use, apart=True)

    async def check_writes(self) -> None:
        """After a write that failed for want of room: whether there is room again.

        A full disk refuses no read. Raises Unavailable.
        """
        refused = self.refused
        if refused is not None:
            await self.write(write_something)
            if self.refused is refused:  # not one that came meanwhile
                self.refused = None

    @abstractmethod
    async def close(self) -> None:
        """Close every connection."""


def write_something(connection: Connection) -> None:
    """Make a change that the disk must take, and that means nothing.

    PostgreSQL writes a row anew also with equal values. SQLite does not, so there a number in the
    header of the file is changed, which Durward does not use.
    """
    if connection.dialect.name == "sqlite":
        number = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        connection.exec_driver_sql(f"PRAGMA user_version = {(number + 1) % 2**31}")
    else:
        connection.exec_driver_sql("UPDATE deployment SET epoch = epoch")


class Execution:
    """A use case that may run several times, and whether its last run completed."""

    def __init__(self) -> None:
        self.ended = False

    def at(self, use: Callable[P, T]) -> Callable[P, T]:
        """The use case, which notes whether it completed."""

        def follow(*args: P.args, **kwargs: P.kwargs) -> T:
            self.ended = False
            done = use(*args, **kwargs)
            self.ended = True
            return done

        return follow


@contextlib.contextmanager
def attempt() -> Iterator[Execution]:
    """Distinguish, if the store fails, a change that was not made from one that may have been.

    A use case that did not complete is not committed. For one that completed, the commit may have
    succeeded: raises Unavailable with `unsettled` then.
    """
    made = Execution()
    try:
        yield made
    except Unavailable as error:
        if not made.ended:
            raise
        raise Unavailable(
            *error.args,
            retry_after=error.retry_after,
            hint=error.hint,
            unsettled=True,
            passes=error.passes,
        ) from error
