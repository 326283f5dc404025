"""The requests and reports of nodes of the edge, and the view of operators (ADR 22)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from durward.core.audit.event import AuditEvent
from durward.core.edge.report import NodeReport, ReportReply
from durward.core.values import Instant
from durward.services import nodes, revocations, sequence
from durward.services.context import Context
from durward.services.publication import Publication
from durward.services.publish import PreparedEdition, with_declared
from durward.services.recorded_policies import keep_policies
from durward.services.transactions import Transactions
from durward.store.nodes import load_history
from durward.store.parts import load_parts


@dataclass(frozen=True)
class Fleet:
    """The nodes, in the store that all replicas share."""

    transactions: Transactions
    publication: Publication
    context: Callable[[], Context]

    async def parts(self, digests: Sequence[str]) -> dict[str, bytes]:
        """The existing parts, by digest."""
        return await self.transactions.read(lambda c: load_parts(c, digests))

    async def join(self, wish: str | None, place: str) -> str:
        """The id of the node at a place. Raises Conflict or Misconfigured."""
        return await self.transactions.write(
            lambda c, audit: nodes.join(c, wish, place, audit), f"nodes/{wish or place}"
        )

    async def leave(self, id: str, place: str) -> None:
        """Sign off a node that stops."""
        await self.transactions.write(
            lambda c, audit: nodes.leave(c, id, place, audit), f"nodes/{id}"
        )

    async def receive_report(self, report: NodeReport) -> ReportReply:
        """Record a node's report. Raises Conflict if another process has its id."""
        return await self.transactions.write(
            lambda c, audit: nodes.receive_report(c, report, audit), f"nodes/{report.node}"
        )

    async def overtake(self, signed: str) -> None:
        """Publish a version beyond that of a node. Raises Misconfigured or Conflict."""
        context = self.context()

        async def publish_beyond(declared: PreparedEdition) -> bool | None:
            return await self.transactions.write(
                lambda c, audit: nodes.overtake(
                    c, declared, signed, context.issuer, context.key_file, audit
                ),
                "nodes",
                alone=True,
            )

        # The cheap check first: many nodes may be ahead, and one publication is enough.
        now = self.transactions.clock()
        if await self.transactions.read(
            lambda c: nodes.shown_ahead(c, signed, context.key_file, now)
        ):
            await with_declared(self.transactions.database, publish_beyond, "overtake")

    async def forget(self, id: str) -> None:
        """Forget a node. Raises Misconfigured if there is none."""
        await self.transactions.write(lambda c, audit: nodes.forget(c, id, audit), "operator")

    async def load(self) -> nodes.FleetState:
        """All nodes with their last reports, and the published version."""
        return await self.transactions.read(nodes.load_fleet)

    async def history(self, id: str, limit: int) -> list[tuple[Instant, int, NodeReport]]:
        """The reports of a node at each change, the newest last."""
        return await self.transactions.read(lambda c: load_history(c, id, limit))

    async def revocations_after(
        self, sequence: int, at: int, wait: float
    ) -> revocations.RevocationFeed:
        """The revocations after a sequence number; waits up to `wait` seconds if there are none.

        `at` is the time of the revocation of that number, as the caller knows it.
        """
        await self.publication.wait_until(lambda: self.publication.revoked != (sequence, at), wait)
        moment = self.transactions.clock()
        return await self.transactions.read(
            lambda c: revocations.load_feed(c, sequence, at, moment)
        )

    def canaries(self, audience: str) -> dict[str, str]:
        """Tokens for an API that every edge must refuse."""
        return revocations.canary_tokens(self.context(), audience, self.transactions.clock())

    async def ingest(self, events: Sequence[AuditEvent]) -> sequence.Ingested:
        """Take events of an edge into the log."""
        now = self.transactions.clock()
        return await sequence.ingest(self.transactions.database, events, now)

    async def keep_policies(self, part: bytes) -> None:
        """Keep policies of an edge's decisions that the store lacks. Raises Misconfigured."""
        await self.transactions.write(lambda c, audit: keep_policies(c, part, audit.at), "edge")
