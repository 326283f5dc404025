"""Token revocation (RFC 7009): a client revokes a token that it got."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.jose.jws import verify
from durward.core.jose.jwt import MAX_CLAIMS_BYTES
from durward.core.oauth.claims import ACCESS_TOKEN_TYPE
from durward.core.oauth.form import parse_form, required
from durward.core.values import ClientId, GrantId, Secret
from durward.core.wire import Json, parse_json
from durward.services.client_authentication import ClientRequest, authenticate, record_refusal
from durward.services.context import Context
from durward.services.keyring import ACCESS
from durward.store.grants import end_grant, hold_grant
from durward.store.refresh import find_refresh, hold_refresh


@dataclass(frozen=True)
class Revoked:
    """Done, or nothing to do: both get the same response (RFC 7009 §2.2)."""

    error: ProtocolError | None = None
    client: ClientId | None = None
    """The client that an error is about, where it is a declared one."""


def revoke(
    connection: Connection, context: Context, request: ClientRequest, audit: AuditContext
) -> Revoked:
    """End the grant of a token. A token of another client is left unchanged."""
    client: ClientId | None = None
    try:
        form = parse_form(request.body)
        client, _ = authenticate(connection, context, request.authorization, form, audit)
        token = required(form, "token")
        grant = _grant_of_refresh(connection, token, client) or _grant_of_access(
            context, token, client, audit
        )
    except ProtocolError as error:
        if error.code is ErrorCode.INVALID_CLIENT:  # secrets can be guessed here too
            record_refusal(connection, context, None, error, audit, proven=False)
        return Revoked(error, client)
    if grant:
        hold_grant(connection, grant)
        end_grant(connection, grant, "revoked by its client", audit.by(client))
    return Revoked()


def _grant_of_refresh(connection: Connection, token: str, client: ClientId) -> GrantId | None:
    hold_refresh(connection, Secret(token).sha256())
    found = find_refresh(connection, Secret(token).sha256())
    return found[0].grant if found and found[0].client == client else None


def _grant_of_access(
    context: Context, token: str, client: ClientId, audit: AuditContext
) -> GrantId | None:
    claims = _claims(context, token, audit)
    if claims.get("client_id") != client:
        return None
    grant = claims.get("grant")
    if isinstance(grant, str):
        return GrantId(grant)
    # A service's own token has no grant: it lives for minutes (RFC 7009 §2.2.1).
    code = ErrorCode.UNSUPPORTED_TOKEN_TYPE
    raise ProtocolError(code, "a token that a client got for itself cannot be revoked")


def _claims(context: Context, token: str, audit: AuditContext) -> Mapping[str, Json]:
    """The claims of our access token, even an expired one; empty for any other token."""
    try:
        verified = verify(token, context.keys(ACCESS, audit.at), ("ES256",))
        claims = parse_json(verified.payload, limit_bytes=MAX_CLAIMS_BYTES)
    except ProtocolError:
        return {}
    genuine = verified.header.get("typ") == ACCESS_TOKEN_TYPE and isinstance(claims, dict)
    return claims if genuine and isinstance(claims, dict) else {}
