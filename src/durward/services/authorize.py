"""Authorization: from a client's request over sign-in and consent to the redirect."""

from dataclasses import dataclass, replace
from typing import TypeAlias

import msgspec
from sqlalchemy import Connection

from durward.core.audit.event import AuditContext, EventKind
from durward.core.authn.network_prefix import counted_source
from durward.core.authn.session import Session
from durward.core.configuration.client import Client
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth.authorize import (
    CODE_LIFETIME,
    INTERACTION_LIFETIME,
    Ask,
    AuthorizationRequest,
    Facts,
    Fail,
    Issue,
    Prompt,
    RedirectTarget,
    Reply,
    SignedIn,
    SignInRefused,
    is_still_proven,
    next_step,
    read_target,
)
from durward.core.oauth.form import parse_form
from durward.core.oauth.grant import Grant
from durward.core.oauth.grants.authorization_code import Code
from durward.core.oauth.pushed_request import invalid_request_uri
from durward.core.oauth.redirect import ClientAnswer, answer
from durward.core.oauth.requirements import check_binding
from durward.core.oauth.scopes import OFFLINE
from durward.core.oauth.standing import Ended
from durward.core.people.person import Person
from durward.core.values import ClientId, GrantId, Seconds, Secret, UserId, later
from durward.entropy import new_id, new_secret
from durward.services.authorization_requests import read_pushed, read_whole
from durward.services.context import Context
from durward.services.sessions import in_use, live_session
from durward.services.standing import standing_in
from durward.services.unrecorded import record_anonymous
from durward.store.audit import record_event
from durward.store.grants import load_consent, record_consent, record_grant
from durward.store.interactions import (
    Interaction,
    find_interaction,
    finish_interaction,
    record_interaction,
    record_sign_in,
)
from durward.store.pushed_requests import finish_pushed

ENDED = ProtocolError(
    ErrorCode.INVALID_REQUEST, "this sign-in is over, or belongs to another browser"
)


@dataclass(frozen=True)
class InteractionRequired:
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
    user: Person | None = None
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

    answer: ClientAnswer
    error: ProtocolError | None = None
    """The error that the answer is."""
    client: ClientId | None = None
    """The client that the error is about."""


@dataclass(frozen=True)
class LocalSignIn:
    """The person is signed in, and nobody else waits for it."""


@dataclass(frozen=True)
class ErrorPage:
    """Nobody can be told but the person who sits there."""

    error: ProtocolError


Outcome: TypeAlias = InteractionRequired | Question | Redirect | LocalSignIn | ErrorPage


def begin(
    connection: Connection,
    context: Context,
    form: bytes,
    browser: Secret,
    session: Secret | None,
    audit: AuditContext,
) -> Outcome:
    """Take a client's request; keep it where a person has to answer first."""
    configuration = context.published.configuration
    try:
        parameters = parse_form(form)
        request = read_pushed(connection, context, parameters, audit.at)
        target = request.target if request else read_target(parameters, configuration.clients)
    except ProtocolError as error:
        _record_refusal(connection, context, None, error, audit)
        return ErrorPage(error)
    client = configuration.clients[target.client]
    if request is None:
        try:
            context.requirements(target.client, client).check_direct()
            request = read_whole(connection, context, parameters, target, audit.at)
        except ProtocolError as error:
            return _refused(connection, context, target, error, audit)
    facts = _facts(connection, context, request, client, session, audit)
    step = next_step(facts, None, audit.at)
    if isinstance(step, Ask):
        return InteractionRequired(_keep(connection, msgspec.json.encode(request), browser, audit))
    return _finish(connection, context, facts, step, audit)


def begin_at_home(
    connection: Connection, _: Context, browser: Secret, audit: AuditContext
) -> InteractionRequired:
    """A person signs in for the issuer's own pages."""
    return InteractionRequired(_keep(connection, b"", browser, audit))


def proceed(
    connection: Connection,
    context: Context,
    id: str,
    browser: Secret | None,
    session: Secret | None,
    reply: Reply | None,
    audit: AuditContext,
) -> Outcome:
    """What happens now with a request that waits; every reply leads here."""
    kept = find_interaction(connection, id, audit.at, lock=True)
    if kept is None or browser is None or kept.browser != browser.sha256():
        return ErrorPage(ENDED)
    if not kept.request:
        return _at_home(connection, context, kept, session, reply, audit)
    if isinstance(reply, SignedIn) and (
        begun := live_session(connection, context, session, audit.at)
    ):
        record_sign_in(connection, kept.id, begun.session.id)
        kept = replace(kept, session=begun.session.id)
    request = msgspec.json.decode(kept.request, type=AuthorizationRequest)
    client = context.published.configuration.clients.get(request.target.client)
    if client is None or not is_still_proven(request.target, client):
        return ErrorPage(ENDED)
    facts = _facts(connection, context, request, client, session, audit, kept)
    step = next_step(facts, reply, audit.at)
    if isinstance(step, Ask):
        person = facts.session.user if facts.session else None
        asked = (kept.id, step.prompt, step.reasons, request, client, person, facts.user)
        return Question(*asked, *_reach(context, request, client))
    finish_interaction(connection, kept.id)
    return _finish(connection, context, facts, step, audit)


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
    audit: AuditContext,
) -> Outcome:
    if isinstance(reply, SignInRefused) or not live_session(connection, context, session, audit.at):
        return Question(kept.id, Prompt.LOGIN, ("no-session",))
    finish_interaction(connection, kept.id)
    return LocalSignIn()


def _keep(connection: Connection, request: bytes, browser: Secret, audit: AuditContext) -> str:
    until = later(audit.at, INTERACTION_LIFETIME)
    source = counted_source(audit.source)
    kept = Interaction(new_id("i"), browser.sha256(), request, audit.at, until, source)
    record_interaction(connection, kept)
    return kept.id


def _facts(
    connection: Connection,
    context: Context,
    request: AuthorizationRequest,
    client: Client,
    secret: Secret | None,
    audit: AuditContext,
    kept: Interaction | None = None,
) -> Facts:
    here = live_session(connection, context, secret, audit.at)
    session = here.session if here else None
    consented: frozenset[str] | None = None
    if session:
        in_use(connection, session, audit.at)
        by = request.target.client
        consented = load_consent(connection, session.user, by, request.audience)
    fresh = session is not None and kept is not None and kept.session == session.id
    return Facts(request, client, session, fresh, here.person if here else None, consented)


def _finish(
    connection: Connection, context: Context, facts: Facts, step: Fail | Issue, audit: AuditContext
) -> Redirect | ErrorPage:
    target, pushed = facts.request.target, facts.request.pushed
    if pushed is not None and not finish_pushed(connection, pushed):
        error = invalid_request_uri("completed before, at another page of the same request")
        _record_refusal(connection, context, target.client, error, audit)
        return ErrorPage(error)
    if isinstance(step, Fail):
        if step.error.code is ErrorCode.ACCESS_DENIED and facts.session:
            refusal = audit.by(facts.session.user).event(
                EventKind.CONSENT_REFUSED, f"clients/{target.client}"
            )
            record_event(connection, refusal)
            return _told(context, target, step.error)
        by = audit.by(facts.session.user) if facts.session else audit
        return _refused(connection, context, target, step.error, by)
    audit = audit.by(step.session.user)
    grant = _grant(facts.request, step.session, audit)
    agreed = facts.consented if step.consented is None else step.consented
    kept = standing_in(context.published.configuration, facts.user, grant, agreed)
    if isinstance(kept, Ended):
        public = "what was asked for cannot be given any more"
        error = ProtocolError(ErrorCode.ACCESS_DENIED, public, private=kept.reason)
        return _refused(connection, context, target, error, audit)
    try:  # what held at the request may have ended while the person answered
        demanded = context.requirements(target.client, facts.client)
        demanded.check_available()
        waiver = check_binding(facts.request.challenge, demanded, audit.at)
    except ProtocolError as error:
        return _refused(connection, context, target, error, audit)
    if step.consented is not None:
        record_consent(
            connection,
            step.session.user,
            target.client,
            facts.request.audience,
            step.consented,
            audit,
        )
    code = _issue(connection, facts.request, replace(grant, scopes=kept.scopes), waiver, audit)
    told = {"code": code.reveal(), "state": target.state}
    return Redirect(answer(target.redirect_uri, target.mode, told, context.issuer))


def _grant(request: AuthorizationRequest, session: Session, audit: AuditContext) -> Grant:
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
        created_at=audit.at,
    )


def _issue(
    connection: Connection,
    request: AuthorizationRequest,
    grant: Grant,
    waiver: str | None,
    audit: AuditContext,
) -> Secret:
    """Keep the grant, and the code that opens it once, for a minute (AS-17)."""
    target, secret = request.target, new_secret("dwc")
    expires = later(audit.at, CODE_LIFETIME)
    code = Code(grant.id, target.client, target.redirect_uri, request.challenge, expires)
    record_grant(connection, grant, code, secret.sha256(), audit, waiver=waiver)
    return secret


def _refused(
    connection: Connection,
    context: Context,
    target: RedirectTarget,
    error: ProtocolError,
    audit: AuditContext,
) -> Redirect:
    """An error for the client, which the log has too."""
    _record_refusal(connection, context, target.client, error, audit)
    return _told(context, target, error)


def _record_refusal(
    connection: Connection,
    context: Context,
    client: ClientId | None,
    error: ProtocolError,
    audit: AuditContext,
) -> None:
    """Anybody can send a browser here: an event of nobody, where there is room.

    It has the client's name once its redirect URI is proven.
    """
    event = audit.event(
        EventKind.AUTHORIZATION_REFUSED,
        f"clients/{client}" if client else "clients/?",
        **error.facts,
    )
    record_anonymous(connection, context, event)


def _told(context: Context, target: RedirectTarget, error: ProtocolError) -> Redirect:
    """An error for the client (OAuth 2.1 draft-15 §4.1.2.1), with `iss` (AS-11)."""
    told = {
        "error": error.code.value,
        "error_description": error.public,
        "state": target.state,
    }
    sent = answer(target.redirect_uri, target.mode, told, context.issuer)
    return Redirect(sent, error, target.client)
