"""RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0; AS-83)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection

from durward.core.audit.event import Trail
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth.form import one, parse_form
from durward.core.oauth.id_token import Hint, verify_hint
from durward.core.oauth.redirect import answer_to
from durward.core.values import Secret
from durward.services.context import Context
from durward.services.keyring import IDENTITY
from durward.services.sessions import current
from durward.store.sessions import end_session


@dataclass(frozen=True)
class SignedOut:
    """Nobody is signed in any more; `uri` is where the client wants the browser to go."""

    uri: str | None


@dataclass(frozen=True)
class MustConfirm:
    """Whether the person wants this is not proven: ask."""


@dataclass(frozen=True)
class Wrong:
    """The request is wrong; nobody was signed out."""

    error: ProtocolError


Outcome: TypeAlias = SignedOut | MustConfirm | Wrong


def sign_out(
    connection: Connection,
    context: Context,
    form: bytes,
    secret: Secret | None,
    *,
    confirmed: bool,
    trail: Trail,
) -> Outcome:
    """End the session, if its ID token proves that its client asks, or the person confirmed."""
    try:
        parameters = parse_form(form)
        hint = _hint(context, parameters, trail)
        uri = _destination(context, parameters, hint)
    except ProtocolError as error:
        return Wrong(error)
    session = current(connection, context, secret, trail.at)
    if session is None:
        return SignedOut(uri)
    if not confirmed and (hint is None or hint.session != session.id):
        return MustConfirm()
    end_session(connection, session.id, "signed out", trail.by(session.user))
    return SignedOut(uri)


def _hint(context: Context, parameters: Mapping[str, tuple[str, ...]], trail: Trail) -> Hint | None:
    token = one(parameters, "id_token_hint")
    if token is None:
        return None
    hint = verify_hint(token, context.keys(IDENTITY, trail.at), context.issuer)
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
    client = context.published.estate.clients.get(named or "")
    if client is None or wanted not in client.post_logout_redirect_uris:
        public = "the application asked to go on at an address that it is not registered with"
        raise ProtocolError(ErrorCode.INVALID_REQUEST, public, private=wanted[:300])
    return answer_to(wanted, {"state": one(parameters, "state")})
