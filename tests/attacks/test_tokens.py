"""Tokens that must not be believed, each sent to the real edge."""

import hmac
import json
import string
import time

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from tests.live import LiveEdge

from durward.core.wire import Json, decode_base64url, encode_base64url

ORDER = "/v1/acme/orders/1001"


def status(edge: LiveEdge, token: str) -> int:
    return edge.get(ORDER, authorization=f"Bearer {token}").status_code


def encode(header: dict[str, Json]) -> str:
    return encode_base64url(json.dumps(header).encode())


def payload(edge: LiveEdge) -> str:
    return edge.token().split(".")[1]


def test_the_tokens_of_these_tests_are_otherwise_good(edge: LiveEdge) -> None:
    assert status(edge, edge.token()) == 200


@pytest.mark.requirement("AS-38", "ZT-8")
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_alg_none_is_refused_in_any_case(edge: LiveEdge, alg: str) -> None:
    assert (
        status(edge, f"{encode({'alg': alg, 'typ': 'at+jwt', 'kid': 'k1'})}.{payload(edge)}.")
        == 401
    )


@pytest.mark.requirement("AS-38", "ZT-8")
def test_the_public_key_is_no_hmac_secret(edge: LiveEdge) -> None:
    signing_input = f"{encode({'alg': 'HS256', 'typ': 'at+jwt', 'kid': 'k1'})}.{payload(edge)}"
    secret = edge.key.as_pem(private=False)
    mark = hmac.digest(secret, signing_input.encode(), "sha256")
    forged = f"{signing_input}.{encode_base64url(mark)}"
    assert status(edge, forged) == 401


@pytest.mark.requirement("AS-42", "ZT-8")
@pytest.mark.parametrize("where", ["jwk", "jku", "x5u", "kid"])
def test_a_token_does_not_bring_its_own_key(edge: LiveEdge, where: str) -> None:
    mine = ECKey.generate_key("P-256")
    hint = {
        "jwk": mine.as_dict(private=False),
        "jku": "http://127.0.0.1:1/jwks",
        "x5u": "http://127.0.0.1:1/chain",
        "kid": "../../dev/null",
    }[where]
    header = {"alg": "ES256", "typ": "at+jwt", "kid": "k1", where: hint}
    registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    forged = jws.serialize_compact(header, decode_base64url(payload(edge)), mine, registry=registry)
    assert status(edge, forged) == 401


@pytest.mark.requirement("AS-40", "ZT-8")
@pytest.mark.parametrize("typ", ["JWT", "id+jwt", "dpop+jwt", "logout+jwt", "at+jwtx"])
def test_a_token_of_another_type_is_no_access_token(edge: LiveEdge, typ: str) -> None:
    assert status(edge, edge.token(typ=typ)) == 401


@pytest.mark.requirement("AS-40")
@pytest.mark.parametrize("typ", ["AT+JWT", "application/at+jwt"])
def test_the_type_is_a_media_type_and_knows_no_case(edge: LiveEdge, typ: str) -> None:
    assert status(edge, edge.token(typ=typ)) == 200


@pytest.mark.requirement("AS-41", "ZT-8")
@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://localhost:9471"},
        {"iss": None},
        {"aud": "http://127.0.0.1:1"},
        {"aud": None},
        {"aud": []},
        {"exp": None},
    ],
)
def test_claims_that_are_wrong_or_missing_are_refused(
    edge: LiveEdge, changes: dict[str, Json]
) -> None:
    assert status(edge, edge.token(claims=changes)) == 401


@pytest.mark.requirement("AS-41")
@pytest.mark.parametrize("subject", [None, "", 7])
def test_a_token_without_a_subject_is_of_nobody(edge: LiveEdge, subject: Json) -> None:
    reply = edge.get(ORDER, authorization=f"Bearer {edge.token(claims={'sub': subject})}")
    assert reply.status_code in {401, 403}
    assert '"stage":"policy"' not in event_of(edge, reply.headers["durward-decision"])


def event_of(edge: LiveEdge, decision: str) -> str:
    return "".join(line for line in edge.events().splitlines() if decision in line)


@pytest.mark.requirement("AS-48", "ZT-8")
def test_time_is_kept_with_little_skew(edge: LiveEdge) -> None:
    now = int(time.time())  # noqa: TID251 - the test plays the issuer
    assert status(edge, edge.token(claims={"exp": now - 5})) == 401
    assert status(edge, edge.token(claims={"nbf": now + 30})) == 401


@pytest.mark.requirement("ZT-8")
def test_a_token_in_the_query_counts_for_nothing(edge: LiveEdge) -> None:
    assert edge.get(f"{ORDER}?access_token={edge.token()}").status_code == 401


@pytest.mark.requirement("ZT-8")
def test_two_tokens_are_one_too_many(edge: LiveEdge) -> None:
    line = f"authorization: Bearer {edge.token()}\r\n"
    request = f"GET {ORDER} HTTP/1.1\r\nhost: x\r\n{line}{line}connection: close\r\n\r\n"
    assert edge.raw(request.encode())[9:12] in {b"400", b"401"}


@pytest.mark.requirement("AS-47", "ZT-8")
def test_a_critical_header_that_nobody_knows_is_refused(edge: LiveEdge) -> None:
    header: dict[str, Json] = {
        "alg": "ES256",
        "typ": "at+jwt",
        "kid": "k1",
        "crit": ["x-new"],
        "x-new": 1,
    }
    signing_input = f"{encode(header)}.{payload(edge)}"
    algorithm = jws.JWSRegistry(algorithms=["ES256"]).get_alg("ES256")
    mark = encode_base64url(algorithm.sign(signing_input.encode(), edge.key))
    assert status(edge, f"{signing_input}.{mark}") == 401


@pytest.mark.requirement("ZT-8")
@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "Basic x Bearer {}",
            "NotBearer {}",
            "Bearer x {}",
            "Bearer {} x",
            "Bearer",
            "{}",
        ),
        *(
            "Bearer,{}",
            "Bearer\t{}",
            "Bearer {},Bearer {}",
            "Bearer {}, x",
            "Bearer={}",
            "Token {}",
        ),
    ],
)
def test_a_token_counts_only_as_the_one_thing_that_bearer_says(
    edge: LiveEdge, pattern: str
) -> None:
    """A filter that looks for a token anywhere in the header reads what nobody else would."""
    reply = edge.get(ORDER, authorization=pattern.replace("{}", edge.token()))
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"].startswith("Bearer ")
    assert "resource_metadata=" in reply.headers["www-authenticate"]


@pytest.mark.requirement("ZT-8")
def test_a_token_that_no_proof_comes_with_is_none_by_the_scheme_dpop(edge: LiveEdge) -> None:
    for headers in ({}, {"dpop": "a.b.c"}):
        reply = edge.get(ORDER, authorization=f"DPoP {edge.token()}", **headers)
        assert reply.status_code == 401


@pytest.mark.requirement("ZT-8")
def test_no_other_scheme_makes_a_public_operation_known_to_somebody(edge: LiveEdge) -> None:
    assert edge.get("/v1/status").status_code == 200
    assert edge.get("/v1/status", authorization=f"Bearer {edge.token()}").status_code == 200
    assert edge.get("/v1/status", authorization=f"DPoP {edge.token()}").status_code == 401


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR", "Bearer  "])
def test_a_scheme_knows_no_case(edge: LiveEdge, scheme: str) -> None:
    """RFC 9110 §11.1, and its one or more spaces in §11.4."""
    reply = edge.get(ORDER, authorization=f"{scheme} {edge.token()}")
    assert reply.status_code == 200
    assert "authorization" not in reply.text.lower()


@pytest.mark.requirement("ZT-8")
@pytest.mark.parametrize("tail", [".", "x", "=", "..", ".x", "A", "AA"])
def test_nothing_stands_behind_a_token(edge: LiveEdge, tail: str) -> None:
    assert status(edge, edge.token() + tail) == 401


@pytest.mark.requirement("AS-45", "ZT-8")
def test_a_signature_is_spelled_in_one_way(edge: LiveEdge) -> None:
    """The last character has four bits that say nothing: were they free, a token had twins."""
    token = edge.token()
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    place = alphabet.index(token[-1])
    assert [status(edge, token[:-1] + alphabet[place ^ bits]) for bits in range(1, 16)] == [
        401
    ] * 15
    assert status(edge, token) == 200


@pytest.mark.requirement("ZT-8")
@pytest.mark.parametrize("empty", [0, 1, 2])
def test_no_part_of_a_token_is_empty(edge: LiveEdge, empty: int) -> None:
    parts = edge.token().split(".")
    parts[empty] = ""
    assert status(edge, ".".join(parts)) == 401
