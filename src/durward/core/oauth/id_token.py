"""The ID token: it reports a sign-in to the client (OIDC Core §2)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from durward.core.errors import ErrorCode, ProtocolError
from durward.core.jose.jwk import KeySet
from durward.core.jose.jws import verify
from durward.core.jose.jwt import MAX_CLAIMS_BYTES, audience
from durward.core.oauth.claims import TokenGrant
from durward.core.values import ClientId, Instant, Seconds, SessionId, UserId, numeric_date
from durward.core.wire import JsonLike, encode_base64url, parse_json

TYPE = "JWT"
ALGORITHM = "RS256"
LIFETIME = Seconds(300)


def id_claims(
    grant: TokenGrant, issuer: str, access_token: str, nonce: str | None, now: Instant
) -> Mapping[str, JsonLike]:
    """The claims of an ID token; names and addresses are at userinfo (OIDC Core §5.4)."""
    issued = numeric_date(now)
    claims: dict[str, JsonLike] = {
        "iss": issuer,
        "sub": grant.subject,
        "aud": grant.client,
        "iat": issued,
        "exp": issued + LIFETIME,
        "auth_time": numeric_date(grant.auth_time) if grant.auth_time is not None else None,
        "nonce": nonce,
        "amr": grant.amr or None,
        "sid": grant.session,
        "tenant": grant.tenant,
        "at_hash": token_hash(access_token),
    }
    return {name: value for name, value in claims.items() if value is not None}


def token_hash(token: str) -> str:
    """`at_hash` for a token beside an RS256 signature (OIDC Core §3.1.3.6)."""
    digest = hashlib.sha256(token.encode("ascii")).digest()
    return encode_base64url(digest[: len(digest) // 2])


@dataclass(frozen=True, slots=True)
class Hint:
    """The subject, session and client of an earlier ID token."""

    subject: UserId
    client: ClientId
    session: SessionId | None


def verify_hint(token: str, keys: KeySet, issuer: str) -> Hint:
    """Verify an ID token of ours that is sent as a hint; it may have expired (AS-76, AS-83).

    It proves nothing about the present: it is only compared, and signs no person in. Raises
    ProtocolError `invalid_request`.
    """
    try:
        verified = verify(token, keys, (ALGORITHM,))
        claims = parse_json(verified.payload, limit_bytes=MAX_CLAIMS_BYTES)
    except ProtocolError as error:
        raise _no_hint(error.private or error.public) from error
    if verified.header.get("typ") != TYPE or not isinstance(claims, dict):
        raise _no_hint("not an ID token")
    subject, listed, session = claims.get("sub"), audience(claims), claims.get("sid")
    if claims.get("iss") != issuer or len(listed) != 1 or not isinstance(subject, str):
        raise _no_hint("not an ID token of this issuer for one client")
    sid = SessionId(session) if isinstance(session, str) else None
    return Hint(UserId(subject), ClientId(listed[0]), sid)


def _no_hint(private: str) -> ProtocolError:
    public = "`id_token_hint` is not an ID token of this issuer"
    return ProtocolError(ErrorCode.INVALID_REQUEST, public, private=private)
