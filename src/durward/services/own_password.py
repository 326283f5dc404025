"""A person replaces the own password: proved by the present one, and others are signed out."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.authn.new_password import PasswordProblem, problem_of
from durward.core.edge.revocation import RevocationKind
from durward.core.people.person import Person
from durward.core.values import Secret
from durward.entropy import new_secret
from durward.services.common_passwords import common_passwords
from durward.services.context import Context
from durward.services.passwords import (
    REPLACED,
    has_password,
    replace_password,
    tell_of_password,
)
from durward.services.sessions import (
    PASSWORD,
    Admitted,
    Begun,
    BrowserSecrets,
    TooSoon,
    admit_person,
    live_session,
    remember,
)
from durward.store.attempts import forgive_attempt
from durward.store.grants import end_grants, live_grants
from durward.store.passwords import load_password
from durward.store.sessions import end_session, open_sessions, renew_session


def judge(password: Secret, person: Person, issuer: str) -> PasswordProblem | None:
    """What is wrong with a new password of a person; None if it is accepted (ZT-16).

    It takes some milliseconds: not in the event loop.
    """
    return problem_of(password.reveal(), common_passwords(), expected_words(person, issuer))


def expected_words(person: Person, issuer: str) -> Iterator[str]:
    """What somebody would guess first who knows the person and the service."""
    yield from (person.id, person.name, person.tenant, *person.logins)
    yield from (email.address for email in person.emails)
    yield from ("durward", urlsplit(issuer).hostname or "")


def owner(
    connection: Connection, context: Context, secret: Secret | None, audit: AuditContext
) -> tuple[Person, bool] | None:
    """Who is signed in, and whether they have a password; None if nobody is."""
    here = live_session(connection, context, secret, audit.at)
    return (here.person, has_password(connection, here.person.id)) if here else None


def admit_owner(
    connection: Connection, context: Context, before: BrowserSecrets, audit: AuditContext
) -> Admitted | TooSoon | None:
    """Count an attempt to prove the present password (AS-96, AS-105); None if nobody is signed in.

    It counts as an attempt to sign in does: a session that somebody else got hold of is no way to
    guess faster.
    """
    here = live_session(connection, context, before.session, audit.at)
    if here is None:
        return None
    person = here.person
    return admit_person(connection, context, person.id, person.id, before.known, audit)


def replace_own(
    connection: Connection,
    context: Context,
    admitted: Admitted,
    fresh: str,
    before: BrowserSecrets,
    keep_grants: bool,  # noqa: FBT001 - a choice of the person
    audit: AuditContext,
) -> Begun | Admitted | None:
    """Keep the hash `fresh` for somebody whose present password fits the hash of `admitted`.

    This session goes on with a new secret (AS-102); all others end, no other browser is known any
    more, and grants end unless the person keeps them (AS-104). None if they are not signed in any
    more. If the hash is another one by now, it is what the password has to be verified against.
    """
    here = live_session(connection, context, before.session, audit.at)
    if here is None or here.person.id != admitted.person:
        return None
    person, session = here.person.id, here.session.id
    kept = load_password(connection, person, lock=True)
    if kept is None:
        return None
    if kept != admitted.phc:
        return replace(admitted, phc=kept)
    # Later than what was issued before the person was held: a not-before may be made of it.
    audit = replace(audit.by(person), at=context.clock())
    forgive_attempt(connection, admitted.attempt.limits, admitted.attempt.pair)
    replace_password(connection, person, fresh, audit, by="its person")
    for one in open_sessions(connection, person):
        if one.id != session:
            end_session(connection, one.id, REPLACED, audit)
    if not keep_grants:
        ids = [grant.id for grant in live_grants(connection, user=person)]
        end_grants(connection, ids, REPLACED, audit, instead=(RevocationKind.SUBJECT, person))
    tell_of_password(connection, context, here.person, audit, by_person=True)
    secret = new_secret("dwk")
    renew_session(connection, session, secret.sha256(), PASSWORD, audit)
    return Begun(secret, remember(connection, person, before.known, audit.at))
