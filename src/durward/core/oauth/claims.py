"""The claims of an access token (RFC 9068 §2.2), with no more about a person than APIs need."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from durward.core.values import (
    ClientId,
    GrantId,
    Instant,
    Seconds,
    SessionId,
    TenantId,
    numeric_date,
)
from durward.core.wire import JsonLike

ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type
POLICIES: Final = "policies"
BOUNDARY: Final = "boundary"
"""The claims that name what is a person's own; edges attach the documents (ADR 24)."""


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """The lifetimes of tokens."""

    access_lifetime: Seconds = Seconds(300)


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """The content of a token: subject, client, scopes, audiences."""

    subject: str
    client: ClientId
    tenant: TenantId
    audiences: tuple[str, ...]
    scopes: tuple[str, ...]
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    boundary: tuple[str, ...] = ()
    session: SessionId | None = None
    grant: GrantId | None = None
    auth_time: Instant | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()


def access_claims(
    grant: TokenGrant, issuer: str, jti: str, now: Instant, policy: TokenPolicy
) -> Mapping[str, JsonLike]:
    """The claims of an access token; a claim without a value is left out."""
    issued = numeric_date(now)
    claims: dict[str, JsonLike] = {
        "iss": issuer,
        "sub": grant.subject,
        "aud": grant.audiences[0] if len(grant.audiences) == 1 else grant.audiences,
        "client_id": grant.client,
        "iat": issued,
        "exp": issued + policy.access_lifetime,
        "jti": jti,
        "scope": " ".join(grant.scopes) or None,
        "tenant": grant.tenant,
        "roles": grant.roles or None,
        "groups": grant.groups or None,
        POLICIES: grant.policies or None,
        BOUNDARY: grant.boundary or None,
        "sid": grant.session,
        "grant": grant.grant,
        "auth_time": numeric_date(grant.auth_time) if grant.auth_time is not None else None,
        "acr": grant.acr,
        "amr": grant.amr or None,
    }
    return {name: value for name, value in claims.items() if value is not None}
