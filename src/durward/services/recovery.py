"""A new password by a link in a mail, for people who do not know the former one (AS-95, AS-98).

Whoever asks is told the same, at the same time and after the same statements, whatever was typed:
the question is only queued. It is answered afterwards, where nobody waits for it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

import msgspec
from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.authn.network_prefix import counted_source
from durward.core.authn.throttle import Limit, counted_name
from durward.core.errors import Unavailable
from durward.core.oauth.metadata import RESET_PATH
from durward.core.people.identifier import canonical_email, canonical_or_none
from durward.core.people.mail_text import password_by_mail, reset_link
from durward.core.people.person import Person
from durward.core.values import Instant, Seconds, Secret, later
from durward.entropy import new_id, new_secret
from durward.services.context import Context
from durward.services.mail import notify, queue_mail
from durward.services.passwords import end_everything, replace_password
from durward.services.people import PersonStep, conflicts, take_checked
from durward.services.rounds import Rounds
from durward.services.sessions import NO_FORM, find_able
from durward.services.use_cases import UseCases
from durward.store.attempts import count_attempt
from durward.store.holds import hold_people
from durward.store.people import find_person
from durward.store.reset_links import ResetLink, find_reset_link, record_reset_link
from durward.store.work_queue import (
    MOST,
    WorkItem,
    add_work,
    claim_work,
    drop_work,
    finish_work,
    is_work_due,
    waiting_work,
)

QUESTION: Final = "recovery"
LIFETIME: Final = Seconds(1_800)
"""Of a link, and of a question that could not be answered."""
LEASE: Final = Seconds(30)
BATCH: Final = 50
ROUND_SECONDS: Final = 1.0

OF_PERSON: Final = Limit(free=3, longest=Seconds(1_800), first=Seconds(60))
"""Mails to one person, whoever asks: about eight in the first hour, then two an hour."""
OF_SOURCE: Final = Limit(free=30, longest=Seconds(60))
"""Questions of one source: many people may share an address."""


class ResetQuestion(msgspec.Struct, frozen=True, array_like=True):
    """What was typed, in canonical form, and where it came from."""

    typed: str
    source: str


def ask_reset(connection: Connection, context: Context, typed: str, audit: AuditContext) -> None:
    """Queue the question of somebody who typed a login name or an address.

    It is dropped without a word if too many came for this name, from this source, or at all.
    """
    form, key = canonical_or_none(typed) or "", context.key_file.derive("attempts")
    limits = {
        counted_name(key, "reset", form): OF_PERSON,
        counted_name(key, "reset from", counted_source(audit.source)): OF_SOURCE,
    }
    if count_attempt(connection, limits, audit.at):
        return
    if waiting_work(connection, QUESTION).number >= MOST:
        return
    id = new_id("w")
    # It may be a password in the wrong field: nobody reads it in the store.
    sealed = context.key_file.seal(
        msgspec.json.encode(ResetQuestion(form, audit.source)), f"work/{id}"
    )
    end = later(audit.at, LIFETIME)
    add_work(connection, WorkItem(id, QUESTION, "people", sealed, audit.at, end), audit)


def answer_question(
    connection: Connection, context: Context, item: WorkItem, audit: AuditContext
) -> None:
    """Mail a link, if somebody is called so, may sign in, and has a verified address."""
    try:
        question = msgspec.json.decode(
            context.key_file.unseal(item.payload, f"work/{item.id}"), type=ResetQuestion
        )
    except (Unavailable, msgspec.DecodeError):
        drop_work(connection, item, "it cannot be read", audit)
        return
    if not finish_work(connection, item) or audit.at >= item.expires_at:
        return
    named = find_person(connection, question.typed or NO_FORM)
    if named is None:
        return
    hold_people(connection, named)
    person = find_able(connection, named)
    address = address_for(person, question.typed) if person else None
    if person is None or address is None:
        return
    name = counted_name(context.key_file.derive("attempts"), "reset of", person.id)
    if count_attempt(connection, {name: OF_PERSON}, audit.at):
        return
    secret = new_secret("dwl")
    asked = replace(audit, source=question.source)
    link = ResetLink(person.id, canonical_email(address))
    uri = link_uri(context, secret)
    mail = reset_link(address, person.login, context.issuer, uri, LIFETIME, question.source)
    is_queued = queue_mail(connection, context, person.id, mail, LIFETIME, asked)
    if is_queued or not context.sends_mail:  # where too many wait the former link stays
        record_reset_link(connection, secret.sha256(), link, LIFETIME, asked)


def link_uri(context: Context, secret: Secret) -> str:
    """The URI of a link: at the issuer of the settings, no header of a request has a say in it."""
    return f"{context.issuer}{RESET_PATH}?{urlencode({'link': secret.reveal()})}"


def address_for(person: Person, typed: str) -> str | None:
    """Which address gets the link: the one that was typed, else the first; only verified ones."""
    verified = [email.address for email in person.emails if email.verified]
    alike = (each for each in verified if canonical_email(each) == typed)
    return next(alike, verified[0] if verified else None)


def owner_of_link(connection: Connection, secret: Secret, now: Instant) -> Person | None:
    """Whose password a link replaces; None for one that is worth nothing. It changes nothing."""
    return _person_of(connection, find_reset_link(connection, secret.sha256(), now))


def reset_password(
    connection: Connection, context: Context, secret: Secret, phc: str, audit: AuditContext
) -> bool:
    """Replace a password by a link, which ends with it; False for one that is worth nothing.

    Sessions, grants and known browsers end. Nobody is signed in by it: the next sign-in asks for
    whatever the account has (AS-98).
    """
    link = find_reset_link(connection, secret.sha256(), audit.at, hold=True)
    person = _person_of(connection, link)
    if person is None:
        return False
    # Later than what was issued before the person was held: a not-before may be made of it.
    audit = replace(audit.by(person.id), at=context.clock())
    if link and link.invited:
        person = prove_address(connection, context, person, link.address, audit)
    replace_password(connection, person.id, phc, audit, by="a link in a mail")
    end_everything(connection, person.id, audit)
    notify(
        connection,
        context,
        person,
        lambda to: password_by_mail(to, person.login, context.issuer, audit.at),
        audit,
    )
    return True


def prove_address(
    connection: Connection, context: Context, person: Person, address: str, audit: AuditContext
) -> Person:
    """Take an address as verified whose owner used an invitation.

    Not where somebody else has it verified meanwhile: then it signs in that one alone.
    """
    emails = (
        replace(each, verified=each.verified or canonical_email(each.address) == address)
        for each in person.emails
    )
    after = replace(person, emails=tuple(emails))
    step = PersonStep(person, after)
    if after == person or conflicts(connection, context.published.configuration, [step]):
        return person
    take_checked(connection, context.published, [step], audit)
    return after


def _person_of(connection: Connection, link: ResetLink | None) -> Person | None:
    """The person, if they may sign in and still have the address that the link was sent to."""
    person = find_able(connection, link.user) if link else None
    if link is None or person is None:
        return None
    good = {canonical_email(e.address) for e in person.emails if e.verified or link.invited}
    return person if link.address in good else None


@dataclass(frozen=True)
class Recovery:
    """Answers the questions that were queued, here or by other replicas."""

    use_cases: UseCases

    async def keep_answering(self, report: Callable[[str], None]) -> None:
        """Answer what is asked, once a second."""
        rounds = Rounds("resets of passwords", report)
        while True:
            await rounds.rest(ROUND_SECONDS)
            with rounds.round():
                await self.answer()

    async def answer(self) -> int:
        """One round; how many questions there were. Raises Unavailable."""
        transactions = self.use_cases.transactions
        now = transactions.clock
        if not await transactions.read(lambda c: is_work_due(c, QUESTION, now())):
            return 0
        items = await transactions.database.write(
            lambda c: claim_work(c, QUESTION, now(), LEASE, BATCH)
        )
        for item in items:
            await self._answered(item)
        return len(items)

    async def _answered(self, item: WorkItem) -> None:
        await self.use_cases.write(lambda c, x, t: answer_question(c, x, item, t), "serve")
