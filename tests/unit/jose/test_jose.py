"""The profile: what is refused before and after any cryptography."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durward.core.errors import Misconfigured, ProtocolError
from durward.core.jose import life
from durward.core.jose.jwk import KeySet, parse_public_key
from durward.core.jose.jws import MAX_TOKEN_BYTES, compact, key_named, signing_input, verify
from durward.core.jose.jwt import verify_jwt
from durward.core.values import Instant, Seconds
from durward.core.wire import JsonLike, encode_base64url
from durward.keys.signing import Signer, generate, load_signer

NOW = Instant(1_800_000_000_000_000)
SECOND = 1_800_000_000
ES, RS, ED = generate("ES256"), generate("RS256"), generate("Ed25519")
KEYS = KeySet.parse({"keys": [dict(key.public_jwk) for key in (ES, RS, ED)]})
ALL = ("ES256", "RS256", "Ed25519")
CLAIMS: dict[str, JsonLike] = {"iss": "me", "aud": ["you"], "exp": SECOND + 60, "iat": SECOND}


def signed(header: Mapping[str, JsonLike], payload: bytes = b"{}", by: Signer = ES) -> str:
    data = signing_input({"alg": by.algorithm, "kid": by.kid, **header}, payload)
    return compact(data, by.sign(data))


def claims_of(token: str, **changes: Any) -> Mapping[str, Any]:
    expected: dict[str, Any] = {
        "keys": KEYS,
        "algorithms": ALL,
        "types": ("jwt", ""),
        "issuer": "me",
        "audiences": ("you",),
        "now": NOW,
        "skew": Seconds(0),
    }
    return verify_jwt(token, **{**expected, **changes})


def token(typ: str = "JWT", **changes: JsonLike) -> str:
    sent = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return ES.token(typ, sent, ES.kid)


@pytest.mark.parametrize("signer", [ES, RS, ED], ids=lambda signer: signer.algorithm)
def test_what_a_key_signed_verifies_also_after_it_was_at_rest(signer: Signer) -> None:
    again = load_signer(signer.algorithm, signer.to_bytes())
    assert again.kid == signer.kid
    assert verify(signed({}, b"x", again), KEYS, ALL).payload == b"x"
    assert repr(signer) == f"Signer({signer.algorithm}, •••)"


@pytest.mark.requirement("AS-38")
@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "HS256", "", None, 1, ["ES256"]])
def test_an_algorithm_that_is_not_allowed_is_refused(name: JsonLike) -> None:
    with pytest.raises(ProtocolError):
        verify(signed({"alg": name}), KEYS, ALL)


@pytest.mark.requirement("AS-38")
def test_an_unsigned_token_is_refused() -> None:
    head = encode_base64url(b'{"alg":"none"}')
    with pytest.raises(ProtocolError):
        verify(f"{head}.{encode_base64url(b'{}')}.", KEYS, ALL)


@pytest.mark.requirement("AS-39")
def test_a_key_verifies_one_algorithm() -> None:
    with pytest.raises(ProtocolError):
        verify(signed({"alg": "PS256"}, by=RS), KEYS, ("PS256", *ALL))


@pytest.mark.requirement("AS-42")
@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_comes_with_the_token_is_never_used(name: str) -> None:
    mallory = generate("ES256")
    with pytest.raises(ProtocolError):
        verify(signed({name: dict(mallory.public_jwk), "kid": ES.kid}, by=mallory), KEYS, ALL)


@pytest.mark.requirement("AS-42")
@pytest.mark.parametrize("kid", ["../../dev/null", "' OR 1=1", 1, ["x"], {"a": 1}, ""])
def test_a_kid_is_only_compared(kid: JsonLike) -> None:
    with pytest.raises(ProtocolError):
        verify(signed({"kid": kid}), KEYS, ALL)


@pytest.mark.requirement("AS-47")
@pytest.mark.parametrize(
    "header", [{"crit": ["exp"]}, {"crit": []}, {"b64": False, "crit": ["b64"]}]
)
def test_critical_extensions_are_refused(header: dict[str, JsonLike]) -> None:
    with pytest.raises(ProtocolError):
        verify(signed(header), KEYS, ALL)


@pytest.mark.requirement("AS-45")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text + "=",
        lambda text: text + ".x",
        lambda text: text.replace(".", ".\n", 1),
        lambda text: text[:-2],
        lambda text: " " + text,
        lambda text: text + "\u00e9",
        lambda text: text + "A" * 20_000,
        lambda text: "." + text.partition(".")[2],
        lambda text: encode_base64url(b"[]") + "." + text.partition(".")[2],
        lambda text: (
            encode_base64url(b'{"alg":"ES256","alg":"ES256"}') + "." + text.partition(".")[2]
        ),
    ],
)
def test_only_the_one_compact_form_is_read(spoil: Any) -> None:
    with pytest.raises(ProtocolError):
        verify(spoil(signed({})), KEYS, ALL)


@given(st.text(max_size=60))
def test_any_text_is_a_token_or_a_protocol_error(text: str) -> None:
    with pytest.raises(ProtocolError):
        verify(text, KEYS, ALL)


@pytest.mark.parametrize(
    "change",
    [
        {"d": "AAAA"},
        {"kty": "oct", "k": "AAAA"},
        {"alg": None},
        {"alg": "RS256"},
        {"crv": "P-384"},
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"kid": 1},
        {"x": "AAAA"},
        {"x": "=="},
    ],
)
def test_a_key_that_is_not_a_public_key_of_the_profile_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        parse_public_key({**ES.public_jwk, **change})


@pytest.mark.requirement("AS-46")
@pytest.mark.parametrize(
    "change", [{"n": encode_base64url(b"\xff" * 128)}, {"e": "AQ"}, {"e": "Ag"}, {"n": ""}]
)
def test_a_weak_rsa_key_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ProtocolError):
        parse_public_key({**RS.public_jwk, **change})


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"keys": {}},
        {"keys": [1]},
        {"keys": [dict(ES.public_jwk)] * 2},
        b"{",
        b'{"keys":[1]}',
    ],
)
def test_what_is_no_set_of_keys_is_refused(value: Any) -> None:
    with pytest.raises(ProtocolError):
        KeySet.parse(value)


FOREIGN: list[Any] = [
    {"kty": "EC", "crv": "P-521", "alg": "ES512", "x": "AA", "y": "AA"},
    {"kty": "EC", "crv": "secp256k1", "alg": "ES256K", "x": "AA", "y": "AA"},
    {"kty": "OKP", "crv": "X25519", "x": "AA", "use": "enc"},
    {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
    {**RS.public_jwk, "use": "enc"},
    {**RS.public_jwk, "alg": "RSA-OAEP"},
    {**RS.public_jwk, "key_ops": ["encrypt"]},
    {name: value for name, value in RS.public_jwk.items() if name != "alg"},
    {},
]


def test_keys_of_other_kinds_and_uses_are_passed_over() -> None:
    """RFC 7517 §5: one foreign key does not poison a set."""
    keys = KeySet.parse({"keys": [*FOREIGN, dict(ES.public_jwk)]})
    assert [key.kid for key in keys.keys] == [ES.kid]
    assert KeySet.parse({"keys": FOREIGN}).keys == ()


def test_a_key_that_has_one_algorithm_need_not_name_it() -> None:
    for each in (ES, ED):
        bare: Any = {name: value for name, value in each.public_jwk.items() if name != "alg"}
        (key,) = KeySet.parse({"keys": [bare]}).keys
        assert key.algorithm == each.public_jwk["alg"]


@pytest.mark.parametrize(
    "bad",
    [
        {**ES.public_jwk, "d": "AAAA"},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "oct"},
        {"kty": "EC", "crv": "P-521", "alg": "ES512", "d": "AA"},
        {**RS.public_jwk, "use": "enc", "p": "AA"},
        {**ES.public_jwk, "alg": "ES384"},
        {**ES.public_jwk, "x": ES.public_jwk["y"]},
        {**RS.public_jwk, "e": "AQ"},
        {**ES.public_jwk, "alg": None},
    ],
)
def test_what_is_no_public_key_or_a_wrong_one_of_the_profile_is_refused_with_its_place(
    bad: dict[str, Any],
) -> None:
    with pytest.raises(ProtocolError, match="keys/1: "):
        KeySet.parse({"keys": [dict(ES.public_jwk), bad]})


def test_a_thumbprint_names_the_key() -> None:
    """The example of RFC 7638 §3.1 is RSA; ours is recomputed from its members alone."""
    assert parse_public_key(dict(ES.public_jwk)).kid == load_signer("ES256", ES.to_bytes()).kid
    with pytest.raises(ValueError, match="not an algorithm"):
        generate("HS256")


def test_good_claims_are_returned() -> None:
    assert claims_of(token())["iss"] == "me"
    assert claims_of(token(aud="you"))["aud"] == "you"
    assert claims_of(token("application/jwt"))
    assert claims_of(ES.jws("JWT", json.dumps(CLAIMS).encode(), ES.kid))


@pytest.mark.requirement("AS-40", "AS-41")
@pytest.mark.parametrize(
    "change",
    [
        {"typ": "at+jwt"},
        {"iss": None},
        {"iss": "you"},
        {"iss": ["me"]},
        {"aud": None},
        {"aud": []},
        {"aud": "me"},
        {"aud": [1]},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"nbf": SECOND + 1},
        {"iat": SECOND + 1},
        {"iat": "now"},
    ],
)
def test_every_protecting_claim_is_checked(change: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        claims_of(token(**change))


@pytest.mark.parametrize("payload", [b"[]", b"{", b'{"iss":"me","iss":"me"}'])
def test_claims_are_one_strict_object(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        claims_of(ES.jws("JWT", payload, ES.kid))


def test_a_type_that_is_not_text_is_refused() -> None:
    with pytest.raises(ProtocolError):
        claims_of(signed({"typ": 1}, json.dumps(CLAIMS).encode()))


@pytest.mark.requirement("AS-48")
@pytest.mark.parametrize(("offset", "accepted"), [(-1, True), (0, False), (1, False)])
def test_a_token_is_refused_from_its_expiry_second_on(offset: int, accepted: bool) -> None:
    now = Instant(NOW + (60 + offset) * 1_000_000)
    if accepted:
        assert claims_of(token(), now=now)
    else:
        with pytest.raises(ProtocolError):
            claims_of(token(), now=now)
    assert claims_of(token(), now=now, skew=Seconds(1))


@pytest.mark.requirement("AS-48")
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(("off", "accepted"), [(10, True), (11, False)])
def test_a_clock_that_differs_by_the_skew_is_taken_either_way(
    claim: str, off: int, accepted: bool
) -> None:
    changed: dict[str, JsonLike] = {claim: SECOND - off if claim == "exp" else SECOND + off}
    sent = token("JWT", **changed)
    if accepted:
        assert claims_of(sent, skew=Seconds(10))
    else:
        with pytest.raises(ProtocolError):
            claims_of(sent, skew=Seconds(10))


@pytest.mark.parametrize("missing", [{"issuer": ""}, {"audiences": ()}, {"skew": Seconds(61)}])
def test_nothing_that_protects_can_be_left_out(missing: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="required"):
        claims_of(token(), **missing)


LEAST = life.MinimumTimes(Seconds(10), Seconds(20))


class Key:
    def __init__(self, kid: str, signs_from: int, retired_at: int | None = None) -> None:
        self.kid, self.purpose = kid, "access"
        self.signs_from = Instant(signs_from)
        self.retired_at = Instant(retired_at) if retired_at else None


def test_a_key_is_published_before_it_signs_and_after_the_next_one_does() -> None:
    turn = life.rotation(Instant(0), LEAST, Seconds(10), Seconds(20))
    assert turn == life.rotation(Instant(0), LEAST)
    assert turn == life.Rotation(Instant(10_000_000), Instant(30_000_000))
    old, new = Key("old", 0, turn.retired_at), Key("new", turn.signs_from)
    expected = {0: "old", 9_999_999: "old", 10_000_000: "new", 29_999_999: "new", 30_000_000: "new"}
    for instant, kid in expected.items():
        found = life.signing([old, new], "access", Instant(instant))
        assert found is not None
        assert found.kid == kid
    assert [key.kid for key in life.published([old, new], Instant(29_999_999))] == ["old", "new"]
    assert [key.kid for key in life.published([old, new], Instant(30_000_000))] == ["new"]
    assert life.signing([old, new], "id", Instant(0)) is None


@pytest.mark.parametrize(
    ("ahead", "grace"),
    [(9, 20), (10, 19), (0, 0), (-1, 20), (10, -1), (life.LONGEST + 1, 20), (10, 2**63)],
)
def test_a_rotation_in_which_a_good_token_would_be_refused_is_refused(
    ahead: int, grace: int
) -> None:
    with pytest.raises(Misconfigured) as refused:
        life.rotation(Instant(0), LEAST, Seconds(ahead), Seconds(grace))
    assert "unsafe-now" in refused.value.hint


def test_a_key_whose_end_is_set_does_not_sign_again() -> None:
    """What it signed would outlive it: `early` was to sign late, and was replaced before it did."""
    old, early, late = Key("old", 0, 300), Key("early", 100, 400), Key("late", 50)
    expected = {0: "old", 49: "old", 50: "late", 100: "late", 399: "late"}
    for instant, kid in expected.items():
        found = life.signing([old, early, late], "access", Instant(instant))
        assert found is not None
        assert found.kid == kid


def test_the_name_of_a_key_is_read_from_a_token_that_nobody_has_verified() -> None:
    """RFC 7515 §4.1.4: it is good to find a key by, and proves nothing."""
    assert key_named(signed({})) == ES.kid
    assert key_named(signed({"kid": "another"}).partition(".")[0]) == "another"


@pytest.mark.parametrize(
    "header", [b"{}", b'{"kid": 1}', b'{"kid": null}', b'["kid"]', b"{", b"\xff", b""]
)
def test_a_token_that_names_no_key_has_none(header: bytes) -> None:
    assert key_named(f"{encode_base64url(header)}.e30.c2ln") is None


def test_a_token_that_is_too_long_is_not_looked_at() -> None:
    named = signed({})
    assert key_named(named + "x" * (MAX_TOKEN_BYTES - len(named))) == ES.kid
    assert key_named(named + "x" * (MAX_TOKEN_BYTES - len(named) + 1)) is None
    assert key_named("=?=.e30.c2ln") is None
