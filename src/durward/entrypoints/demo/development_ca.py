"""The CA of a demo and the certificate of its edge, made on this machine and for it alone."""

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from durward import clock
from durward.core.edge.server_certificate import read_server_certificate
from durward.core.errors import Misconfigured
from durward.core.values import MICROSECONDS, Instant

CA_DAYS, DAYS, RENEWED_BEFORE_DAYS = 730, 30, 20
"""A certificate is renewed when less is left, the CA when it would end before a new one."""
NAMES = ("localhost", "127.0.0.1", "::1")
LOOPBACK = (
    x509.DNSName("localhost"),
    x509.IPAddress(ip_network("127.0.0.0/8")),
    x509.IPAddress(ip_network("::1/128")),
)


class DevelopmentCa:
    """A folder with the CA (`ca.pem`), the edge's chain (`server.pem`), and both keys (0600)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def certificate(self) -> Path:
        """What a client has to trust."""
        return self.folder / "ca.pem"

    @property
    def server(self) -> tuple[Path, Path]:
        """The certificate of the edge, and its key."""
        return self.folder / "server.pem", self.folder / "server.key"

    def keep(self, now: Instant | None = None) -> None:
        """Make what is missing, and renew what ends soon; the rest stays. Raises Misconfigured."""
        at = _time(clock.now() if now is None else now)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            ca = self._ca(at)
            if ca is None or self._ends_soon(at):
                self._issue(ca or self._make(at), at)
        except OSError as error:
            problem = f"cannot be written: {error.strerror}"
            raise Misconfigured(str(self.folder), problem) from error

    def _ca(self, at: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
        """The CA, if it is whole, and outlives what it would issue now."""
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            key = load_pem_private_key((self.folder / "ca.key").read_bytes(), None)
        except (FileNotFoundError, ValueError, TypeError):
            return None
        lasts = at + timedelta(days=DAYS) < certificate.not_valid_after_utc
        begun = certificate.not_valid_before_utc <= at
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not (lasts and begun):
            return None
        return (certificate, key) if certificate.public_key() == key.public_key() else None

    def _make(self, at: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """A CA for names of this machine alone (RFC 5280 §4.2.1.10), should its key get out."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Durward demo CA")])
        usage = x509.KeyUsage(
            *(False, False, False, False, False),
            key_cert_sign=True,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            _begun(name, name, key, at, CA_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.NameConstraints(LOOPBACK, None), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, SHA256())
        )
        _write(self.folder / "ca.key", _pem(key))
        _write(self.certificate, certificate.public_bytes(Encoding.PEM), 0o644)
        return certificate, key

    def _issue(self, ca: tuple[x509.Certificate, ec.EllipticCurvePrivateKey], at: datetime) -> None:
        above, signing = ca
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Durward demo")])
        names = [
            x509.DNSName(name) if name == "localhost" else x509.IPAddress(ip_address(name))
            for name in NAMES
        ]
        certificate = (
            _begun(subject, above.subject, key, at, DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()),
                critical=False,
            )
            .sign(signing, SHA256())
        )
        chain, private = self.server
        _write(private, _pem(key))
        _write(chain, certificate.public_bytes(Encoding.PEM), 0o644)

    def _ends_soon(self, at: datetime) -> bool:
        """Whether the edge's certificate is missing, broken, of another CA, or ends soon."""
        now = Instant(int(at.timestamp()) * MICROSECONDS)
        try:
            chain, key = (path.read_bytes() for path in self.server)
            found = read_server_certificate(chain, key, str(self.folder), now)
            issuer = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            x509.load_der_x509_certificate(found.leaf).verify_directly_issued_by(issuer)
        except (FileNotFoundError, Misconfigured, ValueError, TypeError, InvalidSignature):
            return True
        return found.ends <= now + RENEWED_BEFORE_DAYS * 86_400 * MICROSECONDS


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    at: datetime,
    days: int,
) -> x509.CertificateBuilder:
    """Valid since an hour ago: a browser's clock may be behind."""
    return x509.CertificateBuilder(
        issuer,
        subject,
        key.public_key(),
        x509.random_serial_number(),
        at - timedelta(hours=1),
        at + timedelta(days=days),
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, mode: int = 0o600) -> None:
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    aside.rename(path)


def _time(at: Instant) -> datetime:
    return datetime.fromtimestamp(at // MICROSECONDS, tz=UTC)
