"""The audit log, as operators and auditors read it."""

from sqlalchemy import Connection

from durward.core.audit.event import AuditEvent
from durward.services.transactions import Transactions
from durward.store.audit import find_event, latest_checkpoint, load_leaves, load_tree

Leaves = list[tuple[int, bytes]]
"""Events, each with its index."""


class Log:
    """Reads sequenced events; only `event` also finds pending ones."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def newest(self, limit: int) -> Leaves:
        """The last events of the log."""

        def use(connection: Connection) -> Leaves:
            return load_leaves(connection, max(load_tree(connection).size - limit, 0), limit)

        return await self._transactions.read(use)

    async def leaves(self, start: int, limit: int) -> Leaves:
        """Events of the log, from an index on."""
        return await self._transactions.read(lambda c: load_leaves(c, start, limit))

    async def checkpoint(self) -> tuple[int, str] | None:
        """The newest signed checkpoint: its size and its note."""
        return await self._transactions.read(latest_checkpoint)

    async def event(self, event_id: str) -> AuditEvent | None:
        """An event by its id; None if there is none."""
        return await self._transactions.read(lambda c: find_event(c, event_id))
