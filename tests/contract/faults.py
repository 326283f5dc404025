"""Faults below SQLAlchemy's engine: a statement fails, or a commit, before or after its effect.

Each strike notes in which verbs of the store it fell.
"""

import contextlib
import importlib
import inspect
import pkgutil
import sys
from collections import defaultdict
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

from sqlalchemy import Connection, Engine, event, select
from sqlalchemy.exc import OperationalError
from tests.issuer import Issuer

import durward.store
from durward.core.errors import Unavailable
from durward.store import schema
from durward.store.database import Database

MOST_STATEMENTS = 150
STRUCK: list["Faults"] = []
STRIDE = [1]
"""Which statements fail: each, or every eighth, say. A statement is the same on both backends; what
differs between them is how a transaction ends, so that in CI one of them meets every statement."""
STRUCK_VERBS: dict[str, set[str]] = defaultdict(set)
"""Which verbs were struck, by how: at a statement of theirs, at their commit, just after it."""


def verbs() -> dict[CodeType, str]:
    """The public verbs of the store: the functions that take a connection first."""
    found = {}
    for module in pkgutil.iter_modules(durward.store.__path__):
        if module.ispkg or module.name == "database":  # where verbs run
            continue
        loaded = importlib.import_module(f"durward.store.{module.name}")
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            own = function.__module__ == loaded.__name__ and not name.startswith("_")
            if own and next(iter(inspect.signature(function).parameters), "") == "connection":
                found[function.__code__] = f"{module.name}.{name}"
    return found


VERBS = verbs()


@dataclass
class Faults:
    """One fault: at the nth statement, at the nth commit, or just after that one."""

    at_statement: int | None = None
    at_commit: int | None = None
    after_commit: int | None = None
    struck: bool = field(default=False, init=False)
    statements: int = field(default=0, init=False)
    commits: int = field(default=0, init=False)
    within: dict[Connection, set[str]] = field(
        default_factory=lambda: defaultdict(set), init=False, repr=False
    )

    @property
    def lost(self) -> bool:
        """Whether it took effect, and nobody was told."""
        return self.struck and self.after_commit is not None

    @property
    def how(self) -> str:
        if self.at_statement is not None:
            return "statement"
        return "commit" if self.at_commit is not None else "committed"

    def strike(self, within: set[str]) -> None:
        self.struck = True
        STRUCK.append(self)
        STRUCK_VERBS[self.how] |= within
        raise OperationalError("injected", None, Exception("disk I/O error"))

    def statement(self, connection: Connection, _: Any, text: str, *__: Any) -> None:
        if text.startswith(("BEGIN", "PRAGMA")) or self.struck:
            return
        here = set(under_way(sys._getframe()))
        self.within[connection] |= here
        self.statements += 1
        if self.statements - 1 == self.at_statement:
            self.strike(here)

    def commit(self, connection: Connection) -> None:
        number, self.commits = self.commits, self.commits + 1
        if self.struck or number not in {self.at_commit, self.after_commit}:
            return
        if self.after_commit is not None:
            connection.connection.commit()
        self.strike(self.within[connection])


def under_way(frame: FrameType | None) -> Iterator[str]:
    """The verbs that are being executed."""
    while frame is not None:
        if frame.f_code in VERBS:
            yield VERBS[frame.f_code]
        frame = frame.f_back


@contextlib.contextmanager
def faults_in(database: Any, **which: int) -> Iterator[Faults]:
    """Let one fault happen in a database."""
    engine: Engine = getattr(database._engine, "sync_engine", database._engine)
    injected = Faults(**which)
    event.listen(engine, "before_cursor_execute", injected.statement)
    event.listen(engine, "commit", injected.commit)
    try:
        yield injected
    finally:
        event.remove(engine, "before_cursor_execute", injected.statement)
        event.remove(engine, "commit", injected.commit)


def faults(issuer: Issuer, **which: int) -> contextlib.AbstractContextManager[Faults]:
    """Let one fault happen in an issuer's store."""
    return faults_in(issuer.plane.transactions.database, **which)


def each_fault(commits: int = 1) -> Iterator[dict[str, int]]:
    """Every fault of a story of so many transactions; the first that is none ends the story."""
    for number in range(commits):
        yield {"at_commit": number}
        yield {"after_commit": number}
    for number in range(0, MOST_STATEMENTS, STRIDE[0]):
        yield {"at_statement": number}
    raise AssertionError("more statements than expected")


async def fails(use: Awaitable[object]) -> bool:
    """Whether a use case says that it could not be done."""
    try:
        await use
    except Unavailable:
        return True
    return False


async def told_of(use: Awaitable[object]) -> str:
    """What an operator is told of a change: `done`, `not done`, or that it is `not known`."""
    try:
        await use
    except Unavailable as error:
        return "not known" if error.unsettled else "not done"
    return "done"


async def everything(issuer: Issuer) -> dict[str, list[str]]:
    """All rows of all tables."""
    return await rows_of(issuer.plane.transactions.database)


async def rows_of(database: Database) -> dict[str, list[str]]:
    def use(connection: Connection) -> dict[str, list[str]]:
        return {
            table.name: sorted(map(str, connection.execute(select(table)).all()))
            for table in schema.metadata.sorted_tables
        }

    return await database.read(use)
