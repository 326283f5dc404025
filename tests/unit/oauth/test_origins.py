"""Origins of pages: as browsers send them, and as they may be declared."""

import pytest

from durward.core.configuration.client import Client
from durward.core.configuration.redirect_uri import origin_of


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        ("https://app.example/back?x=1", "https://app.example"),
        ("https://APP.example:443/", "https://app.example"),
        ("http://127.0.0.1:8490/callback", "http://127.0.0.1:8490"),
        ("http://[::1]:80/", "http://[::1]"),
        ("https://app.example:8443", "https://app.example:8443"),
        ("com.example.app:/back", None),
    ],
)
def test_the_origin_of_a_uri(uri: str, origin: str | None) -> None:
    assert origin_of(uri) == origin


@pytest.mark.parametrize(
    ("origin", "problem"),
    [
        ("https://app.example/", "write `https://app.example`"),
        ("https://App.example:443", "write `https://app.example`"),
        ("http://app.example", "`http` is accepted for loopback only"),
        ("*", "wildcard"),
        ("https://*.example", "wildcard"),
        ("null", "`` is not a scheme"),
        ("com.example.app:/", "write `https://app.example.com`"),
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(origin: str, problem: str) -> None:
    client = Client(tenant="acme", redirect_uris=("https://a.example/",), origins=(origin,))
    (found,) = client.problems("spa", ())
    assert "`origins`" in found
    assert problem in found


def test_a_client_that_no_person_signs_in_with_has_the_origins_that_it_declares() -> None:
    client = Client(
        tenant="acme",
        grants=("client_credentials",),
        redirect_uris=("https://a.example/",),
        origins=("https://b.example",),
    )
    assert [*client.page_origins] == ["https://b.example"]
