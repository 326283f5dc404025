"""Authorization: from a client's request over sign-in and consent to the redirect."""

from dataclasses import dataclass, replace
from typing import TypeAlias

import msgspec
from sqlalchemy import Connection

from durward.core.audit.event import Kind, Trail
from durward.core.authn.session import Session
from durward.core.authn.source import counted_source
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.estate.client import Client
from durward.core.estate.user import User
from durward.core.oauth.authorize import (
    CODE_LIFETIME,
    INTERACTION_LIFETIME,
    Ask,
    AuthorizationRequest,
    Facts,
    Fail,
    Issue,
    Prompt,
    Reply,
    SignedIn,
    SignInRefused,
    Target,
    is_still_proven,
    next_step,
    read_request,
    read_target,
)
from durward.core.oauth.form import one, parse_form
from durward.core.oauth.grant import Grant
from durward.core.oauth.grants.authorization_code import Code
from durward.core.oauth.redirect import answer_uri
from durward.core.oauth.scopes import OFFLINE
from durward.core.oauth.standing import Ended
from durward.core.values import GrantId, Seconds, Secret, UserId, later
from durward.entropy import new_id, new_secret
from durward.services.context import Context
from durward.services.hints import read_hint
from durward.services.sessions import current, in_use, person
from durward.services.standing import standing_in
from durward.store.audit import record_event
from durward.store.grants import load_consent, record_consent, record_grant
from durward.store.interactions import (
    Interaction,
    find_interaction,
    finish_interaction,
    record_interaction,
    record_sign_in,
)

ENDED = ProtocolError(
    ErrorCode.INVALID_REQUEST, "this sign-in is over, or belongs to another browser"
)


@dataclass(frozen=True)
class Waits:
    """A person has to answer at the interaction's page."""

    interaction: str


@dataclass(frozen=True)
class Question:
    """What the page asks; `request` and `client` are None where nobody asked but the person."""

    interaction: str
    prompt: Prompt
    reasons: tuple[str, ...]
    request: AuthorizationRequest | None = None
    client: Client | None = None
    person: UserId | None = None
    user: User | None = None
    """Who is asked for consent."""
    lasts: Seconds = Seconds(0)
    """How long the client has access once it is allowed, at the latest."""
    with_session: bool = False
    """Whether it ends with the session before that."""

    @property
    def client_name(self) -> str:
        """What people call the client."""
        if self.client is None or self.request is None:
            return ""
        return self.client.name or self.request.target.client


@dataclass(frozen=True)
class Redirect:
    """The answer goes to the client."""

    uri: str


@dataclass(frozen=True)
class AtHome:
    """The person is signed in, and nobody else waits for it."""


@dataclass(frozen=True)
class Broken:
    """Nobody can be told but the person who sits there."""

    error: ProtocolError


Outcome: TypeAlias = Waits | Question | Redirect | AtHome | Broken


def begin(
    connection: Connection,
    context: Context,
    form: bytes,
    browser: Secret,
    session: Secret | None,
    trail: Trail,
) -> Outcome:
    """Take a client's request; keep it where a person has to answer first."""
    estate = context.published.estate
    try:
        parameters = parse_form(form)
        target = read_target(parameters, estate.clients)
    except ProtocolError as error:
        return Broken(error)
    client = estate.clients[target.client]
    try:
        hint = one(parameters, "id_token_hint")
        subject = None if hint is None else read_hint(connection, context, hint).subject
        request = read_request(parameters, target, client, estate.apis, subject)
    except ProtocolError as error:
        return _told(context, target, error)
    facts = _facts(connection, context, request, client, session, trail)
    step = next_step(facts, None, trail.at)
    if isinstance(step, Ask):
        return Waits(_keep(connection, msgspec.json.encode(request), browser, trail))
    return _finish(connection, context, facts, step, trail)


def begin_at_home(connection: Connection, _: Context, browser: Secret, trail: Trail) -> Waits:
    """A person signs in for the issuer's own pages."""
    return Waits(_keep(connection, b"", browser, trail))


def proceed(
    connection: Connection,
    context: Context,
    id: str,
    browser: Secret | None,
    session: Secret | None,
    reply: Reply | None,
    trail: Trail,
) -> Outcome:
    """What happens now with a request that waits; every reply leads here."""
    kept = find_interaction(connection, id, trail.at, lock=True)
    if kept is None or browser is None or kept.browser != browser.sha256():
        return Broken(ENDED)
    if not kept.request:
        return _at_home(connection, context, kept, session, reply, trail)
    if isinstance(reply, SignedIn) and (begun := current(connection, context, session, trail.at)):
        record_sign_in(connection, kept.id, begun.id)
        kept = replace(kept, session=begun.id)
    request = msgspec.json.decode(kept.request, type=AuthorizationRequest)
    client = context.published.estate.clients.get(request.target.client)
    if client is None or not is_still_proven(request.target, client):
        return Broken(ENDED)
    facts = _facts(connection, context, request, client, session, trail, kept)
    step = next_step(facts, reply, trail.at)
    if isinstance(step, Ask):
        person = facts.session.user if facts.session else None
        asked = (kept.id, step.prompt, step.reasons, request, client, person, facts.user)
        return Question(*asked, *_reach(context, request, client))
    finish_interaction(connection, kept.id)
    return _finish(connection, context, facts, step, trail)


def _reach(context: Context, request: AuthorizationRequest, client: Client) -> tuple[Seconds, bool]:
    """How long access lasts, and whether it ends with the session (OIDC Core §11)."""
    with_session = OFFLINE not in request.scopes
    if "refresh_token" not in client.grants:
        return context.tokens.access_lifetime, with_session
    longest = context.refresh.lifetime
    return min(longest, context.sessions.absolute) if with_session else longest, with_session


def _at_home(
    connection: Connection,
    context: Context,
    kept: Interaction,
    session: Secret | None,
    reply: Reply | None,
    trail: Trail,
) -> Outcome:
    if isinstance(reply, SignInRefused) or not current(connection, context, session, trail.at):
        return Question(kept.id, Prompt.LOGIN, ("no-session",))
    finish_interaction(connection, kept.id)
    return AtHome()


def _keep(connection: Connection, request: bytes, browser: Secret, trail: Trail) -> str:
    until = later(trail.at, INTERACTION_LIFETIME)
    source = counted_source(trail.source)
    kept = Interaction(new_id("i"), browser.sha256(), request, trail.at, until, source)
    record_interaction(connection, kept)
    return kept.id


def _facts(
    connection: Connection,
    context: Context,
    request: AuthorizationRequest,
    client: Client,
    secret: Secret | None,
    trail: Trail,
    kept: Interaction | None = None,
) -> Facts:
    session = current(connection, context, secret, trail.at)
    user = person(context, session.user) if session else None
    consented: frozenset[str] | None = None
    if session:
        in_use(connection, session, trail.at)
        by = request.target.client
        consented = load_consent(connection, session.user, by, request.audience)
    fresh = session is not None and kept is not None and kept.session == session.id
    return Facts(request, client, session, fresh, user, consented)


def _finish(
    connection: Connection, context: Context, facts: Facts, step: Fail | Issue, trail: Trail
) -> Redirect:
    target = facts.request.target
    if isinstance(step, Fail):
        if step.error.code is ErrorCode.ACCESS_DENIED and facts.session:
            refusal = trail.by(facts.session.user).event(
                Kind.CONSENT_REFUSED, f"clients/{target.client}"
            )
            record_event(connection, refusal)
        return _told(context, target, step.error)
    trail = trail.by(step.session.user)
    grant = _grant(facts.request, step.session, trail)
    agreed = facts.consented if step.consented is None else step.consented
    kept = standing_in(context.published.estate, grant, agreed)
    if isinstance(kept, Ended):
        public = "what was asked for cannot be given any more"
        error = ProtocolError(ErrorCode.ACCESS_DENIED, public, private=kept.reason)
        return _told(context, target, error)
    if step.consented is not None:
        record_consent(
            connection,
            step.session.user,
            target.client,
            facts.request.audience,
            step.consented,
            trail,
        )
    code = _issue(connection, facts.request, replace(grant, scopes=kept.scopes), trail)
    answer = {"code": code.reveal(), "state": target.state}
    return Redirect(answer_uri(target.redirect_uri, answer, context.issuer))


def _grant(request: AuthorizationRequest, session: Session, trail: Trail) -> Grant:
    """All that was asked for, by the person who signed in."""
    return Grant(
        id=GrantId(new_id("g")),
        user=session.user,
        client=request.target.client,
        tenant=session.tenant,
        audience=request.audience,
        scopes=request.scopes,
        session=session.id,
        methods=session.methods,
        authenticated_at=session.authenticated_at,
        nonce=request.nonce,
        created_at=trail.at,
    )


def _issue(
    connection: Connection, request: AuthorizationRequest, grant: Grant, trail: Trail
) -> Secret:
    """Keep the grant, and the code that opens it once, for a minute (AS-17)."""
    target, secret = request.target, new_secret("dwc")
    expires = later(trail.at, CODE_LIFETIME)
    code = Code(grant.id, target.client, target.redirect_uri, request.challenge, expires)
    record_grant(connection, grant, code, secret.sha256(), trail)
    return secret


def _told(context: Context, target: Target, error: ProtocolError) -> Redirect:
    """An error for the client (OAuth 2.1 draft-15 §4.1.2.1), with `iss` (AS-11)."""
    answer = {
        "error": error.code.value,
        "error_description": error.public,
        "state": target.state,
    }
    return Redirect(answer_uri(target.redirect_uri, answer, context.issuer))
