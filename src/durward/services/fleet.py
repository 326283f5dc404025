"""What the nodes of the edge ask for and tell, and what operators see of them (ADR 22)."""

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
    """The nodes, over the store that all replicas share."""

    transactions: Transactions
    publication: Publication
    context: Callable[[], Context]

    async def parts(self, digests: Sequence[str]) -> dict[str, bytes]:
        """Those of the parts that there are, by digest."""
        return await self.transactions.read(lambda c: load_parts(c, digests))

    async def join(self, wish: str | None, place: str) -> str:
        """The id of the node at a place. Raises Conflict or Misconfigured."""
        return await self.transactions.write(
            lambda c, audit: nodes.join(c, wish, place, audit), f"nodes/{wish or place}"
        )

    async def leave(self, id: str, place: str) -> None:
        """A node ends in order."""
        await self.transactions.write(
            lambda c, audit: nodes.leave(c, id, place, audit), f"nodes/{id}"
        )

    async def receive_report(self, report: NodeReport) -> ReportReply:
        """Take down what a node tells. Raises Conflict where another process has its id."""
        return await self.transactions.write(
            lambda c, audit: nodes.receive_report(c, report, audit), f"nodes/{report.node}"
        )

    async def overtake(self, signed: str) -> None:
        """Publish beyond what a node has. Raises Misconfigured or Conflict."""
        context = self.context()

        async def publish_beyond(declared: PreparedEdition) -> bool | None:
            return await self.transactions.write(
                lambda c, audit: nodes.overtake(
                    c, declared, signed, context.issuer, context.key_file, audit
                ),
                "nodes",
                alone=True,
            )

        # The cheap question first: of many nodes that are ahead one is overtaken.
        now = self.transactions.clock()
        if await self.transactions.read(
            lambda c: nodes.shown_ahead(c, signed, context.key_file, now)
        ):
            await with_declared(self.transactions.database, publish_beyond, "overtake")

    async def forget(self, id: str) -> None:
        """Forget a node. Raises Misconfigured where there is none."""
        await self.transactions.write(lambda c, audit: nodes.forget(c, id, audit), "operator")

    async def load(self) -> nodes.FleetState:
        """Every node as it was heard of last, beside what is published."""
        return await self.transactions.read(nodes.load_fleet)

    async def history(self, id: str, limit: int) -> list[tuple[Instant, int, NodeReport]]:
        """What a node told when something changed, the newest last."""
        return await self.transactions.read(lambda c: load_history(c, id, limit))

    async def revocations_after(
        self, sequence: int, at: int, wait: float
    ) -> revocations.RevocationFeed:
        """What was revoked after a sequence number; waits until there is something, or in vain.

        `at` is when the revocation of that number was made, as whoever asks knows it.
        """
        await self.publication.wait_until(lambda: self.publication.revoked != (sequence, at), wait)
        moment = self.transactions.clock()
        return await self.transactions.read(
            lambda c: revocations.load_feed(c, sequence, at, moment)
        )

    def canaries(self, audience: str) -> dict[str, str]:
        """Tokens for an API that every edge must refuse."""
        return revocations.canaries(self.context(), audience, self.transactions.clock())

    async def ingest(self, events: Sequence[AuditEvent]) -> sequence.Ingested:
        """Take events of an edge into the log."""
        now = self.transactions.clock()
        return await sequence.ingest(self.transactions.database, events, now)

    async def keep_policies(self, part: bytes) -> None:
        """Keep policies that an edge decided by, and that are not here. Raises Misconfigured."""
        await self.transactions.write(lambda c, audit: keep_policies(c, part, audit.at), "edge")
