"""What is declared of a service: each member is read, and refused in words where it is wrong."""

from typing import Any

import msgspec
import pytest
from tests.certificates import Authority

from durward.core.address import Address
from durward.core.certificates import normalize_certificates, summarize_certificates
from durward.core.configuration.upstream import DeclaredUpstream, read_upstream
from durward.core.duration import read_duration
from durward.core.errors import Misconfigured
from durward.core.upstream import HealthCheck, HttpProtocol, ServiceTls, Upstream

CA = Authority("test")


def read(**declared: Any) -> Upstream:
    return read_upstream(msgspec.convert(declared, DeclaredUpstream))


def test_a_text_is_the_object_with_that_url_alone() -> None:
    for text in ("127.0.0.1:9000", "unix:/run/a.sock", "https://orders.internal"):
        assert read_upstream(text) == read(url=text)
    assert read_upstream("127.0.0.1:9000") == Upstream((Address("127.0.0.1", 9000),))


def test_every_member_is_read() -> None:
    found = read(
        addresses=["https://10.0.0.1:8443", "https://[::1]:8443", "https://orders.internal"],
        protocol="http2",
        host="orders.example:8443",
        tls={"name": "Orders.Internal", "ca": CA.pem},
        health={"path": "/healthz?full", "every": "10s", "timeout": "500ms", "failures": 3},
        timeouts={"connect": "250ms", "request": "1h", "idle": "2m"},
    )
    assert found == Upstream(
        (Address("10.0.0.1", 8443), Address("::1", 8443), Address("orders.internal", 443)),
        HttpProtocol.HTTP2,
        "orders.example:8443",
        ServiceTls("orders.internal", CA.pem),
        HealthCheck("/healthz?full", 10.0, 0.5, 3, 1),
        *(0.25, 3_600.0, 120.0),
    )


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ({"url": "https://orders.internal:8443"}, "orders.internal"),
        ({"url": "https://10.0.0.1"}, "10.0.0.1"),
        ({"url": "https://[::1]"}, "::1"),
        ({"url": "10.0.0.1:8443", "tls": {"name": "orders.internal"}}, "orders.internal"),
        ({"url": "unix:/run/a.sock", "tls": {"name": "::1"}}, "::1"),
        ({"addresses": ["https://a.internal:1", "https://a.internal:2"]}, "a.internal"),
        ({"url": "https://orders.internal", "tls": {}}, "orders.internal"),
    ],
)
def test_a_certificate_has_the_declared_name_or_that_of_the_address(
    declared: dict[str, Any], name: str
) -> None:
    assert read(**declared).tls == ServiceTls(name)


@pytest.mark.parametrize(
    ("declared", "path", "told"),
    [
        ({}, "upstream", "names no address; write `url`"),
        ({"url": "a:1", "addresses": ["b:1"]}, "upstream", "both `url` and `addresses`"),
        ({"addresses": [f"a:{port}" for port in range(1, 102)]}, "upstream", "more than 100"),
        ({"addresses": ["a:80", "http://A"]}, "upstream", "an address twice"),
        ({"addresses": ["a:80", "unix:/a"]}, "upstream", "names and sockets"),
        ({"addresses": ["https://a", "http://a"]}, "upstream", "different schemes"),
        ({"addresses": ["https://a", "a:1"]}, "upstream", "different schemes"),
        ({"url": "http://a", "tls": {}}, "upstream/tls", "; write `https://`"),
        ({"url": "unix:/a", "tls": {}}, "upstream/tls/name", "write the name"),
        ({"addresses": ["https://a", "https://b"]}, "upstream/tls/name", "write the name"),
        ({"url": "https://a", "tls": {"name": "*.a"}}, "upstream/tls/name", "not a host name"),
        ({"url": "https://a", "tls": {"name": "a:443"}}, "upstream/tls/name", "without a port"),
        ({"url": "https://a", "tls": {"ca": ""}}, "upstream/tls/ca", "no certificate"),
        ({"url": "a:1", "protocol": "h2c"}, "upstream/protocol", "; write `http2`"),
        ({"url": "a:1", "protocol": "spdy"}, "upstream/protocol", "`http1` or `http2`"),
        ({"url": "a:1", "host": "a/b"}, "upstream/host", "not a host"),
        ({"url": "a:1", "host": "a\r\nx: y"}, "upstream/host", "not a host"),
        ({"url": "a:1", "health": {"path": "healthz"}}, "upstream/health/path", "not a path"),
        ({"url": "a:1", "health": {"path": "/a b"}}, "upstream/health/path", "not a path"),
        ({"url": "a:1", "health": {"path": "/a#b"}}, "upstream/health/path", "not a path"),
        ({"url": "a:1", "health": {"path": "/", "every": "0s"}}, "upstream/health/every", "`5m`"),
        (
            {"url": "a:1", "timeouts": {"connect": "5"}},
            "upstream/timeouts/connect",
            "with its unit",
        ),
        ({"url": "a:1", "timeouts": {"request": "2h"}}, "upstream/timeouts/request", "to `1h`"),
        ({"url": "a:1", "timeouts": {"idle": "1ms"}}, "upstream/timeouts/idle", "from `1s`"),
    ],
)
def test_what_is_wrong_is_refused_with_what_to_write(
    declared: dict[str, Any], path: str, told: str
) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(**declared)
    assert caught.value.path == path
    assert told in f"{caught.value.problem}; {caught.value.hint}"


@pytest.mark.parametrize("member", ["insecure", "verify", "skip_verify"])
@pytest.mark.requirement("API10-1")
def test_no_member_turns_the_verification_off(member: str) -> None:
    """ADR 19."""
    with pytest.raises(msgspec.ValidationError, match=f"unknown field `{member}`"):
        read(url="https://a", tls={member: True})


@pytest.mark.parametrize("form", ["alone", "with its CA", "encrypted", "of OpenSSL", "cut"])
def test_a_private_key_is_refused_and_never_quoted(form: str) -> None:
    key = CA.issue("a").key
    text = {
        "alone": key,
        "with its CA": CA.pem + key,
        "encrypted": key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
        "of OpenSSL": key.replace("PRIVATE KEY", "EC PRIVATE KEY").replace("\n", "\r\n"),
        "cut": key.replace("-----END", "-----") + CA.pem,
    }[form]
    with pytest.raises(Misconfigured, match="private key") as caught:
        read(url="https://a", tls={"ca": text})
    everything = f"{caught.value}{caught.value.hint}"
    assert not any(line in everything for line in text.splitlines() if len(line) > 30)


def test_certificates_are_taken_once_and_without_the_text_around_them() -> None:
    other = Authority("other")
    text = f"# ours\nsubject=CN=x\n{CA.pem}\n{other.pem}{CA.pem}".replace("\n", "\r\n")
    assert normalize_certificates(text, "ca") == CA.pem + other.pem
    assert len({*summarize_certificates(CA.pem + other.pem)}) == 2
    assert summarize_certificates("x") == ["malformed"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no certificate"),
        ("-----BEGIN CERTIFICATE-----\n", "no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "1 is malformed"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "`PUBLIC KEY`, not a"),
        ("x" * 600_000, "more than"),
    ],
)
def test_what_is_no_certificate_is_refused(text: str, told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        normalize_certificates(text, "ca")


def test_a_duration_has_a_unit() -> None:
    found = [read_duration(text, "m", "1ms", "24h") for text in ("1ms", "90s", "10m", "1h")]
    assert found == [0.001, 90.0, 600.0, 3_600.0]
    for text in ("", "1", "s", "-1s", "1.5s", "1 s", "1S", "1d", "٣s", "25h", "9999999999s"):
        with pytest.raises(Misconfigured, match=r"duration|too"):
            read_duration(text, "m", "1ms", "24h")
