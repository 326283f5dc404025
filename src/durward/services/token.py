"""The token endpoint: a client proves itself, a grant decides, tokens are signed and recorded.

A refusal is a value: what it changed, and its event, are committed like everything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext, EventKind
from durward.core.authzen.pdp_metadata import ACCESS_PATH
from durward.core.configuration.client import Client
from durward.core.errors import ProtocolError
from durward.core.oauth import id_token
from durward.core.oauth.claims import ACCESS_TOKEN_TYPE, TokenGrant, access_claims
from durward.core.oauth.form import one, parse_form, required
from durward.core.oauth.grant import Grant
from durward.core.oauth.grants import authorization_code, client_credentials, refresh_token
from durward.core.oauth.grants.refresh_token import (
    PREFIX,
    RefreshOutcome,
    narrowed,
    refresh_outcome,
    successor,
)
from durward.core.oauth.resource import is_for_issuer
from durward.core.oauth.scopes import IDENTITY_SCOPES, OPENID
from durward.core.oauth.standing import Ended, Keeps
from durward.core.values import ClientId, GrantId, Secret, later
from durward.core.wire import JsonLike
from durward.entropy import new_bytes, new_id, new_secret
from durward.services.client_authentication import (
    ClientRequest,
    authenticate,
    check_grant_type,
    record_refusal,
)
from durward.services.context import Context
from durward.services.keyring import ACCESS, IDENTITY
from durward.services.standing import standing_now
from durward.store.audit import record_event
from durward.store.grants import end_grant, find_code, find_grant, hold_grant, redeem_code
from durward.store.refresh import (
    Family,
    add_refresh,
    find_refresh,
    hold_refresh,
    spend_refresh,
    start_family,
)
from durward.store.sessions import load_session, touch_session

Form: TypeAlias = Mapping[str, tuple[str, ...]]
GRANT_TYPES = ("client_credentials", "authorization_code", "refresh_token")


@dataclass(frozen=True)
class TokenAnswer:
    """What is answered: tokens, or the error that the client is told; both are recorded."""

    body: Mapping[str, JsonLike] | None
    error: ProtocolError | None = None
    client: ClientId | None = None
    """The client that an error is about, where it is a declared one."""


@dataclass(frozen=True, slots=True)
class Alive:
    """A grant that did not end, and what is left of it."""

    grant: Grant
    kept: Keeps
    in_session: bool
    """Whether its session lives: without one only `offline_access` goes on."""


@dataclass(frozen=True, slots=True)
class FirstTokens:
    """What only the tokens of a code have (OIDC Core §12.2)."""

    nonce: str | None = None
    waiver: str | None = None


NOT_FIRST = FirstTokens()


def exchange(
    connection: Connection, context: Context, request: ClientRequest, audit: AuditContext
) -> TokenAnswer:
    """Answer one request."""
    client: ClientId | None = None
    proven = False
    try:
        form = parse_form(request.body)
        kind = required(form, "grant_type")
        client, registered = authenticate(connection, context, request.authorization, form, audit)
        audit = audit.by(client)
        proven = registered.authentication != "none"  # else anybody can say its name
        context.requirements(client, registered).check_available()
        check_grant_type(registered, kind, GRANT_TYPES)
        match kind:
            case "authorization_code":
                answer = _by_code(connection, context, client, registered, form, audit)
            case "refresh_token":
                answer = _by_refresh(connection, context, client, form, audit)
            case _:
                apis = context.published.configuration.apis
                decisions = context.issuer + ACCESS_PATH
                granted = client_credentials.grant(client, registered, form, apis, decisions)
                answer = _access(connection, context, granted, audit)
    except ProtocolError as error:
        record_refusal(connection, context, client, error, audit, proven=proven)
        return TokenAnswer(None, error, client)
    return TokenAnswer(answer)


def _by_code(
    connection: Connection,
    context: Context,
    client: ClientId,
    registered: Client,
    form: Form,
    audit: AuditContext,
) -> dict[str, JsonLike]:
    """Redeem a code, once; a second time ends its grant (AS-18, OAuth 2.1 draft-15 §4.1.3)."""
    code_hash = Secret(required(form, "code")).sha256()
    found = find_code(connection, code_hash)
    if found is None:
        raise authorization_code.invalid_code("unknown")
    code, redeemed_at = found
    if code.client != client:
        raise authorization_code.invalid_code(f"the code is `{code.client}`'s")
    hold_grant(connection, code.grant)
    if redeemed_at is not None:
        record_event(connection, audit.event(EventKind.CODE_REPLAYED, f"grants/{code.grant}"))
        end_grant(connection, code.grant, "its code was used twice", audit)
        raise authorization_code.invalid_code("used before")
    # Spent also where the rest is wrong: a second guess at the verifier there is not.
    redeem_code(connection, code_hash, audit.at)
    demanded = context.requirements(client, registered)
    waiver = authorization_code.check(code, registered, form, demanded, audit.at)
    left = _alive(connection, context, code.grant, audit)
    if isinstance(left, Ended):
        raise authorization_code.invalid_code(left.reason)
    grant, kept = left.grant, left.kept
    if waiver and OPENID not in kept.scopes:  # without an ID token `nonce` binds nothing
        raise authorization_code.invalid_code("`openid` was taken away, and there is no challenge")
    scopes, for_issuer = _narrowed_to_resource(context, grant, kept.scopes, form)
    first = FirstTokens(grant.nonce, waiver)
    answer = _tokens(connection, context, left, scopes, audit, for_issuer=for_issuer, first=first)
    if kept.renewable:
        answer["refresh_token"] = _new_family(connection, context, grant, audit).reveal()
    return answer


def _by_refresh(
    connection: Connection, context: Context, client: ClientId, form: Form, audit: AuditContext
) -> dict[str, JsonLike]:
    """Rotate a refresh token: of each there is one successor (AS-33, AS-34)."""
    presented = Secret(required(form, "refresh_token"))
    token_hash = presented.sha256()
    hold_refresh(connection, token_hash)
    found = find_refresh(connection, token_hash)
    if found is None:
        raise refresh_token.invalid_refresh_token("unknown, or its family has ended")
    family, known = found
    if family.client != client:
        raise refresh_token.invalid_refresh_token(f"the token is `{family.client}`'s")
    key = context.key_file.unseal(family.key, _place(family.grant))
    following = successor(key, presented)
    if known.spent_at is not None:
        after = find_refresh(connection, following.sha256())
        known = replace(known, succeeded=after is not None and after[1].spent_at is not None)
    taken = refresh_outcome(known, audit.at)
    match taken:
        case RefreshOutcome.EXPIRED:
            raise refresh_token.invalid_refresh_token("expired")
        case RefreshOutcome.REUSE:
            record_event(
                connection, audit.event(EventKind.REFRESH_REUSED, f"grants/{family.grant}")
            )
            end_grant(connection, family.grant, "a refresh token was used again", audit)
            raise refresh_token.invalid_refresh_token("used before")
        case RefreshOutcome.ROTATE | RefreshOutcome.REPEAT:
            left = _alive(connection, context, family.grant, audit)
    if isinstance(left, Ended):
        raise refresh_token.invalid_refresh_token(left.reason)
    grant, kept = left.grant, left.kept
    if not kept.renewable:
        raise refresh_token.invalid_refresh_token("the client may not have refresh tokens any more")
    scopes = narrowed((*grant.scopes, *grant.lost), kept.scopes, one(form, "scope"))
    scopes, for_issuer = _narrowed_to_resource(context, grant, scopes, form)
    if taken is RefreshOutcome.ROTATE:
        spend_refresh(connection, token_hash, audit.at)
        add_refresh(connection, grant.id, following.sha256(), audit.at)
    answer = _tokens(connection, context, left, scopes, audit, for_issuer=for_issuer)
    answer["refresh_token"] = following.reveal()
    return answer


def _alive(
    connection: Connection,
    context: Context,
    id: GrantId,
    audit: AuditContext,
) -> Alive | Ended:
    """A grant on which something may be issued now: it is read once, and so is its session."""
    grant = find_grant(connection, id)
    if grant is None or grant.ended_at is not None:
        return Ended("the grant has ended")
    kept = standing_now(connection, context.published.configuration, grant)
    if isinstance(kept, Ended):
        return kept
    session = load_session(connection, grant.session)
    in_session = session is not None and session.is_live(audit.at, context.sessions)
    if not kept.outlives_session:
        if not in_session:
            return Ended("its session is over")
        touch_session(connection, grant.session, audit.at)
    return Alive(grant, kept, in_session)


def _narrowed_to_resource(
    context: Context, grant: Grant, scopes: tuple[str, ...], form: Form
) -> tuple[tuple[str, ...], bool]:
    """The scopes of a token, and whether it is for the issuer alone (RFC 8707 §2.2)."""
    wanted = form.get("resource", ())
    if not is_for_issuer(grant.audience, context.issuer, scopes, wanted):
        return scopes, False
    return tuple(scope for scope in scopes if scope in IDENTITY_SCOPES), True


def _new_family(
    connection: Connection, context: Context, grant: Grant, audit: AuditContext
) -> Secret:
    key, first = new_bytes(), new_secret(PREFIX)
    family = Family(
        grant=grant.id,
        client=grant.client,
        key=context.key_file.seal(key, _place(grant.id)),
        expires_at=later(audit.at, context.refresh.lifetime),
    )
    start_family(connection, family, first.sha256(), audit.at)
    return first


def _place(grant: GrantId) -> str:
    """What an envelope of a family's key belongs to."""
    return f"refresh_families/key/{grant}"


def _tokens(
    connection: Connection,
    context: Context,
    alive: Alive,
    scopes: tuple[str, ...],
    audit: AuditContext,
    *,
    for_issuer: bool,
    first: FirstTokens = NOT_FIRST,
) -> dict[str, JsonLike]:
    """An access token of a person's grant, with what is left of it, and an ID token."""
    granted = alive.grant.token_grant(
        *(context.issuer, scopes, alive.kept.claims),
        in_session=alive.in_session,
        for_issuer=for_issuer,
    )
    answer = _access(connection, context, granted, audit, first.waiver)
    if OPENID in scopes:
        signer = context.signer(IDENTITY)
        access = str(answer["access_token"])
        claims = id_token.id_claims(granted, context.issuer, access, first.nonce, audit.at)
        answer["id_token"] = signer.token(id_token.TYPE, claims, signer.kid)
    return answer


def _access(
    connection: Connection,
    context: Context,
    granted: TokenGrant,
    audit: AuditContext,
    waiver: str | None = None,
) -> dict[str, JsonLike]:
    signer, jti = context.signer(ACCESS), new_id("t")
    claims = access_claims(granted, context.issuer, jti, audit.at, context.tokens)
    event = audit.event(
        EventKind.TOKEN_ISSUED,
        f"clients/{granted.client}",
        tenant=granted.tenant,
        jti=jti,
        audience=list(granted.audiences),
        scopes=list(granted.scopes),
        subject=granted.subject,
        grant=granted.grant,
        **({"waiver": waiver} if waiver else {}),
    )
    record_event(connection, event)
    answer: dict[str, JsonLike] = {
        "access_token": signer.token(ACCESS_TOKEN_TYPE, claims, signer.kid),
        "token_type": "Bearer",
        "expires_in": context.tokens.access_lifetime,
    }
    # RFC 6749 §5.1: told where it may differ from what was asked for.
    return answer | ({"scope": " ".join(granted.scopes)} if granted.scopes else {})
