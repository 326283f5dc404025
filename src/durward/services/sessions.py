"""Sessions: whose browser this is, signing in, signing out."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext, EventKind
from durward.core.authn.session import Session
from durward.core.authn.throttle import Attempt, attempt_at_known_browser, attempt_from
from durward.core.configuration.user import User
from durward.core.values import Instant, Seconds, Secret, SessionId, TenantId, UserId, later
from durward.entropy import new_id, new_secret
from durward.services.context import Context
from durward.services.passwords import decoy
from durward.services.unrecorded import record_anonymous
from durward.store.holds import hold_people
from durward.store.known_browsers import is_known_browser, record_known_browser
from durward.store.people import (
    count_attempt,
    forgive_attempt,
    load_password,
    renew_hash,
    uncount_attempt,
)
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
MAX_AGENT_CHARACTERS = 200


@dataclass(frozen=True)
class Admitted:
    """The password may be verified, against this hash."""

    phc: str
    exists: bool
    """Whether it is the account's own hash; where there is none a decoy takes as long (AS-95)."""
    known: bool
    """Whether the account has signed in at this browser before."""
    attempt: Attempt
    """What was counted."""


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


def person(context: Context, user: str) -> User | None:
    """Somebody who may sign in: declared, and not disabled."""
    found = context.published.configuration.users.get(user)
    return None if found is None or found.disabled else found


def current(
    connection: Connection, context: Context, secret: Secret | None, now: Instant
) -> Session | None:
    """The live session of a cookie; one of a tenant that its person left is none (AS-104).

    Its person is held from now on: it stays so until this use case ends.
    """
    session = hold_session(connection, secret.sha256()) if secret else None
    if session is None or not session.is_live(now, context.sessions):
        return None
    user = context.published.configuration.users.get(session.user)
    return session if user is None or user.tenant == session.tenant else None


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
    exists = person(context, account) is not None
    known = _known_for(connection, UserId(account), browser, audit.at) if exists else None
    attempt = _attempt(context, account, known, audit)
    wait = count_attempt(connection, attempt.limits, audit.at)
    if wait:
        _refuse(connection, context, account, "too many attempts", audit)
        return TooSoon(wait)
    phc = load_password(connection, UserId(account)) if exists else None
    return Admitted(phc or decoy(context, account), phc is not None, known is not None, attempt)


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


def refuse(connection: Connection, context: Context, account: str, audit: AuditContext) -> None:
    """Record that the password was wrong, or the account unknown."""
    _refuse(connection, context, account, "wrong account or password", audit)


def _refuse(
    connection: Connection, context: Context, account: str, why: str, audit: AuditContext
) -> None:
    # What was typed may be a password in the wrong field: only names that exist are recorded.
    target = f"users/{account}" if account in context.published.configuration.users else "users/?"
    record_anonymous(
        connection, context, audit.event(EventKind.SIGN_IN_REFUSED, target, reason=why)
    )


def sign_in(
    connection: Connection,
    context: Context,
    account: str,
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
    user = person(context, account)
    former = session_user(connection, before.session.sha256()) if before.session else None
    hold_people(connection, account, *([former] if former else []))
    kept = load_password(connection, UserId(account), lock=True)
    if user is None or kept is None:
        return None
    if kept != admitted.phc:
        return replace(admitted, phc=kept)
    audit = audit.by(account)
    if renewed is not None:
        renew_hash(connection, UserId(account), kept, renewed, audit)
    forgive_attempt(connection, admitted.attempt.limits, admitted.attempt.pair)
    secret, old = new_secret("dwk"), current(connection, context, before.session, audit.at)
    if old is not None and old.user == account:
        renew_session(connection, old.id, secret.sha256(), PASSWORD, audit)
    else:
        if old is not None:
            end_session(connection, old.id, "another person signed in", audit)
        fresh = Session(
            id=SessionId(new_id("s")),
            user=UserId(account),
            tenant=TenantId(user.tenant),
            methods=PASSWORD,
            started_at=audit.at,
            authenticated_at=audit.at,
            seen_at=audit.at,
            source=audit.source,
            agent=agent[:MAX_AGENT_CHARACTERS],
        )
        start_session(connection, fresh, secret.sha256(), audit)
    return Begun(secret, _remember(connection, UserId(account), before.known, audit.at))


def _remember(connection: Connection, user: UserId, browser: Secret | None, now: Instant) -> Secret:
    """What the browser is known by from now on: as before, if it was known for anybody.

    One that nobody has signed in with was not made here, and is not taken (AS-102).
    """
    if browser is None or not is_known_browser(connection, browser.sha256(), now):
        browser = new_secret("dwn")
    record_known_browser(connection, user, browser.sha256(), now)
    return browser
