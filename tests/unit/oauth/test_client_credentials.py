"""A service signs in: forms, proofs, the grant, the claims."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durward.core.address import Address
from durward.core.api import Api
from durward.core.configuration.client import Client
from durward.core.configuration.profile import Profile, ProfileDemand
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.jose.jwk import KeySet
from durward.core.oauth import client_auth
from durward.core.oauth.claims import TokenGrant, TokenPolicy, access_claims
from durward.core.oauth.form import parse_form
from durward.core.oauth.grants import client_credentials
from durward.core.oauth.metadata import server_metadata
from durward.core.oauth.requirements import Requirements
from durward.core.oauth.resource import is_named
from durward.core.upstream import Upstream
from durward.core.values import ApiId, ClientId, Instant, Secret
from durward.core.wire import JsonLike
from durward.keys.signing import generate

NOW = Instant(1_800_000_000_000_000)
SECOND = 1_800_000_000
JOB = ClientId("job")
ORDERS = Api(
    ApiId("orders"), "http://orders", "s", Upstream((Address("/x"),)), (), {"read": "", "write": ""}
)
OTHER = Api(ApiId("other"), "http://other", "s", Upstream((Address("/x"),)), (), {"read": ""})
APIS = {"orders": ORDERS, "other": OTHER}
CLIENT = Client(
    tenant="acme",
    grants=("client_credentials",),
    apis=("orders",),
    scopes=("read", "write", "gone"),
    roles=("reporter",),
)
KEY = generate("ES256")
KEYS = KeySet.parse({"keys": [dict(KEY.public_jwk)]})
ISSUER = "http://issuer"


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


DECISIONS = f"{ISSUER}/access/v1"


def granted(client: Client, form: dict[str, Any] | None = None) -> TokenGrant:
    return client_credentials.grant(JOB, client, form or {}, APIS, DECISIONS)


def code_of(caught: pytest.ExceptionInfo[ProtocolError]) -> ErrorCode:
    return caught.value.code


@pytest.mark.requirement("AS-8")
@pytest.mark.parametrize("body", [b"a=1&b=2&", b"&a=1&&b=2", b"a=1&c&b=2", b"c=&a=1&b=2"])
def test_a_form_with_nothing_between_two_signs_is_read(body: bytes) -> None:
    assert parse_form(body) == {"a": ("1",), "b": ("2",)}


@pytest.mark.requirement("AS-8")
@pytest.mark.parametrize(
    "body",
    [b"a=1&a=2", b"a=%ff", b"a=%00", b"\xff=1", b"a=1&" * 60, b"a=" + b"1" * 70_000],
)
def test_a_form_that_is_ambiguous_or_unreadable_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_form(body)
    assert code_of(caught) is ErrorCode.INVALID_REQUEST


@pytest.mark.requirement("AS-8")
def test_unknown_parameters_are_kept_aside_and_empty_ones_count_as_not_sent() -> None:
    assert parse_form(b"a=1&b=&resource=x&resource=y") == {"a": ("1",), "resource": ("x", "y")}
    assert parse_form(b"") == {}


@given(st.binary(max_size=80))
def test_any_bytes_are_a_form_or_a_protocol_error(body: bytes) -> None:
    try:
        found = parse_form(body)
    except ProtocolError:
        return
    assert all(values for values in found.values())


@pytest.mark.requirement("AS-23")
def test_a_secret_is_read_from_the_header_form_decoded_and_from_the_body() -> None:
    """With `+` and `@` in names, of clients that encode both parts and of those that do not."""
    for sent in ("my+job@acme:s-c_t", "my%2Bjob%40acme:s-c_t", "my%2bjob@acme:s%2Dc%5Ft"):
        proof = client_auth.read_proof(basic(sent), {})
        assert isinstance(proof, client_auth.SecretProof)
        assert (proof.client, proof.secret.reveal()) == ("my+job@acme", "s-c_t")
    posted = client_auth.read_proof(None, {"client_id": ("job",), "client_secret": ("x",)})
    assert isinstance(posted, client_auth.SecretProof)
    assert posted.method == "client_secret_post"
    assert client_auth.read_proof(None, {"client_id": ("app",)}) == client_auth.NoProof(
        ClientId("app")
    )


@pytest.mark.requirement("AS-24")
@pytest.mark.parametrize(
    ("authorization", "form"),
    [
        (basic("job:x"), {"client_secret": ("x",)}),
        (basic("job:x"), {"client_assertion_type": (client_auth.ASSERTION_TYPE,)}),
        (
            None,
            {"client_secret": ("x",), "client_assertion_type": (client_auth.ASSERTION_TYPE,)},
        ),
    ],
)
def test_more_than_one_method_is_refused(authorization: str | None, form: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as caught:
        client_auth.read_proof(authorization, form)
    assert code_of(caught) is ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize(
    ("authorization", "form"),
    [
        ("Bearer x", {}),
        ("Basic %", {}),
        (basic("job"), {}),
        (basic(":x"), {}),
        (basic("job:"), {}),
        (basic("job:x"), {"client_id": ("other",)}),
        ("Basic " + base64.b64encode(b"\xff:x").decode(), {}),
        (None, {}),
        (None, {"client_assertion": ("x.y.z",)}),
        (None, {"client_assertion_type": (client_auth.ASSERTION_TYPE,)}),
        (None, {"client_assertion_type": ("saml",), "client_assertion": ("x",)}),
    ],
)
def test_a_proof_that_cannot_be_read_is_of_no_client(
    authorization: str | None, form: dict[str, Any]
) -> None:
    with pytest.raises(ProtocolError) as caught:
        client_auth.read_proof(authorization, form)
    assert code_of(caught) is ErrorCode.INVALID_CLIENT
    assert caught.value.public == "client authentication failed"


def test_a_secret_is_compared_with_every_hash() -> None:
    proof = client_auth.SecretProof(JOB, Secret("x"), "client_secret_basic")
    assert client_auth.secret_matches(proof, [Secret("y").sha256(), Secret("x").sha256()])
    assert not client_auth.secret_matches(proof, [Secret("y").sha256()])
    assert not client_auth.secret_matches(proof, [])


def assertion(**changes: JsonLike) -> client_auth.AssertionProof:
    claims: dict[str, JsonLike] = {
        "iss": "job",
        "sub": "job",
        "aud": ISSUER,
        "jti": "1",
        "exp": SECOND + 60,
        **changes,
    }
    sent = {name: value for name, value in claims.items() if value is not None}
    form = {
        "client_assertion_type": (client_auth.ASSERTION_TYPE,),
        "client_assertion": (KEY.token("JWT", sent, KEY.kid),),
    }
    proof = client_auth.read_proof(None, form)
    assert isinstance(proof, client_auth.AssertionProof)
    return proof


def verified(
    proof: client_auth.AssertionProof, profile: Profile = Profile.OAUTH21
) -> client_auth.OnceOnly:
    audiences, demanded = (
        (ISSUER, f"{ISSUER}/token"),
        Requirements(profile, is_authenticated=True, waivers={}),
    )
    return client_auth.verify_assertion(proof, JOB, KEYS, audiences, demanded, NOW)


@pytest.mark.requirement("AS-28")
def test_a_signed_assertion_proves_the_client_once() -> None:
    once = verified(assertion())
    assert once.jti == "1"
    assert once.expires_at > NOW + 60_000_000
    assert verified(assertion(aud=f"{ISSUER}/token")).jti == "1"
    assert verified(assertion(aud=[ISSUER])).jti == "1"


@pytest.mark.requirement("AS-28")
@pytest.mark.parametrize("ahead", [0, 3, 10])
def test_a_client_whose_clock_is_ahead_is_taken(ahead: int) -> None:
    """Also if its assertion lives as long as one may: an hour, five minutes on the FAPI rungs."""
    then = SECOND + ahead
    once = verified(assertion(iat=then, nbf=then, exp=then + 3_600))
    assert once.expires_at > NOW + 3_600_000_000, "it is known as used for as long as it counts"
    strict = assertion(iat=then, nbf=then, exp=then + 300)
    assert verified(strict, Profile.FAPI2_SP).jti == "1"
    with pytest.raises(ProtocolError):
        verified(assertion(iat=then, exp=then + 3_600), Profile.FAPI2_SP)


@pytest.mark.requirement("AS-28")
def test_a_client_whose_clock_is_behind_is_taken_as_far() -> None:
    once = verified(assertion(exp=SECOND - 10))
    assert once.expires_at > NOW, "and it is known as used until it would be refused"


@pytest.mark.requirement("AS-87")
@pytest.mark.parametrize(
    ("demanded", "seconds", "accepted"),
    [
        ({ProfileDemand.SHORT_ASSERTIONS}, 310, True),
        ({ProfileDemand.SHORT_ASSERTIONS}, 311, False),
        ({ProfileDemand.ISSUER_AS_AUDIENCE}, 3_610, True),
    ],
)
def test_how_long_an_assertion_may_live_is_a_demand_of_its_own(
    monkeypatch: pytest.MonkeyPatch, demanded: set[ProfileDemand], seconds: int, accepted: bool
) -> None:
    monkeypatch.setattr(Requirements, "demands", lambda _, demand: demand in demanded)
    sent = assertion(exp=SECOND + seconds)
    if accepted:
        assert verified(sent).jti == "1"
    else:
        with pytest.raises(ProtocolError):
            verified(sent)


@pytest.mark.requirement("AS-28", "AS-87")
@pytest.mark.parametrize("aud", [f"{ISSUER}/token", [ISSUER], [ISSUER, f"{ISSUER}/token"]])
def test_on_a_fapi_profile_the_audience_is_the_issuer_as_a_string(aud: JsonLike) -> None:
    """FAPI 2.0 Security Profile §5.3.2.1 item 8."""
    assert verified(assertion(), Profile.FAPI2_SP).jti == "1"
    with pytest.raises(ProtocolError) as caught:
        verified(assertion(aud=aud), Profile.FAPI2_SP)
    assert caught.value.code is ErrorCode.INVALID_CLIENT


@pytest.mark.requirement("AS-87")
@pytest.mark.parametrize("profile", [Profile.FAPI2_SP, Profile.FAPI2_MS])
def test_a_fapi_profile_takes_keys_alone(profile: Profile) -> None:
    demanded = Requirements(profile, is_authenticated=True, waivers={})
    client_auth.check_method("private_key_jwt", demanded)
    for method in ("client_secret_basic", "client_secret_post", "none"):
        with pytest.raises(ProtocolError) as caught:
            client_auth.check_method(method, demanded)
        assert caught.value.code is ErrorCode.INVALID_CLIENT


@pytest.mark.requirement("AS-28")
@pytest.mark.parametrize(
    "change",
    [
        {"iss": "other"},
        {"sub": "other"},
        {"aud": "http://elsewhere"},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 300},
        {"exp": None},
        {"exp": SECOND - 11},
        {"exp": SECOND + 3_611},
        {"iat": SECOND + 60},
        {"nbf": SECOND + 60},
    ],
)
def test_an_assertion_that_is_not_the_clients_own_for_us_is_refused(
    change: dict[str, JsonLike],
) -> None:
    with pytest.raises(ProtocolError) as caught:
        verified(assertion(**change))
    assert code_of(caught) is ErrorCode.INVALID_CLIENT


@pytest.mark.parametrize("text", ["x", "a.b.c", "a.W10.c"])
def test_an_assertion_that_names_nobody_is_refused(text: str) -> None:
    form = {
        "client_assertion_type": (client_auth.ASSERTION_TYPE,),
        "client_assertion": (text,),
    }
    with pytest.raises(ProtocolError):
        client_auth.read_proof(None, form)


@pytest.mark.requirement("AS-51")
def test_the_audience_is_the_resource_or_the_only_api() -> None:
    alone = granted(CLIENT)
    assert (alone.audiences, alone.scopes) == (("http://orders",), ("read", "write"))
    for name in ("http://orders", "http://orders/"):  # an empty path is `/`
        assert granted(CLIENT, {"resource": (name,)}).audiences == ("http://orders",)


@pytest.mark.requirement("AS-51")
@pytest.mark.parametrize(
    ("audience", "asked", "same"),
    [
        ("https://a.example", "https://a.example/", True),
        ("https://a.example/", "https://a.example", True),
        ("https://a.example:8443", "https://a.example:8443/", True),
        ("https://a.example/v1", "https://a.example/v1/", False),
        ("https://a.example/", "https://a.example//", False),
        ("https://a.example", "https://A.example/", False),
        ("https://a.example", "https://a.example/?", False),
        ("https://a.example", "https://a.example.evil.example/", False),
        ("", "/", False),
    ],
)
def test_only_the_slash_of_an_empty_path_may_be_missing(
    audience: str, asked: str, same: bool
) -> None:
    assert is_named(audience, (asked,)) is same
    assert not is_named(audience, (audience, "https://b.example"))


@pytest.mark.requirement("AS-51")
@pytest.mark.parametrize(
    ("apis", "form"),
    [
        (("orders", "other"), {}),
        ((), {}),
        (("orders",), {"resource": ("http://other",)}),
        (("orders", "other"), {"resource": ("http://orders", "http://other")}),
        (("orders",), {"resource": ("http://orders/x",)}),
    ],
)
def test_a_resource_that_is_missing_ambiguous_or_foreign_is_refused(
    apis: tuple[str, ...], form: dict[str, Any]
) -> None:
    client = Client(tenant="acme", grants=("client_credentials",), apis=apis, scopes=("read",))
    with pytest.raises(ProtocolError) as caught:
        granted(client, form)
    assert code_of(caught) is ErrorCode.INVALID_TARGET


@pytest.mark.requirement("AS-51")
def test_a_token_to_ask_for_decisions_is_for_clients_that_are_declared_to_ask() -> None:
    gate = Client(tenant="acme", grants=("client_credentials",), authzen_apis=("orders",))
    found = granted(gate, {"resource": (DECISIONS,)})
    assert (found.audiences, found.scopes) == ((DECISIONS,), ())
    for client, form in ((CLIENT, {"resource": (DECISIONS,)}), (gate, {})):
        with pytest.raises(ProtocolError) as caught:
            granted(client, form)
        assert code_of(caught) is ErrorCode.INVALID_TARGET


@pytest.mark.requirement("AS-30")
@pytest.mark.parametrize("scope", ["gone", "admin gone", " ", 'read a"b', "read \u00e9"])
def test_a_scope_is_never_widened(scope: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        granted(CLIENT, {"scope": (scope,)})
    assert code_of(caught) is ErrorCode.INVALID_SCOPE


@pytest.mark.requirement("AS-30")
@pytest.mark.parametrize("scope", ["read admin", " read", "read  gone ", "admin read read"])
def test_of_a_scope_what_the_client_may_have_is_left(scope: str) -> None:
    """OIDC Core §3.1.2.1: unknown ones are ignored. RFC 6749 §3.3: it is told what was granted."""
    assert granted(CLIENT, {"scope": (scope,)}).scopes == ("read",)


@pytest.mark.requirement("AS-29")
def test_a_client_uses_only_the_grants_it_is_registered_for() -> None:
    client = Client(tenant="acme", apis=("orders",))
    with pytest.raises(ProtocolError) as caught:
        granted(client)
    assert code_of(caught) is ErrorCode.UNAUTHORIZED_CLIENT


@pytest.mark.requirement("AS-50", "AS-52")
def test_an_access_token_says_who_for_what_and_until_when_and_no_more() -> None:
    grant = granted(CLIENT, {"scope": ("read",)})
    assert access_claims(grant, ISSUER, "t1", NOW, TokenPolicy()) == {
        "iss": ISSUER,
        "sub": "job",
        "aud": "http://orders",
        "client_id": "job",
        "iat": SECOND,
        "exp": SECOND + 300,
        "jti": "t1",
        "scope": "read",
        "tenant": "acme",
        "roles": ("reporter",),
    }


@pytest.mark.requirement("AS-72")
def test_the_metadata_says_only_what_is_true() -> None:
    found = server_metadata(ISSUER, {"b", "a"})
    assert found["issuer"] == ISSUER
    assert found["scopes_supported"] == ["a", "b", "email", "offline_access", "openid", "profile"]
    assert found["response_types_supported"] == ["code"]
    assert not {"registration_endpoint", "introspection_endpoint"} & set(found)
