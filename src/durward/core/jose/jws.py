"""Compact JWS (RFC 7515), checked before any cryptography: form, sizes, `alg`, `crit`.

`jku`, `x5u`, `jwk`, `x5c` in a header are ignored: the verifier has the keys.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from joserfc import jws
from joserfc.errors import ExceededSizeError, JoseError

from durward.core.errors import ErrorCode, ProtocolError
from durward.core.jose.jwk import KeySet
from durward.core.wire import (
    Json,
    JsonLike,
    compact_json,
    decode_base64url,
    encode_base64url,
    parse_json,
)

MAX_TOKEN_BYTES = 16_384
PARTS = 3


@dataclass(frozen=True, slots=True)
class Verified:
    """A verified payload, with its header."""

    header: Mapping[str, Json]
    payload: bytes


def verify(
    token: str,
    keys: KeySet,
    algorithms: Collection[str],
    *,
    limit_bytes: int = MAX_TOKEN_BYTES,
) -> Verified:
    """The payload of a compact JWS signed by one of the keys (RFC 7515 §5.2, RFC 8725 §3.1).

    Raises ProtocolError `invalid_token`, with the reason in its private part only.
    """
    if len(token) > limit_bytes or not token.isascii():
        raise _invalid(f"larger than {limit_bytes} bytes, or not ASCII")
    parts = token.split(".")
    if len(parts) != PARTS:
        raise _invalid("not three parts")
    try:
        head, payload, _ = (decode_base64url(part) for part in parts)
        header = parse_json(head, limit_bytes=limit_bytes)
    except ProtocolError as error:
        raise _invalid(str(error)) from error
    if not isinstance(header, dict):
        raise _invalid("the header is not an object")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise _invalid("`alg` is not allowed")
    if header.keys() & {"crit", "b64"}:
        raise _invalid("`crit` and `b64` are not understood")
    registry = limited_registry(algorithm, limit_bytes)
    for key in keys.candidates(algorithm, header.get("kid")):
        try:
            jws.deserialize_compact(token.encode(), key.key, registry=registry)
        except ExceededSizeError as error:  # never told as a wrong signature
            raise _invalid(str(error)) from error
        except (JoseError, ValueError):
            continue
        return Verified(header, payload)
    raise _invalid("no key of the issuer made this signature")


def key_named(token: str, *, limit_bytes: int = MAX_TOKEN_BYTES) -> str | None:
    """The `kid` of an unverified token, only to find a key.

    None if it has none, or the token is malformed (RFC 7515 §4.1.4).
    """
    head = token.partition(".")[0]
    if len(token) > limit_bytes:
        return None
    try:
        header = parse_json(decode_base64url(head), limit_bytes=limit_bytes)
    except ProtocolError:
        return None
    kid = header.get("kid") if isinstance(header, dict) else None
    return kid if isinstance(kid, str) else None


def limited_registry(algorithm: str, limit_bytes: int) -> jws.JWSRegistry:
    """The library's rules with our limit: its own is a payload of 96 kB."""
    registry = jws.JWSRegistry(algorithms=[algorithm])
    registry.max_header_length = registry.max_payload_length = limit_bytes
    return registry


def signing_input(header: Mapping[str, JsonLike], payload: bytes) -> bytes:
    """The JWS signing input (RFC 7515 §5.1)."""
    return f"{encode_base64url(compact_json(header))}.{encode_base64url(payload)}".encode()


def compact(signed: bytes, signature: bytes) -> str:
    """The compact serialization of a signing input and its signature."""
    return f"{signed.decode()}.{encode_base64url(signature)}"


def _invalid(private: str) -> ProtocolError:
    return ProtocolError(ErrorCode.INVALID_TOKEN, "the token is not valid", private=private)
