"""JSON Web Tokens: verify a JWS and its registered claims (RFC 7519, RFC 8725)."""

from collections.abc import Collection, Mapping

from durward.core.errors import ErrorCode, ProtocolError
from durward.core.jose.jwk import KeySet
from durward.core.jose.jws import verify
from durward.core.values import Instant, Seconds, numeric_date
from durward.core.wire import Json, parse_json

MAX_CLAIMS_BYTES = 16_384
MAX_SKEW = Seconds(60)


def verify_jwt(
    token: str,
    *,
    keys: KeySet,
    algorithms: Collection[str],
    types: Collection[str],
    issuer: str,
    audiences: Collection[str],
    now: Instant,
    skew: Seconds,
) -> Mapping[str, Json]:
    """The claims of a token for one of `audiences`, of the issuer, within its time.

    `types` are the values that `typ` may have, in lower case and without `application/`; an empty
    text among them lets it be absent. `skew` (seconds, at most 60) is how far the clocks of both
    may differ, either way, and so much is accepted; where there is none a token is refused on and
    after `exp` (RFC 7519 §4.1.4). Raises ProtocolError `invalid_token`.
    """
    if not audiences or not issuer or skew > MAX_SKEW:
        raise ValueError("issuer, audiences and a skew of at most a minute are required")
    verified = verify(token, keys, algorithms)
    kind = verified.header.get("typ", "")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in types:
        raise _invalid("`typ` is not allowed")
    try:
        claims = parse_json(verified.payload, limit_bytes=MAX_CLAIMS_BYTES)
    except ProtocolError as error:
        raise _invalid(str(error)) from error
    if not isinstance(claims, dict):
        raise _invalid("the claims are not an object")
    if claims.get("iss") != issuer:
        raise _invalid("`iss` is another issuer")
    if not set(audiences) & set(audience(claims)):
        raise _invalid("`aud` is another audience")
    _check_times(claims, numeric_date(now), skew)
    return claims


def audience(claims: Mapping[str, Json]) -> list[str]:
    """`aud` as a list (RFC 7519 §4.1.3)."""
    value = claims.get("aud")
    listed = value if isinstance(value, list) else [value]
    return [item for item in listed if isinstance(item, str)]


def _check_times(claims: Mapping[str, Json], now: int, skew: Seconds) -> None:
    expires = _date(claims, "exp")
    if expires is None or (now > expires + skew if skew else now >= expires):
        raise _invalid("`exp` is missing or past")
    for name in ("nbf", "iat"):
        begins = _date(claims, name)
        if begins is not None and now < begins - skew:
            raise _invalid(f"`{name}` lies ahead")


def _date(claims: Mapping[str, Json], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _invalid(f"`{name}` is not a number")
    return value


def _invalid(private: str) -> ProtocolError:
    return ProtocolError(ErrorCode.INVALID_TOKEN, "the token is not valid", private=private)
