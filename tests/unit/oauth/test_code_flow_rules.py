"""The small rules: PKCE, redirect URIs, refresh tokens, ID tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durward.core.configuration.redirect_uri import check_redirect_uri
from durward.core.errors import ErrorCode, Misconfigured, ProtocolError
from durward.core.jose.jwk import KeySet
from durward.core.oauth import pkce
from durward.core.oauth.claims import TokenGrant
from durward.core.oauth.grants.refresh_token import (
    Presented,
    RefreshOutcome,
    narrowed,
    refresh_outcome,
    successor,
)
from durward.core.oauth.id_token import TYPE, Hint, id_claims, token_hash, verify_hint
from durward.core.oauth.redirect import ClientAnswer, answer, is_registered, place_of
from durward.core.values import (
    ClientId,
    Instant,
    Seconds,
    Secret,
    SessionId,
    TenantId,
    UserId,
    later,
)
from durward.keys.signing import generate

NOW = Instant(1_800_000_000_000_000)
KEY = generate("RS256")
KEYS = KeySet.parse({"keys": [dict(KEY.public_jwk)]})
GRANT = TokenGrant(
    "ann", ClientId("desk"), TenantId("acme"), ("https://api",), ("openid",), session=SessionId("s")
)


def test_the_example_of_the_specification_fits() -> None:
    """RFC 7636, Appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    pkce.verify("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", verifier)


@pytest.mark.requirement("AS-6")
@given(st.text(max_size=200) | st.none())
def test_no_other_verifier_fits(verifier: str | None) -> None:
    with pytest.raises(ProtocolError) as refused:
        pkce.verify("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", verifier)
    assert refused.value.code is ErrorCode.INVALID_GRANT


@pytest.mark.requirement("AS-2")
@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/back",
        "https://app.example/back#part",
        "https://*.app.example/back",
        "https://me@app.example/back",
        "https:///back",
        "myapp:/back",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://app.example/b ack",
        "https://app.example/" + "b" * 2_000,
        "https://app.example:port/",
        "",
    ],
)
def test_such_an_address_cannot_be_declared(uri: str) -> None:
    with pytest.raises(Misconfigured):
        check_redirect_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/back?a=b",
        "http://127.0.0.1/callback",
        "http://[::1]:80/callback",
        "http://localhost:3000/callback",
        "com.example.app:/back",
    ],
)
def test_such_an_address_can_be_declared(uri: str) -> None:
    check_redirect_uri(uri)


@pytest.mark.requirement("AS-1")
@pytest.mark.parametrize(
    ("asked", "native", "accepted"),
    [
        ("http://127.0.0.1/callback", False, True),
        ("http://127.0.0.1:4711/callback", True, True),
        ("http://[::1]:4711/callback", True, True),
        ("http://127.0.0.1:4711/callback", False, False),
        ("http://127.0.0.1:0/callback", True, False),
        ("http://127.0.0.1:99999999/callback", True, False),
        ("http://127.0.0.1:4711/callback/", True, False),
        ("http://127.0.0.1:4711/other", True, False),
        ("http://127.0.0.1:4711@evil.example/callback", True, False),
        ("http://127.0.0.2:4711/callback", True, False),
        ("http://localhost:4711/callback", True, False),
        ("https://127.0.0.1:4711/callback", True, False),
        ("http://127.0.0.1:4711/callback#x", True, False),
        ("http://127.0.0.1:4711/callback\n", True, False),
    ],
)
def test_only_the_port_of_a_native_clients_loopback_address_may_vary(
    asked: str, native: bool, accepted: bool
) -> None:
    registered = ["http://127.0.0.1/callback", "http://[::1]/callback"]
    assert is_registered(asked, registered, native=native) == accepted


@pytest.mark.requirement("AS-1")
@pytest.mark.parametrize(
    ("asked", "native", "accepted"),
    [
        ("http://localhost:4711/callback", True, True),
        ("http://localhost:4711/callback", False, False),
        ("http://localhost.evil.example:4711/callback", True, False),
        ("http://LOCALHOST:4711/callback", True, False),
        ("http://127.0.0.1:4711/callback", True, False),
    ],
)
def test_localhost_counts_where_it_is_declared(asked: str, native: bool, accepted: bool) -> None:
    assert is_registered(asked, ["http://localhost/callback"], native=native) == accepted


@pytest.mark.requirement("AS-11")
def test_an_answer_names_its_issuer_and_escapes_what_it_carries() -> None:
    told = {"code": "a b&c=d#e", "state": None}
    back, issuer = "https://app.example/back?x=1", "https://issuer.example"
    encoded = "code=a%20b%26c%3Dd%23e&iss=https%3A%2F%2Fissuer.example"
    assert answer(back, "query", told, issuer) == ClientAnswer(f"{back}&{encoded}")
    posted = ClientAnswer(back, {"code": "a b&c=d#e", "iss": issuer})
    assert answer(back, "form_post", told, issuer) == posted


def test_people_are_told_the_origin_of_an_address_or_its_scheme() -> None:
    assert place_of("https://app.example:8443/back?x=1") == "https://app.example:8443"
    assert place_of("com.example.app:/back") == "com.example.app:"


@pytest.mark.requirement("AS-35")
@pytest.mark.parametrize(
    ("spent", "expires", "expected"),
    [
        (None, 1, RefreshOutcome.ROTATE),
        (None, 0, RefreshOutcome.EXPIRED),
        (0, 1, RefreshOutcome.REPEAT),
        (9, 1, RefreshOutcome.REPEAT),
        (10, 1, RefreshOutcome.REUSE),
        (11, 1, RefreshOutcome.REUSE),
        (5, 0, RefreshOutcome.EXPIRED),
    ],
)
def test_a_repetition_counts_as_one_for_ten_seconds(
    spent: int | None, expires: int, expected: RefreshOutcome
) -> None:
    spent_at = None if spent is None else later(NOW, Seconds(-spent))
    assert refresh_outcome(Presented(spent_at, later(NOW, Seconds(expires))), NOW) is expected


def test_with_its_successor_used_no_repetition_is_left() -> None:
    expires = later(NOW, Seconds(60))
    assert refresh_outcome(Presented(NOW, expires, succeeded=True), NOW) is RefreshOutcome.REUSE
    assert refresh_outcome(Presented(None, expires), NOW) is RefreshOutcome.ROTATE


def test_of_a_token_there_is_one_successor_and_it_needs_the_familys_key() -> None:
    token = Secret("dwr_x")
    first = successor(b"k" * 32, token).reveal()
    assert first == successor(b"k" * 32, token).reveal()
    assert first != successor(b"l" * 32, token).reveal()
    assert len(first) == len("dwr_") + 43


@pytest.mark.requirement("AS-30")
def test_scopes_are_narrowed_and_never_widened() -> None:
    assert narrowed(("a", "b"), ("a", "b"), None) == ("a", "b")
    assert narrowed(("a", "b"), ("a", "b"), "b") == ("b",)
    assert narrowed(("a", "b"), ("a",), None) == ("a",)
    assert narrowed(("a", "b"), ("a",), "b a") == ("a",)
    for granted, left, asked in ((("a",), ("a",), "a b"), (("a", "b"), ("a",), "b")):
        with pytest.raises(ProtocolError) as refused:
            narrowed(granted, left, asked)
        assert refused.value.code is ErrorCode.INVALID_SCOPE


@pytest.mark.requirement("AS-74")
def test_an_id_token_tells_the_client_who_signed_in() -> None:
    claims = id_claims(GRANT, "https://issuer.example", "token", "n", NOW)
    assert claims["aud"] == "desk"
    assert claims["nonce"] == "n"
    assert claims["exp"] == 1_800_000_300
    assert claims["sid"] == "s"


def test_at_hash_is_the_left_half_of_the_tokens_hash() -> None:
    """OIDC Core, Appendix A.3."""
    token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
    assert token_hash(token) == "77QmUPtjPfzWtF2AnpK9RQ"


def hint(issuer: str = "https://issuer.example", typ: str = TYPE) -> str:
    claims = id_claims(GRANT, issuer, "token", "n", NOW)
    return KEY.token(typ, claims, KEY.kid)


@pytest.mark.requirement("AS-76", "AS-83")
def test_a_hint_is_compared_also_when_it_expired() -> None:
    found = verify_hint(hint(), KEYS, "https://issuer.example")
    assert found == Hint(UserId("ann"), ClientId("desk"), SessionId("s"))


@pytest.mark.parametrize(
    "token", [hint("https://evil.example"), hint(typ="at+jwt"), hint() + "x", "x", ""]
)
def test_what_is_no_id_token_of_ours_is_no_hint(token: str) -> None:
    with pytest.raises(ProtocolError):
        verify_hint(token, KEYS, "https://issuer.example")
