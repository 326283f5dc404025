"""Sessions: whose browser this is, signing in, signing out."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext, EventKind
from durward.core.authn.session import Session
from durward.core.authn.throttle import Attempt, attempt_at_known_browser, attempt_from
from durward.core.people.identifier import canonical_or_none
from durward.core.people.person import Person
from durward.core.values import Instant, Seconds, Secret, SessionId, UserId, later
from durward.entropy import new_id, new_secret
from durward.services.context import Context
from durward.services.passwords import decoy
from durward.services.unrecorded import record_anonymous
from durward.store.attempts import count_attempt, forgive_attempt, uncount_attempt
from durward.store.holds import hold_people
from durward.store.known_browsers import is_known_browser, record_known_browser
from durward.store.passwords import load_password, renew_hash
from durward.store.people import find_person, load_person
from durward.store.sessions import (
    end_session,
    hold_session,
    renew_session,
    session_user,
    start_session,
    touch_session,
)

TOUCH_AFTER = Seconds(60)
PASSWORD = ("pwd",)
NO_FORM = " "
"""No canonical form, and no id."""
UNKNOWN = " name:"
"""Before what is counted of a name that nobody has: no id begins so."""
MAX_AGENT_CHARACTERS = 200


@dataclass(frozen=True)
class Admitted:
    """The password may be verified, against this hash."""

    phc: str
    person: UserId | None
    """Whose account it is; None where there is none that can sign in."""
    exists: bool
    """Whether it is the account's own hash; where there is none a decoy takes as long (AS-95)."""
    known: bool
    """Whether the account has signed in at this browser before."""
    attempt: Attempt
    """What was counted."""


@dataclass(frozen=True)
class LiveSession:
    """A live session, and whose it is."""

    session: Session
    person: Person


@dataclass(frozen=True)
class BrowserSecrets:
    """What a browser is recognised by: the secrets in its cookies."""

    session: Secret | None = None
    known: Secret | None = None


@dataclass(frozen=True)
class Begun:
    """What a browser is given at a sign-in: the session's secret, and the one it is known by."""

    session: Secret
    known: Secret


@dataclass(frozen=True)
class TooSoon:
    """It is not looked at before this many seconds have passed."""

    wait: Seconds


def find_able(connection: Connection, id: str) -> Person | None:
    """Somebody who may sign in: there is such a person, and they are not disabled."""
    found = load_person(connection, id)
    return None if found is None or found.disabled else found


def live_session(
    connection: Connection, context: Context, secret: Secret | None, now: Instant
) -> LiveSession | None:
    """Who is signed in by a cookie, if its session is live.

    A session of somebody who is disabled, or of a tenant that they left, is none (AS-104). The
    person is held from now on: it stays so until this use case ends.
    """
    session = hold_session(connection, secret.sha256()) if secret else None
    if session is None or not session.is_live(now, context.sessions):
        return None
    person = find_able(connection, session.user)
    if person is None or person.tenant != session.tenant:
        return None
    return LiveSession(session, person)


def in_use(connection: Connection, session: Session, now: Instant) -> None:
    """Note that a session is used, not more often than needed."""
    if now >= later(session.seen_at, TOUCH_AFTER):
        touch_session(connection, session.id, now)


def admit(
    connection: Connection,
    context: Context,
    account: str,
    browser: Secret | None,
    audit: AuditContext,
) -> Admitted | TooSoon:
    """Count an attempt to sign in, before anything is verified (AS-96).

    `browser` is what it is known by, if it was sent.
    """
    form = canonical_or_none(account)
    # The same statements whoever it is, until it is known whether it is too soon (AS-95).
    named = find_person(connection, form or NO_FORM)
    return admit_person(connection, context, named, form or account, browser, audit)


def admit_person(
    connection: Connection,
    context: Context,
    named: UserId | None,
    typed: str,
    browser: Secret | None,
    audit: AuditContext,
) -> Admitted | TooSoon:
    """The same, of somebody who was found; None where nobody is called as was typed."""
    known = _known_for(connection, named or UserId(NO_FORM), browser, audit.at)
    # However it is spelled, it is one account; what no account can be called counts as it stands.
    counted = named or f"{UNKNOWN}{typed}"
    attempt = _attempt(context, counted, known, audit)
    wait = count_attempt(connection, attempt.limits, audit.at)
    if wait:
        _refuse(connection, context, named, "too many attempts", audit)
        return TooSoon(wait)
    person = named if named and find_able(connection, named) else None
    phc = load_password(connection, person) if person else None
    kept = phc or decoy(context, typed)
    return Admitted(kept, person, phc is not None, known is not None, attempt)


def release(connection: Connection, _: Context, attempt: Attempt, __: AuditContext) -> None:
    """Take back what an attempt counted whose password was not looked at after all."""
    uncount_attempt(connection, attempt.limits)


def _known_for(
    connection: Connection, user: UserId, browser: Secret | None, now: Instant
) -> Secret | None:
    """The browser's secret, where it is known for exactly this person."""
    if browser and is_known_browser(connection, browser.sha256(), now, user=user):
        return browser
    return None


def _attempt(context: Context, account: str, known: Secret | None, audit: AuditContext) -> Attempt:
    key = context.key_file.derive("attempts")
    if known is not None:
        return attempt_at_known_browser(key, account, known.sha256())
    return attempt_from(key, account, audit.source)


def refuse(
    connection: Connection, context: Context, person: UserId | None, audit: AuditContext
) -> None:
    """Record that the password was wrong, or the account unknown."""
    _refuse(connection, context, person, "wrong account or password", audit)


def _refuse(
    connection: Connection, context: Context, person: UserId | None, why: str, audit: AuditContext
) -> None:
    # What was typed may be a password in the wrong field: only who there is is recorded.
    target = f"users/{person or '?'}"
    record_anonymous(
        connection, context, audit.event(EventKind.SIGN_IN_REFUSED, target, reason=why)
    )


def sign_in(
    connection: Connection,
    context: Context,
    admitted: Admitted,
    renewed: str | None,
    before: BrowserSecrets,
    agent: str,
    audit: AuditContext,
) -> Begun | Admitted | None:
    """Begin a session for somebody whose password fits the hash of `admitted`.

    `renewed` is another hash of the password, to be kept in place of the one that was verified.
    None if they were disabled while it was looked at. If the hash is another one by now, it is what
    the password has to be verified against: a replaced password begins nothing anew, and one whose
    hash was renewed by a sign-in at the same moment does.

    The secret is new each time: one that was planted before is worth nothing (AS-102). The same
    person's session goes on; another's in this browser ends. From now on the browser is known.
    """
    account = admitted.person
    if account is None:
        return None
    former = session_user(connection, before.session.sha256()) if before.session else None
    hold_people(connection, account, *([former] if former else []))
    person = find_able(connection, account)
    kept = load_password(connection, account, lock=True)
    if person is None or kept is None:
        return None
    if kept != admitted.phc:
        return replace(admitted, phc=kept)
    audit = audit.by(account)
    if renewed is not None:
        renew_hash(connection, account, kept, renewed, audit)
    forgive_attempt(connection, admitted.attempt.limits, admitted.attempt.pair)
    secret, old = new_secret("dwk"), live_session(connection, context, before.session, audit.at)
    if old is not None and old.person.id == account:
        renew_session(connection, old.session.id, secret.sha256(), PASSWORD, audit)
    else:
        if old is not None:
            end_session(connection, old.session.id, "another person signed in", audit)
        fresh = Session(
            id=SessionId(new_id("s")),
            user=account,
            tenant=person.tenant,
            methods=PASSWORD,
            started_at=audit.at,
            authenticated_at=audit.at,
            seen_at=audit.at,
            source=audit.source,
            agent=agent[:MAX_AGENT_CHARACTERS],
        )
        start_session(connection, fresh, secret.sha256(), audit)
    return Begun(secret, remember(connection, account, before.known, audit.at))


def remember(connection: Connection, user: UserId, browser: Secret | None, now: Instant) -> Secret:
    """What the browser is known by from now on: as before, if it was known for anybody.

    One that nobody has signed in with was not made here, and is not taken (AS-102).
    """
    if browser is None or not is_known_browser(connection, browser.sha256(), now):
        browser = new_secret("dwn")
    record_known_browser(connection, user, browser.sha256(), now)
    return browser
