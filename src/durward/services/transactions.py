"""Read and write transactions of one replica, and the audit context of each write."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext, AuditEvent
from durward.core.values import Instant
from durward.entropy import new_id
from durward.services.recorded_policies import record_policies
from durward.store.audit import record_events
from durward.store.database import Database, Use
from durward.store.holds import hold_declared

Clock = Callable[[], Instant]
T = TypeVar("T")


@dataclass
class Transactions:
    """One store and one clock."""

    database: Database
    clock: Clock

    async def read(self, use: Use[T]) -> T:
        """Run a function that only reads. Raises Unavailable."""
        return await self.database.read(use)

    async def write(
        self,
        use: Callable[[Connection, AuditContext], T],
        actor: str,
        source: str = "",
        *,
        alone: bool = False,
    ) -> T:
        """Run a use case in one transaction, which determines its time.

        With `alone`, no use case that reads the declarations runs at the same time: all others
        have ended before it locks anything. Raises Unavailable.
        """

        def run(connection: Connection) -> T:
            if alone:
                hold_declared(connection, alone=True)
            return use(connection, self.audit(actor, source))

        return await self.database.write(run, apart=alone)

    async def record(self, events: list[AuditEvent]) -> None:
        """Record events of a use case that only read. Raises Unavailable."""

        def run(connection: Connection) -> None:
            record_events(connection, events)
            record_policies(connection, events, self.clock())

        await self.database.write(run)

    def audit(self, actor: str, source: str = "") -> AuditContext:
        """The audit context: the actor, the source, and the present time."""
        return AuditContext(actor, self.clock(), partial(new_id, "e"), source)
