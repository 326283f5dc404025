"""Run use cases in read or write transactions, on the published version."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.errors import Unavailable
from durward.services.context import Context
from durward.services.publication import Publication, put_back
from durward.services.transactions import Transactions
from durward.store.holds import hold_declared
from durward.store.snapshots import Edition, newest_edition

ATTEMPTS = 3
"""The attempts of a use case when other versions are published meanwhile."""

T = TypeVar("T")
UseCase = Callable[[Connection, Context, AuditContext], T]


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Nothing was done: another edition was published meanwhile."""

    by: Edition


@dataclass(frozen=True)
class UseCases:
    """Runs the use cases of the endpoints."""

    transactions: Transactions
    publication: Publication
    context: Callable[[], Context]

    async def read(self, use: UseCase[T], actor: str, source: str = "") -> T:
        """Run a use case that only reads, on the published version.

        Its events are recorded afterwards (`Transactions.record`), before the response. Raises
        Unavailable if another version is published during each attempt, or the database was
        restored.
        """

        async def once(context: Context) -> T | Overtaken:
            def run(connection: Connection) -> T | Overtaken:
                newest = newest_edition(connection)
                if newest != context.published.edition:
                    return Overtaken(newest)
                return use(connection, context, self.transactions.audit(actor, source))

            return await self.transactions.read(run)

        return await self._settled(once)

    async def write(
        self, use: UseCase[T], actor: str, source: str = "", *, alone: bool = False
    ) -> T:
        """Run a use case in one transaction, on the published version.

        No version is published until it ends: it commits under the version by which it decided,
        and a change finds all tokens issued before. With `alone` no other use case runs at the same
        time. Raises Unavailable if another version is published during each attempt, or the
        database was restored.
        """

        async def once(context: Context) -> T | Overtaken:
            def run(connection: Connection) -> T | Overtaken:
                hold_declared(connection, alone=alone)
                newest = newest_edition(connection)
                if newest != context.published.edition:
                    return Overtaken(newest)
                return use(connection, context, self.transactions.audit(actor, source))

            return await self.transactions.database.write(run, apart=alone)

        return await self._settled(once)

    async def _settled(self, once: Callable[[Context], Awaitable[T | Overtaken]]) -> T:
        for _ in range(ATTEMPTS):
            context = self.context()
            done = await once(context)
            if not isinstance(done, Overtaken):
                return done
            if done.by < context.published.edition:
                raise put_back()
            await self.publication.catch_up(done.by)
        raise Unavailable("the declarations changed during each attempt")
