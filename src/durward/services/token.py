"""The token endpoint: a client proves itself, a grant decides, a token is signed and recorded."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from durward.core.audit.event import AuditEvent, Kind, Trail
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.estate import Client
from durward.core.jose.jwk import KeySet
from durward.core.oauth.claims import ACCESS_TOKEN_TYPE, TokenGrant, TokenPolicy, access_claims
from durward.core.oauth.client_auth import (
    AssertionProof,
    NoProof,
    Proof,
    SecretProof,
    read_proof,
    refused,
    secret_matches,
    verify_assertion,
)
from durward.core.oauth.form import parse_form, required
from durward.core.oauth.grants import client_credentials
from durward.core.oauth.metadata import TOKEN_PATH
from durward.core.values import ClientId
from durward.core.wire import JsonLike
from durward.entropy import new_id
from durward.keys.signing import Signer
from durward.services.publish import Published
from durward.store.audit import record_event
from durward.store.clients import consume_assertion, load_secrets


@dataclass(frozen=True)
class TokenRequest:
    """What arrived at the endpoint."""

    authorization: str | None
    body: bytes
    source: str


@dataclass(frozen=True)
class TokenAnswer:
    """What is answered: a token, or the error that the client is told; both are recorded."""

    body: Mapping[str, JsonLike] | None
    error: ProtocolError | None = None


def exchange(
    connection: Connection,
    request: TokenRequest,
    published: Published,
    signer: Signer,
    issuer: str,
    policy: TokenPolicy,
    trail: Trail,
) -> TokenAnswer:
    """Answer one request; a refusal is a value, so that its event is committed too."""
    client: ClientId | None = None
    try:
        form = parse_form(request.body)
        kind = required(form, "grant_type")
        proof = read_proof(request.authorization, form)
        client, registered = authenticate(connection, proof, published, issuer, trail)
        grant = decide(kind, client, registered, form, published)
    except ProtocolError as error:
        _record_refusal(connection, client, error, request, trail)
        return TokenAnswer(None, error)
    jti = new_id("t")
    token = signer.token(
        ACCESS_TOKEN_TYPE, access_claims(grant, issuer, jti, trail.at, policy), signer.kid
    )
    _record_token(connection, grant, jti, request, trail)
    answer: dict[str, JsonLike] = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": policy.access_lifetime,
    }
    # RFC 6749 §5.1: told where it may differ from what was asked for.
    return TokenAnswer(answer | ({"scope": " ".join(grant.scopes)} if grant.scopes else {}))


def authenticate(
    connection: Connection, proof: Proof, published: Published, issuer: str, trail: Trail
) -> tuple[ClientId, Client]:
    """The client that proved itself by the one method it is registered with.

    Raises ProtocolError `invalid_client`.
    """
    match proof:
        case SecretProof(client, _, method):
            registered = _registered(published, client, method)
            if not secret_matches(proof, load_secrets(connection, client)):
                raise refused(f"the secret of `{client}` is wrong")
        case AssertionProof():
            client = proof.client
            registered = _registered(published, client, "private_key_jwt")
            keys = KeySet.parse(dict(registered.jwks or {"keys": []}))
            audiences = (issuer, issuer + TOKEN_PATH)
            once = verify_assertion(proof, client, keys, audiences, trail.at)
            if not consume_assertion(connection, client, once.jti, once.expires_at, trail.at):
                raise refused("the assertion was used before")
        case NoProof(client):
            registered = _registered(published, client, "none")
    return client, registered


def decide(
    kind: str,
    client: ClientId,
    registered: Client,
    form: Mapping[str, tuple[str, ...]],
    published: Published,
) -> TokenGrant:
    """What the grant of that type gives. Raises ProtocolError."""
    match kind:
        case "client_credentials":
            return client_credentials.grant(client, registered, form, published.estate.apis)
        case _:
            raise ProtocolError(ErrorCode.UNSUPPORTED_GRANT_TYPE, "the grant type is not supported")


def _registered(published: Published, client: ClientId, method: str) -> Client:
    found = published.estate.clients.get(client)
    if found is None:
        raise refused(f"unknown client `{client}`")
    if found.disabled:
        raise refused(f"the client `{client}` is disabled")
    if found.authentication != method:
        raise refused(f"`{client}` is registered for {found.authentication}, not {method}")
    return found


def _record_refusal(
    connection: Connection,
    client: ClientId | None,
    error: ProtocolError,
    request: TokenRequest,
    trail: Trail,
) -> None:
    facts = {
        "error": error.code.value,
        "public": error.public,
        "private": error.private[:500],
        "source": request.source,
    }
    target = f"clients/{client}" if client else "clients/?"
    event = AuditEvent(new_id("e"), trail.at, Kind.TOKEN_REFUSED, trail.actor, target, facts=facts)
    record_event(connection, event)


def _record_token(
    connection: Connection, grant: TokenGrant, jti: str, request: TokenRequest, trail: Trail
) -> None:
    facts = {
        "jti": jti,
        "audience": grant.audience,
        "scopes": list(grant.scopes),
        "subject": grant.subject,
        "source": request.source,
    }
    record_event(
        connection,
        AuditEvent(
            new_id("e"),
            trail.at,
            Kind.TOKEN_ISSUED,
            grant.client,
            f"clients/{grant.client}",
            grant.tenant,
            facts,
        ),
    )
