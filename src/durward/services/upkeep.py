"""The loops of a replica: follow publications, sequence events, delete expired rows."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial

from durward.core.authn.session import SessionPolicy
from durward.core.errors import DurwardError, Unavailable
from durward.keys.signing import Signer
from durward.services import housekeeping, sequence
from durward.services.ended_waivers import EndedWaivers
from durward.services.mail import MailDelivery
from durward.services.publication import Publication
from durward.services.rounds import Rounds
from durward.services.transactions import Transactions
from durward.services.unrecorded import Unrecorded
from durward.store.database import News

FOLLOW_SECONDS = 0.2
TIDY_SECONDS = 60.0
SEQUENCE_SECONDS = 0.5
MAIL_SECONDS = 1.0
GATHER_SECONDS = 0.1
"""The pause between rounds of the sequencer: each signs a checkpoint, and under load a round for
every few events would cost more than the tokens that they report."""
Report = Callable[[str], None]


class Upkeep:
    """The loops of a replica; they survive failures of the store (`rounds.py`)."""

    def __init__(
        self,
        transactions: Transactions,
        publication: Publication,
        issuer: str,
        log_signer: Callable[[], Signer],
        policy: SessionPolicy,
        mail: MailDelivery | None = None,
    ) -> None:
        self.unrecorded = Unrecorded()
        self._transactions = transactions
        self._publication = publication
        self._issuer = issuer
        self._log_signer = log_signer
        self._policy = policy
        self._mail = mail
        self._ended_waivers = EndedWaivers()
        self._log_trouble = ""
        self._waiting = asyncio.Event()
        transactions.database.listen(self._hear)

    def _hear(self, news: Sequence[object]) -> None:
        if News.EVENT in news:
            self._waiting.set()

    async def keep_fresh(self, report: Report) -> None:
        """Follow the publications and revocations of other replicas."""
        rounds = Rounds("what is published", report)
        while True:
            await rounds.rest(FOLLOW_SECONDS)
            with rounds.round():
                await self._publication.follow()

    async def keep_sequencing(self, report: Report) -> None:
        """Sequence events soon after they are recorded, here or by other replicas."""
        rounds = Rounds("the audit log", report)
        while True:
            await rounds.rest(GATHER_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SEQUENCE_SECONDS):
                    await self._waiting.wait()
            self._waiting.clear()
            with rounds.round():
                await self.sequence()

    async def keep_tidy(self, report: Report) -> None:
        """Record a summary of refusals and ended waivers, delete expired rows, once a minute."""
        rounds = Rounds("housekeeping", report)
        while True:
            await rounds.rest(TIDY_SECONDS)
            with rounds.round():
                await self.tidy()

    async def keep_mailing(self, report: Report) -> None:
        """Send what waits to be mailed, here or of other replicas; for ever, if to nobody."""
        rounds = Rounds("mails", report)
        while True:
            await rounds.rest(MAIL_SECONDS)
            with rounds.round():
                await self.mail()

    async def mail(self) -> int:
        """One round of mails; how many were taken. Raises Unavailable."""
        return await self._mail.deliver() if self._mail else 0

    async def mail_notes(self) -> list[str]:
        """The problems of mails, for people. Raises Unavailable."""
        return await self._mail.notes() if self._mail else []

    async def sequence(self) -> None:
        """Sequence all pending events. Raises Unavailable."""
        signer, audit = self._log_signer(), partial(self._transactions.audit, "serve")
        try:
            await sequence.sequence(self._transactions.database, self._issuer, signer, audit)
        except Unavailable as error:
            self._log_trouble = str(error)
            raise
        self._log_trouble = ""

    async def log_notes(self) -> list[str]:
        """The problems of the log, for people. Raises Unavailable."""
        trouble = [self._log_trouble] if self._log_trouble else []
        return [*trouble, *await self._transactions.read(sequence.notes)]

    async def tidy(self) -> None:
        """One round of housekeeping. Raises Unavailable."""
        await self._tell_unrecorded()
        await self._record_ended_waivers()
        await self._publication.count_hashes()
        now = self._transactions.clock()
        await housekeeping.sweep(self._transactions.database, now, self._policy)

    async def _record_ended_waivers(self) -> None:
        transactions, configuration = self._transactions, self._publication.published.configuration
        await self._ended_waivers.record(
            transactions.database, configuration, transactions.audit("serve")
        )

    async def finish(self) -> None:
        """Record and sequence pending events, if the store is still there."""
        with contextlib.suppress(DurwardError):
            await self._tell_unrecorded()
            await self.sequence()

    async def _tell_unrecorded(self) -> None:
        audit = self._transactions.audit("serve")
        await housekeeping.tell_unrecorded(self._transactions.database, self.unrecorded, audit)
