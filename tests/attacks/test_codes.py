"""Authorization codes: replayed, injected, guessed, redeemed without their verifier."""

import pytest
from tests.issuer import Issuer

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.wire import Json

pytestmark = pytest.mark.anyio


@pytest.mark.requirement("AS-17", "AS-18")
async def test_a_code_that_comes_twice_ends_everything_that_it_gave(issuer: Issuer) -> None:
    code = await issuer.browser().code(scope="openid orders:read")
    first = (await issuer.redeem(code)).json()
    assert (await issuer.userinfo(first["access_token"])).status_code == 200
    second = await issuer.redeem(code)
    assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")
    assert (await issuer.userinfo(first["access_token"])).status_code == 401
    refreshed = await issuer.refresh(first["refresh_token"])
    assert (refreshed.status_code, refreshed.json()["error"]) == (400, "invalid_grant")
    assert any('"code replayed"' in event for event in await issuer.events())


@pytest.mark.requirement("AS-17")
async def test_a_code_of_another_client_is_refused_and_stays_good_for_its_own(
    issuer: Issuer,
) -> None:
    code = await issuer.browser().code()
    stolen = await issuer.redeem(code, "other")
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    assert (await issuer.redeem(code)).status_code == 200


@pytest.mark.requirement("AS-17")
@pytest.mark.parametrize(("age", "status"), [(59, 200), (60, 400), (61, 400)])
async def test_a_code_lives_for_a_minute(issuer: Issuer, age: int, status: int) -> None:
    code = await issuer.browser().code()
    issuer.clock.forward(age)
    assert (await issuer.redeem(code)).status_code == status


@pytest.mark.requirement("AS-6")
@pytest.mark.parametrize("verifier", ["", "w" * 43, "short", "c" * 129])
async def test_without_its_verifier_a_code_is_worth_nothing_and_is_spent(
    issuer: Issuer, verifier: str
) -> None:
    code = await issuer.browser().code()
    refused = await issuer.redeem(code, code_verifier=verifier)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await issuer.redeem(code)).status_code == 400


@pytest.mark.requirement("AS-4", "AS-6")
async def test_pkce_cannot_be_left_out(issuer: Issuer) -> None:
    """The downgrade of RFC 9700 §4.8.2: no challenge in the request, no verifier at the end."""
    reply = await issuer.browser().authorize(code_challenge=None, code_challenge_method=None)
    assert "error=invalid_request" in reply.headers["location"]
    assert "code=" not in reply.headers["location"].replace("error_code=", "")


@pytest.mark.requirement("AS-19")
async def test_a_code_tells_nothing(issuer: Issuer) -> None:
    first, second = [await issuer.browser().code() for _ in range(2)]
    assert first != second
    assert first.startswith("dwc_")
    assert len(first) == len("dwc_") + 43


@pytest.mark.requirement("AS-31")
async def test_another_redirect_uri_at_the_token_endpoint_is_refused(issuer: Issuer) -> None:
    code = await issuer.browser().code()
    refused = await issuer.redeem(code, redirect_uri="https://other.example/callback")
    assert refused.json()["error"] == "invalid_grant"


@pytest.mark.requirement("AS-51")
async def test_a_code_is_for_the_resource_that_was_agreed_to(issuer: Issuer) -> None:
    code = await issuer.browser().code()
    refused = await issuer.redeem(code, resource="https://elsewhere.example")
    assert refused.json()["error"] == "invalid_target"


async def test_a_confidential_client_cannot_redeem_as_a_public_one(issuer: Issuer) -> None:
    code = await issuer.browser().code()
    secret = issuer.secrets.pop("desk")
    refused = await issuer.redeem(code)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    issuer.secrets["desk"] = secret
    assert (await issuer.redeem(code)).status_code == 200


async def test_a_disabled_person_gets_nothing_for_a_code_from_before(issuer: Issuer) -> None:
    code = await issuer.browser().code()
    gone: dict[str, Json] = {"tenant": "acme", "roles": ["clerk"], "disabled": True}
    await issuer.apply(Declaration(DeclarationKind.USER, "ann", gone))
    assert (await issuer.redeem(code)).json()["error"] == "invalid_grant"
