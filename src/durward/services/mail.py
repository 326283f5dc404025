"""Mails: queued in the transaction of their cause, sent afterwards, retried with a bound (ADR 30).

What a mail says rests encrypted until it is sent: it may have a link that lets somebody in. A mail
may arrive twice, with one Message-ID, if a process ends between sending it and noting that.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from email.message import EmailMessage
from typing import Final, Protocol

import msgspec
from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.errors import Unavailable
from durward.core.people.mail_text import Mail, addressees, compose, mailbox
from durward.core.people.person import Person
from durward.core.values import MICROSECONDS, Seconds, later
from durward.entropy import jittered, new_id
from durward.keys.envelope import KeyFile
from durward.services.context import Context
from durward.services.smtp import MailFailure
from durward.services.transactions import Transactions
from durward.store.work_queue import (
    WorkItem,
    add_work,
    claim_work,
    drop_work,
    finish_work,
    is_work_due,
    postpone_work,
    waiting_work,
)

MAIL: Final = "mail"
BATCH: Final = 20
"""Mails of one connection."""
LEASE: Final = Seconds(600)
"""After this time another process takes a mail of which nothing was heard."""
WITHIN_SECONDS: Final = 450.0
"""The time for one batch, whose last mail may take minutes: less than the lease."""
FIRST_PAUSE, LONGEST_PAUSE = Seconds(10), Seconds(300)
MOST_ATTEMPTS: Final = 300
"""With these pauses about a day."""
NOTICE_LIFETIME: Final = Seconds(86_400)
"""How long a notice is worth sending."""
LATE: Final = Seconds(120)
"""From when on a waiting mail is told to operators."""


class Carrier(Protocol):
    """Who takes mails: a server, or a folder."""

    def carry(self, messages: Sequence[EmailMessage]) -> list[MailFailure | None]:
        """Send mails; for each None if it was taken. It may take its time."""


def queue_mail(
    connection: Connection,
    context: Context,
    user: str,
    mail: Mail,
    lifetime: Seconds,
    audit: AuditContext,
) -> bool:
    """Send a mail after this transaction; false where none are sent, or too many wait."""
    if not context.sends_mail:
        return False
    id = new_id("m")
    payload = context.key_file.seal(msgspec.json.encode(mail), f"work/{id}")
    end = later(audit.at, lifetime)
    return add_work(connection, WorkItem(id, MAIL, f"users/{user}", payload, audit.at, end), audit)


def notify(
    connection: Connection,
    context: Context,
    person: Person,
    notice: Callable[[str], Mail],
    audit: AuditContext,
    *,
    before: Person | None = None,
) -> None:
    """Tell somebody at their addresses, and at those that they had `before` (AS-99)."""
    for address in addressees(before or person, person):
        mail = notice(address)
        queue_mail(connection, context, person.id, mail, NOTICE_LIFETIME, audit)


class MailDelivery:
    """Sends what waits, in the rounds of one replica; others may do the same at the same time."""

    def __init__(
        self,
        transactions: Transactions,
        key_file: Callable[[], KeyFile],
        carrier: Carrier,
        sender: str,
    ) -> None:
        self._transactions = transactions
        self._key_file = key_file
        self._carrier = carrier
        self._sender = sender
        self._trouble = ""

    async def deliver(self) -> int:
        """Send mails that are due; how many were taken. Raises Unavailable for the store's."""
        database, now = self._transactions.database, self._transactions.clock
        if not await database.read(lambda c: is_work_due(c, MAIL, now())):
            return 0
        items = await database.write(lambda c: claim_work(c, MAIL, now(), LEASE, BATCH))
        outcomes = await self._carried(items)
        failures = [failure for failure in outcomes if failure is not None]
        self._trouble = failures[-1].reason if failures else ""

        def settle(connection: Connection) -> None:
            audit = self._transactions.audit("serve")
            for item, failure in zip(items, outcomes, strict=True):
                self._settle(connection, item, failure, audit)

        await database.write(settle)
        return len(items) - len(failures)

    async def notes(self) -> list[str]:
        """What operators should know of mails that wait. Raises Unavailable."""
        waiting = await self._transactions.read(lambda c: waiting_work(c, MAIL))
        if waiting.oldest_at is None:
            return []
        seconds = (self._transactions.clock() - waiting.oldest_at) // MICROSECONDS
        if seconds < LATE and not self._trouble:
            return []
        because = f": {self._trouble}" if self._trouble else ""
        return [f"{waiting.number} mails wait, the oldest for {seconds} s{because}"]

    async def _carried(self, items: Sequence[WorkItem]) -> list[MailFailure | None]:
        """Send those that are in time and can be read, by one connection."""
        outcomes: dict[str, MailFailure | None] = {}
        messages: dict[str, EmailMessage] = {}
        for item in items:
            try:
                messages[item.id] = self._message(item)
            except (Unavailable, ValueError) as error:
                outcomes[item.id] = MailFailure(str(error), is_final=True)
        if messages:
            try:
                async with asyncio.timeout(WITHIN_SECONDS):
                    taken = await _in_thread(lambda: self._carrier.carry(list(messages.values())))
            except TimeoutError:
                taken = [MailFailure("the server of mails does not answer")] * len(messages)
            outcomes |= dict(zip(messages, taken, strict=True))
        return [outcomes[item.id] for item in items]

    def _message(self, item: WorkItem) -> EmailMessage:
        """The mail of an item. Raises Unavailable, ValueError."""
        if self._transactions.clock() >= item.expires_at:
            raise ValueError("it could not be sent in time")
        sealed = self._key_file().unseal(item.payload, f"work/{item.id}")
        mail = msgspec.json.decode(sealed, type=Mail)
        return compose(mail, self._sender, item.id, item.added_at)

    def _settle(
        self,
        connection: Connection,
        item: WorkItem,
        failure: MailFailure | None,
        audit: AuditContext,
    ) -> None:
        if failure is None:
            finish_work(connection, item)
        elif failure.is_final or item.attempts >= MOST_ATTEMPTS:
            drop_work(connection, item, failure.reason, audit)
        else:
            # Whatever its pause is, it ends when it is due for the last time.
            pause = Seconds(round(jittered(pause_after(item.attempts))))
            due = min(later(audit.at, pause), item.expires_at)
            postpone_work(connection, item, due)


def pause_after(attempts: int) -> Seconds:
    """The pause after so many attempts: it doubles up to five minutes."""
    return Seconds(min(FIRST_PAUSE * 2 ** min(attempts - 1, 20), LONGEST_PAUSE))


def check_sender(sender: str) -> None:
    """Refuse a sender that is no address. Raises ValueError."""
    mailbox(sender)


async def _in_thread(
    carry: Callable[[], list[MailFailure | None]],
) -> list[MailFailure | None]:
    """Run it in a thread of its own, which does not keep the process from ending."""
    outcome: Future[list[MailFailure | None]] = Future()

    def run() -> None:
        try:
            outcome.set_result(carry())
        except Exception as error:  # noqa: BLE001 - whoever awaits the outcome is told
            outcome.set_exception(error)

    try:
        threading.Thread(target=run, name="mail", daemon=True).start()
    except RuntimeError as error:
        raise Unavailable("no thread is left to send mails") from error
    return await asyncio.shield(asyncio.wrap_future(outcome))
