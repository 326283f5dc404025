"""RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0; AS-83)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.authn.session import Session
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth.form import one, parse_form
from durward.core.oauth.id_token import Hint
from durward.core.oauth.redirect import answer_to
from durward.core.values import Instant, Secret
from durward.services.context import Context
from durward.services.hints import read_hint
from durward.services.sessions import live_session
from durward.store.sessions import end_session, load_session


@dataclass(frozen=True)
class SignedOut:
    """Nobody is signed in any more; `uri` is where the client wants the browser to go."""

    uri: str | None


@dataclass(frozen=True)
class MustConfirm:
    """Whether the person wants this is not proven: ask."""

    names_another: bool
    """Whether the application names another session of this person, which would end too."""


@dataclass(frozen=True)
class StillOpen:
    """Nothing was ended: nobody is signed in here, and the session that was named goes on.

    Whoever holds an ID token is not yet its person, so they have to sign in first (§2, §6).
    """


@dataclass(frozen=True)
class Wrong:
    """The request is wrong; nobody was signed out."""

    error: ProtocolError


Outcome: TypeAlias = SignedOut | MustConfirm | StillOpen | Wrong


def sign_out(
    connection: Connection,
    context: Context,
    form: bytes,
    secret: Secret | None,
    *,
    confirmed: bool,
    audit: AuditContext,
) -> Outcome:
    """End the session, if its ID token proves that its client asks, or the person confirmed.

    The ID token of another session proves nothing here (§2). If that is one of the same person,
    and they confirm, both end; anybody else's goes on.
    """
    try:
        parameters = parse_form(form)
        hint = _hint(connection, context, parameters)
        uri = _destination(context, parameters, hint)
    except ProtocolError as error:
        return Wrong(error)
    here = live_session(connection, context, secret, audit.at)
    session = here.session if here else None
    named = _named(connection, context, hint, audit.at)
    if session is None:
        return SignedOut(uri) if named is None else StillOpen()
    is_this = named is not None and named.id == session.id
    own = [session] if is_this or named is None or named.user != session.user else [session, named]
    if not (confirmed or is_this):
        return MustConfirm(names_another=len(own) > 1)
    for ended in own:
        end_session(connection, ended.id, "signed out", audit.by(session.user))
    return SignedOut(uri)


def _named(
    connection: Connection, context: Context, hint: Hint | None, now: Instant
) -> Session | None:
    """The session in which an ID token was issued, if it is live."""
    found = load_session(connection, hint.session) if hint and hint.session else None
    return found if found and found.is_live(now, context.sessions) else None


def _hint(
    connection: Connection, context: Context, parameters: Mapping[str, tuple[str, ...]]
) -> Hint | None:
    token = one(parameters, "id_token_hint")
    if token is None:
        return None
    hint = read_hint(connection, context, token)
    if one(parameters, "client_id") not in {None, hint.client}:
        public = "`client_id` is another client than the ID token was issued to"
        raise ProtocolError(ErrorCode.INVALID_REQUEST, public)
    return hint


def _destination(
    context: Context, parameters: Mapping[str, tuple[str, ...]], hint: Hint | None
) -> str | None:
    """Where to go: an address that the client has registered, to the character."""
    wanted = one(parameters, "post_logout_redirect_uri")
    if wanted is None:
        return None
    named = hint.client if hint else one(parameters, "client_id")
    client = context.published.configuration.clients.get(named or "")
    if client is None or wanted not in client.post_logout_redirect_uris:
        public = "the application asked to go on at an address that it is not registered with"
        raise ProtocolError(ErrorCode.INVALID_REQUEST, public, private=wanted[:300])
    return answer_to(wanted, {"state": one(parameters, "state")})
