"""Refresh tokens that were stolen: the thief and the owner cannot both go on (RFC 9700 §4.14)."""

from pathlib import Path

import pytest
from tests.issuer import Issuer

pytestmark = pytest.mark.anyio


@pytest.mark.requirement("AS-34")
async def test_using_a_spent_refresh_token_ends_the_whole_family(issuer: Issuer) -> None:
    first = await issuer.browser().tokens()
    second = (await issuer.refresh(first["refresh_token"])).json()
    third = (await issuer.refresh(second["refresh_token"])).json()
    issuer.clock.forward(10)
    assert (await issuer.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await issuer.refresh(third["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await issuer.userinfo(third["access_token"])).status_code == 401
    assert any('"refresh token reused"' in event for event in await issuer.events())


async def test_whoever_lost_the_answer_repeats_the_request_and_gets_the_same_token(
    issuer: Issuer,
) -> None:
    first = await issuer.browser().tokens()
    second = (await issuer.refresh(first["refresh_token"])).json()
    issuer.clock.forward(9)
    again = (await issuer.refresh(first["refresh_token"])).json()
    assert again["refresh_token"] == second["refresh_token"]
    assert (await issuer.refresh(second["refresh_token"])).status_code == 200


@pytest.mark.requirement("AS-34")
@pytest.mark.parametrize("after", [0, 9])
async def test_a_token_whose_successor_was_used_is_not_a_repetition(
    issuer: Issuer, after: int
) -> None:
    """Whoever used the successor has the answer: nobody has to ask for it once more."""
    first = await issuer.browser().tokens()
    second = (await issuer.refresh(first["refresh_token"])).json()
    third = (await issuer.refresh(second["refresh_token"])).json()
    issuer.clock.forward(after)
    assert (await issuer.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await issuer.refresh(third["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await issuer.userinfo(third["access_token"])).status_code == 401
    assert any('"refresh token reused"' in event for event in await issuer.events())


@pytest.mark.requirement("AS-33")
async def test_a_refresh_token_is_its_clients_alone(issuer: Issuer) -> None:
    tokens = await issuer.browser().tokens()
    stolen = await issuer.refresh(tokens["refresh_token"], "other")
    assert stolen.json()["error"] == "invalid_grant"
    assert (await issuer.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.requirement("AS-30")
async def test_refreshing_never_widens_what_was_granted(issuer: Issuer) -> None:
    tokens = await issuer.browser().tokens(scope="openid")
    wider = await issuer.refresh(tokens["refresh_token"], scope="openid orders:read")
    assert wider.json()["error"] == "invalid_scope"
    assert (await issuer.refresh(tokens["refresh_token"])).json()["scope"] == "openid"


@pytest.mark.requirement("AS-35")
async def test_a_family_ends_however_often_it_is_used(issuer: Issuer) -> None:
    token = (await issuer.browser().tokens("ann", client_id="other", **OTHER))["refresh_token"]
    for _ in range(3):
        issuer.clock.forward(10 * 86_400 - 1)
        token = (await issuer.refresh(token, "other")).json()["refresh_token"]
    issuer.clock.forward(3)
    assert (await issuer.refresh(token, "other")).json()["error"] == "invalid_grant"


@pytest.mark.requirement("AS-85")
async def test_without_offline_access_a_family_dies_with_its_session(issuer: Issuer) -> None:
    browser = issuer.browser()
    bound = await browser.tokens()
    offline = await browser.tokens(client_id="other", **OTHER)
    page = await browser.http.get("/")
    await browser.submit(page, "")  # the first form of the page ends this session
    assert (await issuer.refresh(bound["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await issuer.refresh(offline["refresh_token"], "other")).status_code == 200


OTHER = {
    "redirect_uri": "https://other.example/callback",
    "scope": "openid offline_access orders:read",
}


@pytest.mark.requirement("AS-37")
async def test_the_store_holds_no_token_code_password_or_cookie(issuer: Issuer) -> None:
    browser = issuer.browser()
    tokens = await browser.tokens()
    cookies = [cookie.value or "" for cookie in browser.http.cookies.jar]
    known = [tokens["refresh_token"], tokens["access_token"], issuer.passwords["ann"], *cookies]
    known += issuer.secrets.values()
    state = Path(issuer.plane.settings.state)
    stored = b"".join(path.read_bytes() for path in state.glob("durward.db*"))
    assert stored
    assert len(cookies) == 3
    for secret in known:
        assert secret[-30:].encode() not in stored
