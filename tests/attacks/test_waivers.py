"""Waivers: a challenge taken out of a request, another's waiver, codes that are injected."""

import json

import pytest
from tests.issuer import API, DESK, Issuer, answer_of

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Misconfigured
from durward.core.wire import Json, decode_base64url

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("AS-4", "AS-6")]
STRIPPED: dict[str, str | None] = {
    "code_challenge": None,
    "code_challenge_method": None,
    "nonce": "n-0S6_WzA2Mj",
}
BODY: dict[str, Json] = {
    "client": "desk",
    "relaxes": "pkce",
    "owner": "web team",
    "reason": "its library has no PKCE",
    "until": "2027-01-15",
}
WAIVER = Declaration(DeclarationKind.WAIVER, "desk-pkce", BODY)
FORM = {"grant_type": "authorization_code", "redirect_uri": DESK}


def nonce_of(id_token: str) -> str:
    return str(json.loads(decode_base64url(id_token.split(".")[1]))["nonce"])


async def test_a_challenge_that_was_taken_out_leaves_a_code_of_no_worth(issuer: Issuer) -> None:
    """RFC 9700 §4.8.2: the client sent a challenge, the request that came here had none.

    The attacker hopes that the client's verifier is not looked at.
    """
    await issuer.apply(WAIVER)
    code = await issuer.browser().code("ann", **STRIPPED)
    refused = await issuer.redeem(code, redirect_uri=DESK)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    spent = await issuer.token("desk", **FORM, code=code)
    assert spent.json()["error"] == "invalid_grant"
    for changes in ({"code_challenge_method": "S256"}, {"code_challenge_method": "plain"}):
        reply = await issuer.browser().authorize(**{**STRIPPED, **changes})
        assert answer_of(reply)["error"] == "invalid_request"
    verifier_as_challenge = {**STRIPPED, "code_challenge": "v" * 43}
    reply = await issuer.browser().authorize(**verifier_as_challenge)
    assert answer_of(reply)["error"] == "invalid_request", "`plain` is the default"


async def test_a_waiver_is_for_one_client_that_proves_its_identity(issuer: Issuer) -> None:
    await issuer.apply(WAIVER)
    others = {
        "client_id": "other",
        "redirect_uri": "https://other.example/callback",
        "scope": "openid orders:read",
    }
    reply = await issuer.browser().authorize(**STRIPPED, **others)
    assert answer_of(reply)["error"] == "invalid_request"
    public: dict[str, Json] = {**BODY, "client": "durward-cli"}
    with pytest.raises(Misconfigured, match="public client"):
        await issuer.apply(Declaration(DeclarationKind.WAIVER, "cli-pkce", public))
    reply = await issuer.browser().authorize(
        **{**STRIPPED, "client_id": "durward-cli", "redirect_uri": "http://127.0.0.1:1/callback"}
    )
    assert answer_of(reply)["error"] == "invalid_request"
    code = await issuer.browser().code("ann", **STRIPPED)
    stolen = await issuer.token("other", **FORM, code=code)
    assert stolen.json()["error"] == "invalid_grant"


async def test_an_injected_code_has_the_nonce_of_the_session_that_it_was_stolen_from(
    issuer: Issuer,
) -> None:
    """RFC 9700 §4.5.3.2: the client compares it with that of its own session, and stops.

    Without `nonce` there would be nothing to compare: no code is given then.
    """
    await issuer.apply(WAIVER)
    stolen = await issuer.browser().code("bob", **{**STRIPPED, "nonce": "of-the-victim"})
    await issuer.browser().code("ann", **{**STRIPPED, "nonce": "of-the-attacker"})
    reply = await issuer.token("desk", **FORM, code=stolen)
    assert nonce_of(reply.json()["id_token"]) == "of-the-victim"
    for nonce in (None, "", "short"):
        refused = await issuer.browser().authorize(**{**STRIPPED, "nonce": nonce})
        assert answer_of(refused)["error"] == "invalid_request"
    for scope in ("orders:read", None):
        refused = await issuer.browser().authorize(**{**STRIPPED, "scope": scope}, resource=API)
        assert answer_of(refused)["error"] == "invalid_request", "no ID token would have it"
