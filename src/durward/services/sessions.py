"""Sessions: whose browser this is, signing in, signing out."""

from dataclasses import dataclass

from sqlalchemy import Connection

from durward.core.audit.event import Kind, Trail
from durward.core.authn.session import Session
from durward.core.authn.throttle import limits
from durward.core.estate.user import User
from durward.core.values import Instant, Seconds, Secret, SessionId, TenantId, UserId, later
from durward.entropy import new_id, new_secret
from durward.services.context import Context
from durward.services.unrecorded import record_anonymous
from durward.store.people import count_attempt, forgive_attempt, load_password
from durward.store.sessions import (
    end_session,
    find_session,
    renew_session,
    start_session,
    touch_session,
)

TOUCH_AFTER = Seconds(60)
PASSWORD = ("pwd",)
MAX_AGENT_CHARACTERS = 200


@dataclass(frozen=True)
class Admitted:
    """The password may be verified, against this hash; None where there is no such account."""

    phc: str | None


@dataclass(frozen=True)
class TooSoon:
    """It is not looked at before this many seconds have passed."""

    wait: Seconds


def person(context: Context, user: str) -> User | None:
    """Somebody who may sign in: declared, and not disabled."""
    found = context.published.estate.users.get(user)
    return None if found is None or found.disabled else found


def current(
    connection: Connection, context: Context, secret: Secret | None, now: Instant
) -> Session | None:
    """The live session of a cookie."""
    session = find_session(connection, secret.sha256()) if secret else None
    return session if session and session.is_live(now, context.sessions) else None


def in_use(connection: Connection, session: Session, now: Instant) -> None:
    """Note that a session is used, not more often than needed."""
    if now >= later(session.seen_at, TOUCH_AFTER):
        touch_session(connection, session.id, now)


def admit(
    connection: Connection, context: Context, account: str, trail: Trail
) -> Admitted | TooSoon:
    """Count an attempt to sign in, before anything is verified (AS-96)."""
    wait = count_attempt(connection, limits("sign-in", account, trail.source), trail.at)
    if wait:
        _refuse(connection, context, account, "too many attempts", trail)
        return TooSoon(wait)
    known = person(context, account)
    return Admitted(load_password(connection, UserId(account)) if known else None)


def refuse(connection: Connection, context: Context, account: str, trail: Trail) -> None:
    """Record that the password was wrong, or the account unknown."""
    _refuse(connection, context, account, "wrong account or password", trail)


def _refuse(connection: Connection, context: Context, account: str, why: str, trail: Trail) -> None:
    # What was typed may be a password in the wrong field: only names that exist are recorded.
    target = f"users/{account}" if account in context.published.estate.users else "users/?"
    record_anonymous(connection, context, trail.event(Kind.SIGN_IN_REFUSED, target, reason=why))


def sign_in(
    connection: Connection,
    context: Context,
    account: str,
    verified: str | None,
    before: Secret | None,
    agent: str,
    trail: Trail,
) -> Secret | None:
    """Begin a session for somebody whose password fits the hash that was `verified`.

    None if they were disabled, or the password replaced, while it was looked at: that ends what
    the former one had begun, and begins nothing anew.

    The secret is new each time: one that was planted before is worth nothing (AS-102). The same
    person's session goes on; another's in this browser ends.
    """
    user = person(context, account)
    kept = load_password(connection, UserId(account), lock=True)
    if user is None or kept is None or kept != verified:
        return None
    trail = trail.by(account)
    against = limits("sign-in", account, trail.source)
    forgive_attempt(connection, against, f"sign-in:pair:{account}:{trail.source}")
    secret, old = new_secret("dwk"), current(connection, context, before, trail.at)
    if old is not None and old.user == account:
        renew_session(connection, old.id, secret.sha256(), PASSWORD, trail)
    else:
        if old is not None:
            end_session(connection, old.id, "another person signed in", trail)
        fresh = Session(
            id=SessionId(new_id("s")),
            user=UserId(account),
            tenant=TenantId(user.tenant),
            methods=PASSWORD,
            started_at=trail.at,
            authenticated_at=trail.at,
            seen_at=trail.at,
            source=trail.source,
            agent=agent[:MAX_AGENT_CHARACTERS],
        )
        start_session(connection, fresh, secret.sha256(), trail)
    return secret
