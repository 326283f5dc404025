"""A public key without a known private key, in place of an empty set, which Envoy refuses.

Its point is derived from a text, so that no private key ever existed: x is a hash, and y the root
that belongs to it on P-256 (FIPS 186-5, SEC 2 §2.4.2).
"""

import hashlib

from durward.core.wire import encode_base64url

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
B = 0x5AC635D8_AA3A93E7_B3EBBD55_769886BC_651D06B0_CC53B0F6_3BCE3C3E_27D2604B
TEXT = b"Durward: no key is good"
COORDINATE_BYTES = 32


def nobodys_key() -> dict[str, str]:
    """The key as a JWK (RFC 7517)."""
    x, y = point(TEXT)
    return {
        "kty": "EC",
        "crv": "P-256",
        "alg": "ES256",
        "use": "sig",
        "kid": "nobody",
        "x": encode_base64url(x.to_bytes(COORDINATE_BYTES)),
        "y": encode_base64url(y.to_bytes(COORDINATE_BYTES)),
    }


def point(text: bytes) -> tuple[int, int]:
    """The point of the first hash, counted from this text, that is an x on the curve."""
    x = int.from_bytes(hashlib.sha256(text).digest())
    while True:
        square = (x**3 - 3 * x + B) % P
        y = pow(square, (P + 1) // 4, P)
        if x < P and y * y % P == square:
            return x, y
        x = int.from_bytes(hashlib.sha256(x.to_bytes(COORDINATE_BYTES)).digest())
