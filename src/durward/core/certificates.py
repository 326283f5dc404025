"""Certificates of trusted CAs in their textual form (RFC 7468 §5)."""

import re
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from durward.core.errors import Misconfigured

MAX_CERTIFICATES: Final = 200
MAX_CHARACTERS: Final = 524_288
"""A bundle of all public CAs has 140 certificates in 220 000 characters."""

_BLOCK: Final = re.compile(
    r"-----BEGIN ([A-Z0-9 ]{1,40})-----\s(.*?)-----END \1-----", re.ASCII | re.DOTALL
)
_SECRET: Final = re.compile(r"PRIVATE KEY-----")
UNREADABLE: Final = (
    *(ValueError, UnsupportedAlgorithm, x509.InvalidVersion),
    *(x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)
"""What the library raises for a certificate that it cannot read, or not wholly."""
HINT: Final = (
    "write a PEM file of the CA's certificates: `-----BEGIN CERTIFICATE-----`; "
    "a key stays at its owner"
)


def normalize_certificates(text: str, member: str) -> str:
    """The certificates in a PEM text, each once, without the text around them.

    Raises Misconfigured, which never quotes the text: it may have a private key in it, and that is
    refused before anything else is looked at.
    """
    if _SECRET.search(text):
        raise Misconfigured(member, "has a private key, which nobody else may get", hint=HINT)
    if len(text) > MAX_CHARACTERS:
        raise Misconfigured(member, f"has more than {MAX_CHARACTERS} characters", hint=HINT)
    found: dict[str, None] = {}
    for place, block in enumerate(_BLOCK.finditer(text), 1):
        if block[1] != "CERTIFICATE":
            problem = f"block {place} is `{block[1]}`, not a certificate"
            raise Misconfigured(member, problem, hint=HINT)
        try:
            certificate = x509.load_pem_x509_certificate(block[0].encode())
            found[certificate.public_bytes(Encoding.PEM).decode()] = None
        except UNREADABLE as error:
            raise Misconfigured(member, f"certificate {place} is malformed", hint=HINT) from error
    if not found:
        raise Misconfigured(member, "has no certificate", hint=HINT)
    if len(found) > MAX_CERTIFICATES:
        raise Misconfigured(member, f"has more than {MAX_CERTIFICATES} certificates", hint=HINT)
    return "".join(found)


def summarize_certificates(text: str) -> list[str]:
    """The subject and the SHA-256 fingerprint of each certificate, to tell two texts apart."""
    try:
        found = x509.load_pem_x509_certificates(text.encode())
        return [f"{one.subject.rfc4514_string()} ({_fingerprint(one)})" for one in found]
    except UNREADABLE:
        return ["malformed"]


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(SHA256()).hex()[:16]
