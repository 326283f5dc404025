"""The authorization server over a real store: what clients and people get from it."""

import httpx2
import pytest
from tests.issuer import API, ISSUER, Issuer, answer_of, asked, sample

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.jose.jwk import KeySet
from durward.core.jose.jwt import verify_jwt
from durward.core.values import Seconds, UserId
from durward.core.wire import Json
from durward.entrypoints.server import control
from durward.services.keyring import ACCESS, IDENTITY

pytestmark = pytest.mark.anyio


def claims_of(issuer: Issuer, token: str, purpose: str) -> dict[str, Json]:
    published = issuer.plane.published.ring.public((purpose,), issuer.clock())
    algorithm, kind = ("ES256", "at+jwt") if purpose == ACCESS else ("RS256", "jwt")
    keys = KeySet.parse({"keys": list(published)})
    audience = API if purpose == ACCESS else "desk"
    return dict(
        verify_jwt(
            token,
            keys=keys,
            algorithms=(algorithm,),
            types=(kind,),
            issuer=ISSUER,
            audiences=(audience,),
            now=issuer.clock(),
            skew=Seconds(0),
        )
    )


@pytest.mark.requirement("AS-50", "AS-51", "AS-54", "AS-74")
async def test_a_person_who_signed_in_and_agreed_gets_tokens(issuer: Issuer) -> None:
    tokens = await issuer.browser().tokens()
    access = claims_of(issuer, tokens["access_token"], ACCESS)
    assert (access["sub"], access["tenant"], access["client_id"]) == ("ann", "acme", "desk")
    assert access["roles"] == ["clerk"]
    assert access["scope"] == "openid profile orders:read"
    assert access["aud"] == [API, ISSUER]
    identity = claims_of(issuer, tokens["id_token"], IDENTITY)
    assert (identity["sub"], identity["nonce"], identity["amr"]) == ("ann", "n", ["pwd"])
    assert identity["sid"] == access["sid"]
    assert "email" not in access


async def test_without_openid_there_is_no_id_token_and_no_audience_of_ours(issuer: Issuer) -> None:
    tokens = await issuer.browser().tokens(scope="orders:read")
    assert "id_token" not in tokens
    assert claims_of(issuer, tokens["access_token"], ACCESS)["aud"] == API
    assert (await issuer.userinfo(tokens["access_token"])).status_code == 401


@pytest.mark.requirement("AS-75")
async def test_who_agreed_before_is_not_asked_again_and_goes_straight_back(issuer: Issuer) -> None:
    browser = issuer.browser()
    await browser.tokens()
    assert answer_of(await browser.authorize())["code"]
    assert answer_of(await browser.authorize(prompt="none"))["code"]
    more = await browser.follow(await browser.authorize(prompt="consent"))
    assert 'id="consent"' in more.text


@pytest.mark.requirement("AS-20")
async def test_consent_shows_the_client_the_scopes_in_words_and_the_resource(
    issuer: Issuer,
) -> None:
    browser = issuer.browser()
    consent = await browser.sign_in(await browser.follow(await browser.authorize()))
    assert "Order desk" in consent.text
    assert "See your name" in consent.text
    assert issuer.plane.published.configuration.apis["orders"].scopes["orders:read"] in consent.text
    assert API in consent.text
    assert "http://127.0.0.1:8490" in consent.text


@pytest.mark.requirement("AS-20")
async def test_consent_shows_how_long_access_lasts(issuer: Issuer) -> None:
    """With the session, or the longest that refresh tokens follow each other (OIDC Core §11)."""

    async def shown(**changes: str) -> str:
        browser = issuer.browser()
        page = await browser.sign_in(await browser.follow(await browser.authorize(**changes)))
        return " ".join(page.text.partition('id="lasts">')[2].partition("</p>")[0].split())

    bound = "Its access ends when you sign out, and after 12 hours at the latest."
    assert await shown() == bound
    away = {"client_id": "other", "redirect_uri": "https://other.example/callback"}
    offline = await shown(**away, scope="openid offline_access")
    assert offline == "Its access lasts 30 days, also when you have signed out."
    once: dict[str, Json] = {
        "tenant": "globex",
        "redirect_uris": ["https://once.example/callback"],
        "grants": ["authorization_code"],
        "apis": ["orders"],
        "scopes": ["openid"],
    }
    await issuer.apply(Declaration(DeclarationKind.CLIENT, "once", once))
    here = {"client_id": "once", "redirect_uri": "https://once.example/callback"}
    assert "after 5 minutes at the latest" in await shown(**here, scope="openid")


@pytest.mark.requirement("AS-9")
async def test_a_request_may_be_posted(issuer: Issuer) -> None:
    browser = issuer.browser()
    reply = await browser.follow(await browser.http.post("/authorize", data=asked()))
    assert 'id="sign-in"' in reply.text


@pytest.mark.requirement("AS-78")
async def test_userinfo_tells_what_was_granted(issuer: Issuer) -> None:
    token = (await issuer.browser().tokens())["access_token"]
    found = (await issuer.userinfo(token)).json()
    assert found == {"sub": "ann", "name": "Ann Archer", "preferred_username": "ann"}
    async with issuer.http() as http:
        posted = await http.post("/userinfo", headers={"authorization": f"Bearer {token}"})
        assert posted.json() == found
        queried = await http.get("/userinfo", params={"access_token": token})
        assert queried.status_code == 401


@pytest.mark.requirement("AS-76")
async def test_a_hint_for_another_account_asks_for_that_one(issuer: Issuer) -> None:
    hint = (await issuer.browser().tokens("bob"))["id_token"]
    browser = issuer.browser()
    await browser.tokens("ann")
    page = await browser.follow(await browser.authorize(id_token_hint=hint))
    assert "another account" in page.text
    refused = answer_of(await browser.authorize(id_token_hint=hint, prompt="none"))
    assert refused["error"] == "login_required"


async def test_the_roles_of_a_refreshed_token_are_those_of_now(issuer: Issuer) -> None:
    tokens = await issuer.browser().tokens()
    await issuer.apply(Declaration(DeclarationKind.USER, "ann", {"tenant": "acme", "roles": []}))
    fresh = (await issuer.refresh(tokens["refresh_token"])).json()
    assert "roles" not in claims_of(issuer, fresh["access_token"], ACCESS)


@pytest.mark.requirement("AS-104")
async def test_a_disabled_person_is_signed_in_nowhere(issuer: Issuer) -> None:
    browser = issuer.browser()
    tokens = await browser.tokens()
    gone: dict[str, Json] = {"tenant": "acme", "roles": ["clerk"], "disabled": True}
    await issuer.apply(Declaration(DeclarationKind.USER, "ann", gone))
    assert (await issuer.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await issuer.userinfo(tokens["access_token"])).status_code == 401
    assert (await browser.http.get("/")).status_code == 303
    page = await browser.follow(await browser.authorize())
    assert (await browser.sign_in(page)).status_code == 403


@pytest.mark.requirement("AS-104")
async def test_who_is_declared_anew_inherits_nothing_from_the_one_of_that_name(
    issuer: Issuer,
) -> None:
    browser = issuer.browser()
    tokens = await browser.tokens()
    await issuer.plane.administration.apply(
        [one for one in sample() if one.name != "ann"], prune=True
    )
    assert (await issuer.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await issuer.userinfo(tokens["access_token"])).status_code == 401
    assert (await browser.http.get("/")).status_code == 303
    await issuer.plane.administration.apply(sample(), prune=True)
    page = await browser.follow(await browser.authorize())
    assert (await browser.sign_in(page)).status_code == 403, "the former one's password"
    fresh = (await issuer.plane.people.new_password(UserId("ann"))).reveal()
    issuer.clock.forward(60)
    asked_again = await browser.sign_in(page, password=fresh)
    assert 'id="consent"' in asked_again.text, "the former one agreed, not this one"


async def test_a_client_that_is_declared_anew_has_another_secret(issuer: Issuer) -> None:
    browser = issuer.browser()
    tokens = await browser.tokens()
    before = dict(issuer.secrets)
    await issuer.plane.administration.apply(
        [one for one in sample() if one.name != "desk"], prune=True
    )
    await issuer.apply(*sample())
    assert issuer.secrets["desk"] != before["desk"]
    assert (await issuer.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    page = await browser.follow(await browser.authorize())
    assert 'id="consent"' in page.text
    issuer.secrets = before
    assert (await issuer.refresh(tokens["refresh_token"])).json()["error"] == "invalid_client"


@pytest.mark.requirement("AS-22")
async def test_a_client_takes_back_what_it_was_given(issuer: Issuer) -> None:
    for kind in ("refresh_token", "access_token"):
        tokens = await issuer.browser().tokens()
        assert (await issuer.revoke(tokens[kind], "other")).status_code == 200
        assert (await issuer.userinfo(tokens["access_token"])).status_code == 200
        assert (await issuer.revoke(tokens[kind])).status_code == 200
        assert (await issuer.userinfo(tokens["access_token"])).status_code == 401
        assert (await issuer.refresh(tokens["refresh_token"])).status_code == 400
        assert (await issuer.revoke(tokens[kind])).status_code == 200
    assert (await issuer.revoke("unknown")).status_code == 200
    async with issuer.http() as http:
        assert (await http.post("/revoke", data={"token": "x"})).status_code == 401


@pytest.mark.requirement("AS-83")
async def test_signing_out_with_the_id_token_ends_the_session_and_goes_back(
    issuer: Issuer,
) -> None:
    browser = issuer.browser()
    tokens = await browser.tokens()
    issuer.clock.forward(600)  # an expired hint is good enough
    query = {
        "id_token_hint": tokens["id_token"],
        "post_logout_redirect_uri": "http://127.0.0.1:8490/",
        "state": "bye",
    }
    reply = await browser.http.get("/logout", params=query)
    assert reply.headers["location"] == "http://127.0.0.1:8490/?state=bye"
    assert (await browser.http.get("/")).status_code == 303
    assert (await issuer.userinfo(tokens["access_token"])).status_code == 401
    assert (await issuer.refresh(tokens["refresh_token"])).status_code == 400


@pytest.mark.requirement("AS-83")
async def test_without_proof_the_person_is_asked_before_signing_out(issuer: Issuer) -> None:
    browser = issuer.browser()
    await browser.tokens()
    page = await browser.http.get("/logout")
    assert 'id="confirm"' in page.text
    assert (await browser.http.get("/")).status_code == 200
    forged = await browser.http.post("/logout", data={"confirm": "x"})
    assert forged.status_code == 400
    token = page.text.partition('name="confirm" value="')[2].partition('"')[0]
    done = await browser.http.post("/logout", data={"confirm": token})
    assert "signed out" in done.text
    assert (await browser.http.get("/")).status_code == 303


@pytest.mark.requirement("AS-21", "AS-106")
async def test_a_person_sees_and_ends_their_sessions_and_grants(issuer: Issuer) -> None:
    here, there, bobs = issuer.browser(), issuer.browser("198.51.100.7"), issuer.browser()
    mine = await here.tokens()
    far = await there.tokens()
    bob = await bobs.tokens("bob")
    page = await here.http.get("/")
    assert "198.51.100.7" in page.text
    assert "Order desk" in page.text
    token = page.text.partition('name="token" value="')[2].partition('"')[0]
    sid = str(claims_of(issuer, far["access_token"], ACCESS)["sid"])
    bobs_sid = str(claims_of(issuer, bob["access_token"], ACCESS)["sid"])
    for wanted in (sid, bobs_sid):
        await here.http.post("/", data={"token": token, "session": wanted})
    assert (await there.http.get("/")).status_code == 303
    assert (await issuer.refresh(far["refresh_token"])).status_code == 400
    assert (await bobs.http.get("/")).status_code == 200  # nobody else's
    await here.http.post("/", data={"token": "x", "client": "desk"})
    assert (await issuer.userinfo(mine["access_token"])).status_code == 200
    await here.http.post("/", data={"token": token, "client": "desk"})
    assert (await issuer.userinfo(mine["access_token"])).status_code == 401
    assert 'id="consent"' in (await here.follow(await here.authorize())).text


@pytest.mark.requirement("AS-103")
async def test_a_session_that_nobody_uses_ends(issuer: Issuer) -> None:
    browser = issuer.browser()
    tokens = await browser.tokens()
    issuer.clock.forward(3_600)
    assert (await browser.http.get("/")).status_code == 303
    assert (await issuer.refresh(tokens["refresh_token"])).status_code == 400


@pytest.mark.requirement("AS-27")
async def test_answers_with_tokens_are_not_stored(issuer: Issuer) -> None:
    reply = await issuer.redeem(await issuer.browser().code())
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.requirement("AS-5", "AS-72")
async def test_both_metadata_documents_are_one_and_true(issuer: Issuer) -> None:
    async with issuer.http() as http:
        oauth = (await http.get("/.well-known/oauth-authorization-server")).json()
        openid = (await http.get("/.well-known/openid-configuration")).json()
        assert oauth == openid
        assert oauth["issuer"] == ISSUER
        assert oauth["code_challenge_methods_supported"] == ["S256"]
        for name, uri in oauth.items():
            if name.endswith(("_endpoint", "_uri")):
                path = uri.removeprefix(ISSUER)
                replies = [await http.request(method, path) for method in ("GET", "POST")]
                assert {reply.status_code for reply in replies} - {404, 405}, name


async def test_a_person_without_an_application_signs_in_to_their_own_page(issuer: Issuer) -> None:
    browser = issuer.browser()
    page = await browser.follow(await browser.http.get("/"))
    home = await browser.sign_in(page)
    assert "Ann Archer" in home.text


async def test_replacing_a_password_ends_what_stood_on_it(issuer: Issuer) -> None:
    browser = issuer.browser()
    tokens = await browser.tokens()
    await issuer.plane.people.new_password(UserId("ann"))
    assert (await browser.http.get("/")).status_code == 303
    assert (await issuer.refresh(tokens["refresh_token"])).status_code == 400


async def turn(issuer: Issuer, **how: object) -> httpx2.Response:
    """Replace keys over the admin API."""
    transport = httpx2.ASGITransport(app=control(issuer.plane))
    async with httpx2.AsyncClient(transport=transport, base_url="http://durward") as http:
        return await http.post("/admin/v1/keys/rotate", json=how)


async def test_the_service_itself_bounds_a_rotation(issuer: Issuer) -> None:
    before = issuer.plane.administration.keys()
    for how in ({"ahead_seconds": 0}, {"grace_seconds": -1}, {"grace_seconds": 359}):
        refused = await turn(issuer, **how)
        assert refused.status_code == 422
        assert "unsafe-now" in refused.json()["hint"]
    shown = await turn(issuer, dry_run=True)
    assert issuer.plane.administration.keys() == before
    version = issuer.plane.published.version
    assert (await turn(issuer)).json() == {**shown.json(), "version": version + 1}
    assert len(issuer.plane.administration.keys()) == len(before) + 2


async def test_keys_in_wrong_hands_are_replaced_at_once(issuer: Issuer) -> None:
    """Also one that was replaced before, and verifies for a while yet."""
    token = (await issuer.browser().tokens())["access_token"]
    assert (await turn(issuer)).status_code == 200
    assert (await issuer.userinfo(token)).status_code == 200
    leaked = {key["kid"] for key in issuer.plane.keys.public()}
    assert (await turn(issuer, unsafe_now=True)).status_code == 200
    assert not leaked & {key["kid"] for key in issuer.plane.keys.public()}
    told = [event for event in await issuer.events() if '"unsafe_now":true' in event]
    assert all(any(str(kid) in event for event in told) for kid in leaked)
    assert (await issuer.userinfo(token)).status_code == 401
    fresh = (await issuer.browser().tokens())["access_token"]
    assert (await issuer.userinfo(fresh)).status_code == 200
