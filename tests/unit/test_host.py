"""Names of hosts, declared and asked for."""

import re

import pytest

from durward.core.host import AUTHORITY, asked_host, declared_host, host_of_url


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("api.example.com", "api.example.com"),
        ("API.Example.COM", "api.example.com"),
        ("localhost", "localhost"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("Straße.example", "xn--strae-oqa.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[0:0:0:0:0:0:0:1]", "[::1]"),
    ],
)
def test_a_declared_host_has_one_form(written: str, host: str) -> None:
    assert declared_host(written) == host
    assert re.fullmatch(AUTHORITY, host)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("*.example.com", "wildcards are not supported"),
        ("https://api.example.com", "is a URL; write the name alone"),
        ("api.example.com/v1", "is a URL"),
        ("api.example.com:443", "has a port; write the name alone"),
        ("[::1]:443", "has a port"),
        ("api.example.com.", "ends in a dot; write `api.example.com`"),
        ("127.1", "write `api.example.com`"),
        ("a b.example", "not a host name"),
        ("a..example", "not a host name"),
        ("a_b.example", "not a host name"),
        ("☃\u200b\u0300.example", "not a host name"),
        ("", "is not a host name; write `api.example.com`"),
        ("::1", "an IPv6 address in brackets"),
        ("[::1", "an IPv6 address in brackets"),
        ("[::1]x", "write `api.example.com`"),
        ("[fe80::1%25eth0]", "write `api.example.com`"),
    ],
)
def test_what_is_no_host_is_told(written: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        declared_host(written)


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        *(("a.example", "a.example"), ("A.Example:8443", "a.example"), ("a.example:", "a.example")),
        *(("[::1]", "[::1]"), ("[::1]:80", "[::1]"), ("", "")),
    ],
)
def test_case_and_port_of_a_request_do_not_count(authority: str, host: str) -> None:
    assert asked_host(authority) == host
    assert host_of_url(f"https://{authority}/x") == host


@pytest.mark.parametrize(
    "authority",
    [
        "",
        "a.example.",
        "a..b",
        "a,b",
        "a b",
        "a@b",
        "a/b",
        "[::1",
        "a:b",
        "a:1:2",
        ":80",
        "a%2e",
        "é",
    ],
)
def test_what_names_no_host_is_not_let_through(authority: str) -> None:
    assert not re.fullmatch(AUTHORITY, authority)
