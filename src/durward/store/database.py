"""Where verbs run: functions of a SQLAlchemy connection, each in one transaction.

Two runners serve one kind of verb. A use case that the database refuses because of a concurrent
one is run again as a whole: it has no other effects.

What others in this process wait for a verb announces where it writes it. Listeners get it once the
transaction is committed, so that no caller has to remember to tell them.
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
"""How long a transaction may take, and one that is written apart: an `apply` of all that is served
takes seconds."""


class News(Enum):
    """What a transaction did that others wait for."""

    EVENT = auto()
    """Events wait in the outbox."""
    NODE = auto()
    """A node told something, or is one no more."""


@dataclass(slots=True)
class UseState:
    """What one use case announces, and what it holds (`store/holds.py`)."""

    news: list[object] = field(default_factory=list)
    alone: bool = False
    people: set[str] = field(default_factory=set)


_states: WeakKeyDictionary[Connection, UseState] = WeakKeyDictionary()


def use_state(connection: Connection) -> UseState:
    """The state of the use case that runs on a connection."""
    return _states.setdefault(connection, UseState())


def followed(use: Use[T], connection: Connection) -> tuple[T, list[object]]:
    """Run a use case with a state of its own; what it returned, and what it announced."""
    state = _states[connection] = UseState()
    return use(connection), state.news


def announce(connection: Connection, news: object) -> None:
    """Tell listeners once this transaction is committed: `News`, or what was published."""
    use_state(connection).news.append(news)


class Database(ABC):
    """Where the verbs run."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call this, in the event loop, with what each committed transaction announced."""
        self._listeners.append(listener)

    def notify(self, news: Sequence[object]) -> None:
        """Pass on what a committed transaction announced."""
        for listener in self._listeners if news else ():
            listener(news)

    @abstractmethod
    async def read(self, use: Use[T]) -> T:
        """Run a function that only reads. Raises Unavailable."""

    @abstractmethod
    async def write(self, use: Use[T], *, apart: bool = False) -> T:
        """Run a function in one transaction: all of it is committed, or nothing.

        Others that wait may share the transaction, each with its own outcome; one that takes long
        is written `apart`, so that nobody waits for it who came before. Raises Unavailable, also
        where a server has not done it within `WITHIN_SECONDS`, or `APART_SECONDS`.
        """

    async def upgrade(self, use: Use[T]) -> T:
        """Change the schema in one transaction, however long it takes: nothing is served yet.

        Raises Unavailable.
        """
        return await self.write(use, apart=True)

    @abstractmethod
    async def close(self) -> None:
        """Give every connection back."""


class Execution:
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
def attempt() -> Iterator[Execution]:
    """Tell apart, where the store does not answer, what was not done from what may have been.

    A use case that did not end is not committed. One that ended was being committed, and nobody
    knows: raises Unavailable that is `unsettled` then.
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
