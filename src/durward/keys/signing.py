"""Keys that sign: made here, at rest in an envelope, used by whoever holds a `Signer`."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from durward.core.jose.jws import compact, signing_input
from durward.core.wire import JsonLike, compact_json, encode_base64url, sorted_json

Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey
COORDINATE_BYTES = 32
RSA_BITS = 2048
RSA_EXPONENT = 65537


@dataclass(frozen=True)
class Signer:
    """One private key with its algorithm; it signs and is never printed."""

    algorithm: str
    private: Private

    @property
    def public_jwk(self) -> dict[str, str]:
        """The public half (RFC 7517), named by its thumbprint (RFC 7638)."""
        required = _required_members(self.private)
        kid = encode_base64url(hashlib.sha256(sorted_json(required)).digest())
        return {**required, "alg": self.algorithm, "use": "sig", "kid": kid}

    @property
    def kid(self) -> str:
        """The thumbprint of the public key."""
        return self.public_jwk["kid"]

    def sign(self, data: bytes) -> bytes:
        """A signature in the form that JOSE uses (RFC 7518 §3, RFC 8037 §3.1)."""
        match self.private:
            case ec.EllipticCurvePrivateKey():
                r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
                return r.to_bytes(COORDINATE_BYTES) + s.to_bytes(COORDINATE_BYTES)
            case rsa.RSAPrivateKey():
                return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
            case Ed25519PrivateKey():
                return self.private.sign(data)

    def token(self, typ: str, claims: Mapping[str, JsonLike], kid: str) -> str:
        """A signed token."""
        return self.jws(typ, compact_json(claims), kid)

    def jws(self, typ: str, payload: bytes, kid: str) -> str:
        """A compact JWS."""
        signed = signing_input({"alg": self.algorithm, "typ": typ, "kid": kid}, payload)
        return compact(signed, self.sign(signed))

    def to_bytes(self) -> bytes:
        """The private key, to be sealed at once (PKCS#8)."""
        return self.private.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def __repr__(self) -> str:
        return f"Signer({self.algorithm}, •••)"


def generate(algorithm: str) -> Signer:
    """A new key for ES256, RS256 or Ed25519."""
    match algorithm:
        case "ES256":
            return Signer(algorithm, ec.generate_private_key(ec.SECP256R1()))
        case "RS256":
            return Signer(algorithm, rsa.generate_private_key(RSA_EXPONENT, RSA_BITS))
        case "Ed25519":
            return Signer(algorithm, Ed25519PrivateKey.generate())
        case _:
            raise ValueError(f"`{algorithm}` is not an algorithm that we sign with")


def load_signer(algorithm: str, data: bytes) -> Signer:
    """The signer of a key that `to_bytes` wrote."""
    private = serialization.load_der_private_key(data, password=None)
    assert isinstance(private, Private)  # noqa: S101 - `to_bytes` wrote it
    return Signer(algorithm, private)


def _required_members(private: Private) -> dict[str, str]:
    """The members that a thumbprint covers (RFC 7638 §3.2, RFC 8037 §2)."""
    match private:
        case ec.EllipticCurvePrivateKey():
            point = private.public_key().public_numbers()
            x, y = (encode_base64url(n.to_bytes(COORDINATE_BYTES)) for n in (point.x, point.y))
            return {"crv": "P-256", "kty": "EC", "x": x, "y": y}
        case rsa.RSAPrivateKey():
            numbers = private.public_key().public_numbers()
            e, n = (
                encode_base64url(v.to_bytes(-(-v.bit_length() // 8)))
                for v in (numbers.e, numbers.n)
            )
            return {"e": e, "kty": "RSA", "n": n}
        case Ed25519PrivateKey():
            x = encode_base64url(private.public_key().public_bytes_raw())
            return {"crv": "Ed25519", "kty": "OKP", "x": x}
