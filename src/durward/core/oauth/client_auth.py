"""Client authentication: by exactly one method, a registered one (AS-22…28)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from durward.core.configuration.profile import ProfileDemand
from durward.core.errors import ErrorCode, ProtocolError, Reason
from durward.core.jose.jwk import KeySet
from durward.core.jose.jwt import verify_jwt
from durward.core.oauth.form import one
from durward.core.oauth.requirements import Requirements
from durward.core.values import (
    ClientId,
    Instant,
    Seconds,
    Secret,
    from_numeric_date,
    later,
    numeric_date,
)
from durward.core.wire import decode_base64url, parse_json

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_ALGORITHMS = ("ES256", "ES384", "PS256", "RS256", "Ed25519")
STRONG_ALGORITHMS = ("ES256", "PS256", "Ed25519")
"""Of FAPI 2.0 Security Profile §5.4.1."""
ASSERTION_TYPES = ("client-authentication+jwt", "jwt", "")
LONGEST_ASSERTION, LONGEST_STRICT_ASSERTION = Seconds(3_600), Seconds(300)
"""How long an assertion may live: libraries make some for an hour; the second where a profile asks
for short ones."""
SKEW = Seconds(10)
"""How far a client's clock may be off (AS-28)."""
MAX_JTI_CHARACTERS = 256
MAX_ASSERTION_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class SecretProof:
    """A client that sent its secret, by `method`."""

    client: ClientId
    secret: Secret
    method: str


@dataclass(frozen=True, slots=True)
class AssertionProof:
    """A client that sent a signed assertion; `client` is claimed, not verified."""

    client: ClientId
    assertion: str


@dataclass(frozen=True, slots=True)
class NoProof:
    """A public client that only names itself."""

    client: ClientId


Proof = SecretProof | AssertionProof | NoProof


@dataclass(frozen=True, slots=True)
class OnceOnly:
    """The key under which an assertion is consumed: it is used once (RFC 7523 §3)."""

    jti: str
    expires_at: Instant


def read_proof(authorization: str | None, form: Mapping[str, tuple[str, ...]]) -> Proof:
    """The credentials of a request; more than one method is refused (RFC 6749 §2.3).

    Raises ProtocolError `invalid_request` or `invalid_client`.
    """
    named, secret, assertion = one(form, "client_id"), one(form, "client_secret"), None
    if "client_assertion" in form or "client_assertion_type" in form:
        if one(form, "client_assertion_type") != ASSERTION_TYPE:
            raise client_authentication_failed("the type of the client assertion is not supported")
        assertion = one(form, "client_assertion") or ""
    if sum(given is not None for given in (authorization, secret, assertion)) > 1:
        raise ProtocolError(
            ErrorCode.INVALID_REQUEST, "the client authenticates by more than one method"
        )
    if authorization is not None:
        proof = _basic(authorization)
        if named is not None and named != proof.client:
            raise client_authentication_failed(
                "`client_id` is another client than the header names"
            )
        return proof
    if assertion is not None:
        return AssertionProof(_claimed_client(assertion, named), assertion)
    if named is None:
        raise client_authentication_failed("the client does not say who it is")
    if secret is not None:
        return SecretProof(ClientId(named), Secret(secret), "client_secret_post")
    return NoProof(ClientId(named))


def _claimed_client(assertion: str, named: str | None) -> ClientId:
    """The client that an assertion names, unverified: it only selects the keys to try."""
    try:
        payload = decode_base64url(assertion.split(".")[1])
        claims = parse_json(payload, limit_bytes=MAX_ASSERTION_BYTES)
    except (ProtocolError, IndexError) as error:
        raise client_authentication_failed("the assertion cannot be read") from error
    subject = claims.get("sub") if isinstance(claims, dict) else None
    if not isinstance(subject, str) or named not in {None, subject}:
        raise client_authentication_failed(
            "the assertion names no client, or another than `client_id`"
        )
    return ClientId(subject)


def _basic(authorization: str) -> SecretProof:
    """RFC 6749 §2.3.1: both parts are form-encoded before they are joined and encoded again.

    Many clients leave the first out. No name and no secret has a space or a `%`, so `+` is itself
    either way, and what comes of both is the same.
    """
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise client_authentication_failed("the scheme of the Authorization header is not Basic")
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        client, given = unquote(name, errors="strict"), unquote(secret, errors="strict")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise client_authentication_failed("the Authorization header cannot be read") from error
    if not colon or not client or not given:
        raise client_authentication_failed("the Authorization header has no client and secret")
    return SecretProof(ClientId(client), Secret(given), "client_secret_basic")


def secret_matches(proof: SecretProof, hashes: Iterable[bytes]) -> bool:
    """Whether the secret is one of the client's; every hash is compared, in constant time."""
    given = hashlib.sha256(proof.secret.reveal().encode()).digest()
    return any([hmac.compare_digest(given, known) for known in hashes])  # noqa: C419 - all of them


def check_method(method: str, requirements: Requirements) -> None:
    """Refuse a method that the client's profile does not take (FAPI 2.0 SP §5.3.2.1 items 3, 6).

    Raises ProtocolError `invalid_client`.
    """
    if requirements.demands(ProfileDemand.KEY_AUTHENTICATION) and method != "private_key_jwt":
        profile = requirements.profile.value
        problem = f"the profile `{profile}` does not take {method}"
        raise client_authentication_failed(problem, Reason.PROFILE_NEEDS_KEY)


def verify_assertion(
    proof: AssertionProof,
    client: ClientId,
    keys: KeySet,
    audiences: tuple[str, ...],
    requirements: Requirements,
    now: Instant,
) -> OnceOnly:
    """Verify the client's assertion, and return the key to consume it (RFC 7523 §3, AS-28).

    `audiences`: the issuer, then the token endpoint, which only the lowest profile takes, as it
    takes a list. Raises ProtocolError `invalid_client`.
    """
    only_issuer = requirements.demands(ProfileDemand.ISSUER_AS_AUDIENCE)
    strong = requirements.demands(ProfileDemand.STRONG_ALGORITHMS)
    audiences = audiences[:1] if only_issuer else audiences
    try:
        claims = verify_jwt(
            proof.assertion,
            keys=keys,
            algorithms=STRONG_ALGORITHMS if strong else ASSERTION_ALGORITHMS,
            types=ASSERTION_TYPES,
            issuer=client,
            audiences=audiences,
            now=now,
            skew=SKEW,
        )
    except ProtocolError as error:
        raise client_authentication_failed(error.private or error.public) from error
    if only_issuer and claims.get("aud") != audiences[0]:
        raise client_authentication_failed("the assertion's `aud` is not the issuer, as a string")
    jti, expires = claims.get("jti"), claims.get("exp")
    if claims.get("sub") != client:
        raise client_authentication_failed("the assertion's `sub` is not its `iss`")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI_CHARACTERS:
        raise client_authentication_failed("the assertion has no `jti`")
    short = requirements.demands(ProfileDemand.SHORT_ASSERTIONS)
    longest = LONGEST_STRICT_ASSERTION if short else LONGEST_ASSERTION
    if not isinstance(expires, int | float) or expires > numeric_date(now) + longest + SKEW:
        raise client_authentication_failed(f"the assertion lives longer than {longest} s")
    return OnceOnly(jti, later(from_numeric_date(int(expires)), Seconds(SKEW + 1)))


def client_authentication_failed(
    private: str, reason: Reason = Reason.NONE, client: str = ""
) -> ProtocolError:
    """The error with one public text for all causes: a guess learns nothing (RFC 6749 §5.2)."""
    public = "client authentication failed"
    code = ErrorCode.INVALID_CLIENT
    return ProtocolError(code, public, private=private, reason=reason, client=client)
