"""The certificate of a listener with its key, checked before Envoy or a client meets it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from durward.core.certificates import UNREADABLE
from durward.core.errors import Misconfigured
from durward.core.values import MICROSECONDS, Instant, Seconds, later

MAX_BYTES: Final = 262_144
"""A chain of five certificates with many names has 20 000."""
WARN_BEFORE: Final = Seconds(14 * 86_400)
"""From this time before its end on the renewal of a certificate is overdue: certbot and
cert-manager renew 30 days before."""
LEAST_RSA_BITS: Final = 2_048
CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")

_KEY: Final = re.compile(
    rb"-----BEGIN ([A-Z ]{0,20}PRIVATE KEY)-----\s.*?-----END \1-----", re.DOTALL
)


@dataclass(frozen=True)
class ServerCertificate:
    """A chain, the server's own certificate first, with the key that fits it."""

    chain: str
    key: str = field(repr=False)
    leaf: bytes = field(repr=False)
    """The server's own certificate in DER, as a handshake shows it."""
    names: tuple[str, ...]
    """The names and addresses of its subjectAltName."""
    ends: Instant
    """Its notAfter, or an earlier one above it: refused from this second on, which clients still
    accept (RFC 5280 §4.1.2.5)."""

    def covers(self, host: str) -> bool:
        """Whether it is valid for a host (RFC 9525 §6.3): a wildcard is one whole first label."""
        _, dot, above = host.partition(".")
        return host.strip("[]") in self.names or (bool(dot) and f"*.{above}" in self.names)

    def overdue(self, now: Instant) -> str:
        """That it has ended, or will within `WARN_BEFORE`; empty before."""
        if now >= self.ends:
            return f"the certificate expired on {_day(self.ends)}: clients refuse it"
        if later(now, WARN_BEFORE) < self.ends:
            return ""
        days = (self.ends - now) // (86_400 * MICROSECONDS)
        return f"the certificate expires on {_day(self.ends)}, in {days} days: renew it"


def read_server_certificate(
    certificate: bytes, key: bytes, member: str, now: Instant
) -> ServerCertificate:
    """The chain and the key of two PEM files, or of one file with both.

    They are refused where clients would refuse them: the key fits the first certificate, each
    certificate is issued by the next (RFC 8446 §4.4.2), all are valid now, the first is for a
    server and has names (RFC 9525 §2). Raises Misconfigured, which never quotes the key.
    """
    try:
        return _read(_chain(certificate, member), _private_key(key, member), member, now)
    except UNREADABLE as error:
        problem = "a certificate of the chain has a part that cannot be read"
        hint = "use ECDSA or RSA certificates of X.509 version 3"
        raise Misconfigured(member, problem, hint=hint) from error


def _read(
    chain: list[x509.Certificate], private: PrivateKeyTypes, member: str, now: Instant
) -> ServerCertificate:
    leaf = chain[0]
    _check_key(chain, private, member)
    _check_chain(chain, member)
    _check_times(chain, member, now)
    names = _names(leaf, member)
    _check_purpose(leaf, member)
    return ServerCertificate(
        "".join(each.public_bytes(Encoding.PEM).decode() for each in chain),
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        leaf.public_bytes(Encoding.DER),
        names,
        min(_instant(each.not_valid_after_utc) for each in chain),
    )


def uncovered(certificate: ServerCertificate, hosts: Iterable[str]) -> list[str]:
    """The hosts for which a certificate is not valid: clients refuse the connection."""
    return sorted({host for host in hosts if not certificate.covers(host)})


def _chain(text: bytes, member: str) -> list[x509.Certificate]:
    if len(text) > MAX_BYTES:
        raise Misconfigured(member, f"the certificate has more than {MAX_BYTES} bytes")
    try:
        return x509.load_pem_x509_certificates(text)
    except ValueError as error:
        hint = "write a PEM file: the server's certificate, then those that issued it, in order"
        raise Misconfigured(member, "has no certificate, or a malformed one", hint=hint) from error


def _private_key(text: bytes, member: str) -> PrivateKeyTypes:
    hint = "write an unencrypted PEM file of mode 0600, of an ECDSA (P-256) or RSA key"
    found = _KEY.search(text[:MAX_BYTES])
    if found is None:
        raise Misconfigured(member, "the key's file has no private key", hint=hint)
    try:
        key = load_pem_private_key(found[0], None)
    except TypeError as error:
        raise Misconfigured(member, "the key is encrypted", hint=hint) from error
    except (ValueError, UnsupportedAlgorithm):  # its text may have a part of the key
        raise Misconfigured(member, "the key is malformed", hint=hint) from None
    match key:
        case rsa.RSAPrivateKey() if key.key_size >= LEAST_RSA_BITS:
            return key
        case ec.EllipticCurvePrivateKey() if key.curve.name in CURVES:
            return key
        case _:
            problem = f"the key is neither ECDSA on a NIST curve nor RSA of {LEAST_RSA_BITS} bits"
            raise Misconfigured(member, problem, hint=hint)


def _check_key(chain: list[x509.Certificate], key: PrivateKeyTypes, member: str) -> None:
    fits = [each.public_key() == key.public_key() for each in chain]
    if fits[0]:
        return
    hint = (
        "write the server's own certificate first, then the one that issued it"
        if any(fits)
        else "take both from one issuance, such as `fullchain.pem` and `privkey.pem` of one folder"
    )
    raise Misconfigured(member, "the key does not fit the certificate", hint=hint)


def _check_chain(chain: list[x509.Certificate], member: str) -> None:
    for place, (issued, issuer) in enumerate(pairwise(chain), 1):
        try:
            issued.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as error:
            problem = f"certificate {place} is not issued by certificate {place + 1}"
            hint = "write them in order, each followed by the one that issued it"
            raise Misconfigured(member, problem, hint=hint) from error


def _check_times(chain: list[x509.Certificate], member: str, now: Instant) -> None:
    for place, each in enumerate(chain, 1):
        which = "the certificate" if place == 1 else f"certificate {place} of the chain"
        if now >= (ends := _instant(each.not_valid_after_utc)):
            hint = "renew it; the files are read again where they change"
            raise Misconfigured(member, f"{which} expired on {_day(ends)}", hint=hint)
        if now < (begins := _instant(each.not_valid_before_utc)):
            hint = "is the clock of this machine right?"
            raise Misconfigured(member, f"{which} is valid from {_day(begins)} on", hint=hint)


def _names(leaf: x509.Certificate, member: str) -> tuple[str, ...]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        found = x509.SubjectAlternativeName([])
    names = [
        *(name.lower() for name in found.get_values_for_type(x509.DNSName)),
        *(str(ip_address(str(each))) for each in found.get_values_for_type(x509.IPAddress)),
    ]
    if not names:
        problem = "the certificate has no names: clients do not read its common name"
        hint = "issue it with a subjectAltName for each host"
        raise Misconfigured(member, problem, hint=hint)
    return tuple(names)


def _check_purpose(leaf: x509.Certificate, member: str) -> None:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return
    good = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if not any(each in usage for each in good):
        hint = "issue it with the extended key usage serverAuth (RFC 5280 §4.2.1.12)"
        raise Misconfigured(member, "the certificate is not for a server", hint=hint)


def _instant(at: datetime) -> Instant:
    return Instant(int(at.timestamp()) * MICROSECONDS)


def _day(at: Instant) -> str:
    return datetime.fromtimestamp(at / MICROSECONDS, tz=UTC).strftime("%Y-%m-%d")
