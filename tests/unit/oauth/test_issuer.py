"""What an issuer may be called."""

import pytest

from durward.core.errors import Misconfigured
from durward.core.oauth.issuer import check_issuer


@pytest.mark.parametrize(
    "issuer",
    [
        "https://issuer.example",
        "https://issuer.example:8443",
        "https://[2001:db8::1]",
        "http://localhost:8470",
        "http://dev.localhost",
        "http://127.0.0.1:1",
        "http://127.9.9.9",
        "http://[::1]:8470",
    ],
)
def test_https_or_http_on_this_machine(issuer: str) -> None:
    check_issuer(issuer)


@pytest.mark.parametrize(
    ("issuer", "problem"),
    [
        ("http://issuer.example", "is not https"),
        ("http://10.0.0.1:8470", "is not https"),
        ("http://0.0.0.0:8470", "is not https"),
        ("http://localhost.example", "is not https"),
        ("http://notlocalhost", "is not https"),
        ("http://127.0.0.1.nip.io", "is not https"),
        ("ftp://localhost", "is not https"),
        ("https://issuer.example/", "more than a scheme"),
        ("https://issuer.example/tenant", "more than a scheme"),
        ("https://issuer.example?x", "more than a scheme"),
        ("https://issuer.example#x", "more than a scheme"),
        ("https://me@issuer.example", "more than a scheme"),
        ("https://Issuer.example", "capital letters"),
        ("HTTPS://issuer.example", "more than a scheme"),
        ("issuer.example", "not a URL"),
        ("https://", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://issuer.example:x", "not a URL"),
        ("https://issuer .example", "not a URL"),
        ("https://\u00ecssuer.example", "not a URL"),
        ("", "not a URL"),
    ],
)
def test_anything_else_is_refused(issuer: str, problem: str) -> None:
    with pytest.raises(Misconfigured, match=problem):
        check_issuer(issuer)
