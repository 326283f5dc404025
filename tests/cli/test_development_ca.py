"""The CA of a demo vouches for this machine alone, and is the same at every start."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from durward import clock
from durward.core.values import Instant, Seconds, later
from durward.entrypoints.demo.development_ca import (
    CA_DAYS,
    DAYS,
    NAMES,
    RENEWED_BEFORE_DAYS,
    DevelopmentCa,
)

DAY = 86_400


@pytest.fixture
def ca(tmp_path: Path) -> DevelopmentCa:
    made = DevelopmentCa(tmp_path / "tls")
    made.keep()
    return made


def contents(ca: DevelopmentCa) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in ca.folder.iterdir()}


def in_days(days: float) -> Instant:
    return later(clock.now(), Seconds(round(days * DAY)))


def test_keys_are_their_owners_and_a_second_start_changes_nothing(ca: DevelopmentCa) -> None:
    first = contents(ca)
    assert set(first) == {"ca.pem", "ca.key", "server.pem", "server.key"}
    assert ca.folder.stat().st_mode & 0o777 == 0o700
    for name in ("ca.key", "server.key"):
        assert (ca.folder / name).stat().st_mode & 0o777 == 0o600
    ca.keep()
    assert contents(ca) == first


@pytest.mark.parametrize("name", NAMES)
def test_who_trusts_the_ca_reaches_the_demo(ca: DevelopmentCa, name: str) -> None:
    assert shakes_hands(ca, *ca.server, name)


def test_the_ca_cannot_vouch_for_anybody_else(ca: DevelopmentCa) -> None:
    """RFC 5280 §4.2.1.10: should its key get out, nobody who trusts it is deceived."""
    above = x509.load_pem_x509_certificate(ca.certificate.read_bytes())
    key = load_pem_private_key((ca.folder / "ca.key").read_bytes(), None)
    own = x509.load_pem_x509_certificate(ca.server[0].read_bytes())
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    forged = (
        x509.CertificateBuilder(
            above.subject,
            own.subject,
            own.public_key(),
            x509.random_serial_number(),
            own.not_valid_before_utc,
            own.not_valid_after_utc,
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bank.example")]), critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, SHA256())
    )
    verifier = PolicyBuilder().store(Store([above]))
    with pytest.raises(VerificationError):
        verifier.build_server_verifier(x509.DNSName("bank.example")).verify(forged, [])
    verifier.build_server_verifier(x509.DNSName("localhost")).verify(own, [])


@pytest.mark.parametrize(
    ("days", "renewed"),
    [
        (DAYS - RENEWED_BEFORE_DAYS - 1, set()),
        (DAYS - RENEWED_BEFORE_DAYS + 1, {"server.pem", "server.key"}),
        (CA_DAYS - DAYS - 1, {"server.pem", "server.key"}),
        (CA_DAYS - DAYS + 1, {"ca.pem", "ca.key", "server.pem", "server.key"}),
    ],
)
def test_what_ends_soon_is_renewed(ca: DevelopmentCa, days: float, renewed: set[str]) -> None:
    before = contents(ca)
    ca.keep(in_days(days))
    after = contents(ca)
    assert {name for name in after if after[name] != before[name]} == renewed


@pytest.mark.parametrize("lost", ["server.pem", "server.key", "ca.pem", "ca.key"])
@pytest.mark.parametrize("broken", [None, b"", b"of somebody else"])
def test_what_is_lost_or_broken_is_made_again(
    ca: DevelopmentCa, lost: str, broken: bytes | None
) -> None:
    if broken is None:
        (ca.folder / lost).unlink()
    else:
        (ca.folder / lost).write_bytes(broken)
    ca.keep()
    assert shakes_hands(ca, *ca.server, "localhost")


def shakes_hands(ca: DevelopmentCa, chain: Path, key: Path, name: str) -> bool:
    """Whether a client that trusts the CA accepts the server, in memory."""
    trusting = ssl.create_default_context(cafile=str(ca.certificate))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(chain, key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server) * 3:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client.version() == "TLSv1.3"
