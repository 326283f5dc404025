"""Certificates of listeners are refused where clients would refuse them, before Envoy gets them."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.certificates import Authority, Issued

from durward.core.edge.server_certificate import (
    WARN_BEFORE,
    ServerCertificate,
    read_server_certificate,
    uncovered,
)
from durward.core.errors import Misconfigured
from durward.core.values import MICROSECONDS, Instant, Seconds, later

CA = Authority("tests")
NOW = Instant(int(datetime(2026, 12, 1, tzinfo=UTC).timestamp()) * MICROSECONDS)
MEMBER = "edge.tls.certificate"


def read(issued: Issued, *above: str, key: str = "", now: Instant = NOW) -> ServerCertificate:
    chain = issued.certificate + "".join(above)
    return read_server_certificate(chain.encode(), (key or issued.key).encode(), MEMBER, now)


def written(key: PrivateKeyTypes, password: str = "") -> str:
    hidden = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden).decode()


def test_a_chain_and_its_key_are_read() -> None:
    found = read(CA.issue("API.example", "*.shop.example", "::1", "127.0.0.1"), CA.pem)
    assert found.names == ("api.example", "*.shop.example", "::1", "127.0.0.1")
    assert found.chain.count("BEGIN CERTIFICATE") == 2
    assert "PRIVATE" not in repr(found)


def test_one_file_may_have_both() -> None:
    issued = CA.issue("api.example")
    both = (issued.certificate + issued.key).encode()
    assert read_server_certificate(both, both, MEMBER, NOW).names == ("api.example",)


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("api.example", True),
        ("a.shop.example", True),
        ("shop.example", False),
        ("a.b.shop.example", False),
        ("other.example", False),
        ("[::1]", True),
        ("127.0.0.2", False),
    ],
)
def test_a_wildcard_stands_for_one_label(host: str, covered: bool) -> None:
    found = read(CA.issue("api.example", "*.shop.example", "::1"))
    assert found.covers(host) is covered
    assert uncovered(found, [host, host]) == ([] if covered else [host])


@pytest.mark.requirement("ZT-2")
@pytest.mark.parametrize(
    ("certificate", "key", "problem"),
    [
        ("", "", "has no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "", "malformed"),
        ("good", "none", "no private key"),
        ("good", "encrypted", "the key is encrypted"),
        ("good", "broken", "the key is malformed"),
        ("good", "other", "the key does not fit the certificate"),
        ("good", "rsa of 1024", "nor RSA of 2048 bits"),
        ("good", "ed25519", "neither ECDSA"),
        ("expired", "", "expired on 2020-01-31"),
        ("future", "", "is valid from 2020-01-01 on"),
        ("nameless", "", "has no names"),
        ("of a client", "", "is not for a server"),
        ("upside down", "", "the key does not fit the certificate"),
        ("of another CA", "", "certificate 1 is not issued by certificate 2"),
        ("above expired", "", "certificate 1 is not issued by certificate 2"),
    ],
)
def test_what_clients_would_refuse_is_refused(certificate: str, key: str, problem: str) -> None:
    good = CA.issue("api.example")
    which = {
        "good": good,
        "expired": CA.issue("api.example", expired=True),
        "future": good,
        "nameless": CA.issue(),
        "of a client": CA.issue("api.example", usage=ExtendedKeyUsageOID.CLIENT_AUTH),
        "upside down": Issued(CA.pem + good.certificate, good.key),
        "of another CA": Issued(good.certificate + Authority("other").pem, good.key),
        "above expired": Issued(
            good.certificate + CA.issue("ca", expired=True).certificate, good.key
        ),
    }
    issued = which.get(certificate, Issued(certificate, good.key))
    private = load_pem_private_key(issued.key.encode(), None)
    keys = {
        "none": "no key at all",
        "encrypted": written(private, "a password"),
        "broken": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "other": written(ec.generate_private_key(ec.SECP256R1())),
        "rsa of 1024": written(rsa.generate_private_key(65_537, 1_024)),  # noqa: S505
        "ed25519": written(ed25519.Ed25519PrivateKey.generate()),
    }
    now = Instant(0) if certificate == "future" else NOW
    with pytest.raises(Misconfigured, match=problem) as told:
        read(issued, key=keys.get(key, ""), now=now)
    assert told.value.path == MEMBER
    assert told.value.hint or certificate == "", "what to do"
    assert "PRIVATE KEY" not in str(told.value)


@pytest.mark.parametrize(("offset", "accepted"), [(-1, True), (0, False), (1, False)])
def test_a_certificate_is_refused_from_its_last_second_on(offset: int, accepted: bool) -> None:
    issued = CA.issue("api.example", ends=datetime(2030, 1, 1, tzinfo=UTC))
    at = Instant(read(issued).ends + offset)
    if accepted:
        assert read(issued, now=at).names
    else:
        with pytest.raises(Misconfigured, match="expired on 2030-01-01"):
            read(issued, now=at)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (WARN_BEFORE + 1, ""),
        (WARN_BEFORE, "the certificate expires on 2030-01-01, in 14 days: renew it"),
        (1, "the certificate expires on 2030-01-01, in 0 days: renew it"),
        (0, "the certificate expired on 2030-01-01: clients refuse it"),
    ],
)
def test_an_end_is_told_two_weeks_before(seconds: int, told: str) -> None:
    ends = datetime(2030, 1, 1, tzinfo=UTC)
    found = read(CA.issue("api.example", ends=ends))
    at = Instant(int((ends - timedelta(seconds=seconds)).timestamp()) * MICROSECONDS)
    assert later(at, Seconds(seconds)) == found.ends
    assert found.overdue(at) == told


def test_what_the_library_cannot_read_is_refused_as_all_else() -> None:
    """A certificate of a kind of key that nobody knows, above a good one."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([])
    whole = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .sign(key, None)
    )
    odd = whole.public_bytes(Encoding.DER).replace(b"\x2b\x65\x70", b"\x2b\x65\x7f")
    above = f"-----BEGIN CERTIFICATE-----\n{b64encode(odd).decode()}\n-----END CERTIFICATE-----\n"
    with pytest.raises(Misconfigured):
        read(CA.issue("api.example"), above)
