"""What is taken away from a person or a client is not issued to them again (ADR 23)."""

from typing import Any

import httpx2
import pytest
from tests.e2e.test_issuer import claims_of
from tests.issuer import API, START, Browser, Issuer, answer_of, sample

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.values import UserId
from durward.core.wire import Json
from durward.keys.signing import generate
from durward.services.keyring import ACCESS
from durward.store.grants import MAX_EACH
from durward.store.revocations import load_revocations

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("AS-104")]
OTHER = {
    "client_id": "other",
    "redirect_uri": "https://other.example/callback",
    "scope": "openid offline_access orders:read",
}


def changed(kind: DeclarationKind, name: str, /, **changes: Json) -> Declaration:
    """What the sample declares of a name, with changes."""
    (found,) = [one for one in sample() if (one.kind, one.name) == (kind, name)]
    return Declaration(kind, name, {**found.body, **changes})


async def moved(issuer: Issuer, tenant: str = "globex") -> None:
    await issuer.apply(changed(DeclarationKind.USER, "ann", tenant=tenant))


async def offline(issuer: Issuer, browser: Browser | None = None) -> dict[str, str]:
    return await (browser or issuer.browser()).tokens(**OTHER)


async def ended(issuer: Issuer) -> list[str]:
    return [event for event in await issuer.events() if '"grant ended"' in event]


def error(reply: httpx2.Response) -> Any:
    return reply.json().get("error")


async def test_who_moved_to_another_tenant_gets_nothing_for_the_former_one(issuer: Issuer) -> None:
    browser = issuer.browser()
    bound, kept = await browser.tokens(), await offline(issuer, browser)
    code = await browser.code()
    await moved(issuer)
    assert error(await issuer.refresh(bound["refresh_token"])) == "invalid_grant"
    assert error(await issuer.refresh(kept["refresh_token"], "other")) == "invalid_grant"
    assert error(await issuer.redeem(code)) == "invalid_grant"
    assert (await issuer.userinfo(kept["access_token"])).status_code == 401
    assert len(await ended(issuer)) == 3


@pytest.mark.parametrize("prompt", [None, "login"])
async def test_the_session_of_a_former_tenant_ends_and_the_next_one_is_of_the_new(
    issuer: Issuer, prompt: str | None
) -> None:
    browser = issuer.browser()
    await browser.code()
    await moved(issuer)
    assert (await browser.http.get("/")).status_code == 303
    refused = answer_of(await browser.authorize(prompt="none"))
    assert refused["error"] == "login_required"
    page = await browser.follow(await browser.authorize(prompt=prompt))
    assert 'id="sign-in"' in page.text
    tokens = await browser.tokens(prompt=prompt)
    assert claims_of(issuer, tokens["access_token"], ACCESS)["tenant"] == "globex"


async def test_a_page_that_waited_meanwhile_gives_nothing_for_the_former_tenant(
    issuer: Issuer,
) -> None:
    browser = issuer.browser()
    asked = await browser.sign_in(await browser.follow(await browser.authorize(**OTHER)))
    assert 'id="consent"' in asked.text
    await moved(issuer)
    assert 'id="sign-in"' in (await browser.submit(asked, "allow")).text


async def test_who_moved_away_and_back_finds_nothing_of_before(issuer: Issuer) -> None:
    browser = issuer.browser()
    kept = await offline(issuer, browser)
    await moved(issuer)
    await moved(issuer, "acme")
    assert (await browser.http.get("/")).status_code == 303
    assert error(await issuer.refresh(kept["refresh_token"], "other")) == "invalid_grant"


async def test_a_token_says_the_roles_of_now(issuer: Issuer) -> None:
    token = (await issuer.browser().tokens())["refresh_token"]
    await issuer.apply(changed(DeclarationKind.USER, "ann", roles=[], groups=["night"]))
    access = (await issuer.refresh(token)).json()["access_token"]
    claims = claims_of(issuer, access, ACCESS)
    assert "roles" not in claims
    assert claims["groups"] == ["night"]


async def test_a_token_names_what_its_person_has_of_their_own(issuer: Issuer) -> None:
    """A change of it revokes what says otherwise, as a change of roles does (ADR 24)."""
    tokens = await issuer.browser().tokens()
    claims = claims_of(issuer, tokens["access_token"], ACCESS)
    assert claims.keys().isdisjoint({"policies", "boundary"})
    changes: list[dict[str, Json]] = [
        {"policies": ["reports"], "boundary": ["own-orders", "reports"]},
        {"boundary": ["reports"]},
        {},
    ]
    for number, own in enumerate(changes, 1):
        await issuer.apply(changed(DeclarationKind.USER, "ann", **own))
        assert await revoked(issuer) == [("subject", "ann")] * number
        tokens = (await issuer.refresh(tokens["refresh_token"])).json()
        claims = claims_of(issuer, tokens["access_token"], ACCESS)
        assert {name: claims[name] for name in ("policies", "boundary") if name in claims} == own
        assert "ann" not in str(issuer.plane.published.configuration.bundle)


async def test_a_scope_that_a_client_lost_is_not_renewed(issuer: Issuer) -> None:
    browser = issuer.browser()
    tokens, code = await browser.tokens(), await browser.code()
    await issuer.apply(changed(DeclarationKind.CLIENT, "desk", scopes=["openid", "profile"]))
    renewed = (await issuer.refresh(tokens["refresh_token"])).json()
    assert renewed["scope"] == "openid profile"
    assert (await issuer.redeem(code)).json()["scope"] == "openid profile"
    again = renewed["refresh_token"]
    fewer = (await issuer.refresh(again, scope="openid orders:read")).json()
    assert fewer["scope"] == "openid"
    lost = await issuer.refresh(fewer["refresh_token"], scope="orders:read")
    assert error(lost) == "invalid_scope"


async def test_a_scope_that_a_client_lost_is_told_at_userinfo_no_more(issuer: Issuer) -> None:
    token = (await issuer.browser().tokens())["access_token"]
    assert "name" in (await issuer.userinfo(token)).json()
    await issuer.apply(changed(DeclarationKind.CLIENT, "desk", scopes=["openid", "orders:read"]))
    assert (await issuer.userinfo(token)).json() == {"sub": "ann"}
    await issuer.apply(changed(DeclarationKind.CLIENT, "desk", scopes=["orders:read"]))
    assert (await issuer.userinfo(token)).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"apis": []},
        {"scopes": ["email"]},
        {"grants": ["client_credentials", "refresh_token"]},
        {"disabled": True},
    ],
)
async def test_what_a_client_may_not_be_given_any_more_ends(
    issuer: Issuer, changes: dict[str, Json]
) -> None:
    tokens = await offline(issuer)
    await issuer.apply(changed(DeclarationKind.CLIENT, "other", **changes))
    assert len(await ended(issuer)) == 1
    reply = await issuer.refresh(tokens["refresh_token"], "other")
    assert error(reply) in {"invalid_grant", "invalid_client"}
    await issuer.apply(changed(DeclarationKind.CLIENT, "other"))
    reply = await issuer.refresh(tokens["refresh_token"], "other")
    assert error(reply) == "invalid_grant", "it comes back with nothing"


async def test_an_api_that_is_another_one_now_takes_its_grants_along(issuer: Issuer) -> None:
    tokens = await offline(issuer)
    await issuer.apply(changed(DeclarationKind.API, "orders", audience="https://new.example"))
    assert len(await ended(issuer)) == 1
    assert error(await issuer.refresh(tokens["refresh_token"], "other")) == "invalid_grant"


async def test_without_offline_access_any_more_a_grant_ends_with_its_session(
    issuer: Issuer,
) -> None:
    browser = issuer.browser()
    tokens = await offline(issuer, browser)
    await issuer.apply(changed(DeclarationKind.CLIENT, "other", scopes=["openid", "orders:read"]))
    renewed = (await issuer.refresh(tokens["refresh_token"], "other")).json()
    assert renewed["scope"] == "openid orders:read"
    await browser.submit(await browser.http.get("/"), "")  # ends this session
    assert error(await issuer.refresh(renewed["refresh_token"], "other")) == "invalid_grant"


async def test_offline_access_that_is_lost_after_the_session_ended_ends_the_grant(
    issuer: Issuer,
) -> None:
    browser = issuer.browser()
    await offline(issuer, browser)
    await browser.submit(await browser.http.get("/"), "")
    assert await ended(issuer) == []
    await issuer.apply(changed(DeclarationKind.CLIENT, "other", scopes=["openid", "orders:read"]))
    assert len(await ended(issuer)) == 1


async def test_userinfo_tells_nothing_by_a_token_of_a_session_that_ended(issuer: Issuer) -> None:
    """The grant lives on, by `offline_access`; the token says a session, and that is over."""
    browser = issuer.browser()
    token = (await offline(issuer, browser))["access_token"]
    assert (await issuer.userinfo(token)).status_code == 200
    await browser.submit(await browser.http.get("/"), "")
    assert await ended(issuer) == []
    assert (await issuer.userinfo(token)).status_code == 401


async def test_offline_access_that_was_lost_is_not_there_when_it_is_given_back(
    issuer: Issuer,
) -> None:
    """The person signed out meanwhile, and nothing outlives that."""
    browser = issuer.browser()
    tokens = await offline(issuer, browser)
    await issuer.apply(changed(DeclarationKind.CLIENT, "other", scopes=["openid", "orders:read"]))
    await browser.submit(await browser.http.get("/"), "")
    assert len(await ended(issuer)) == 1
    await issuer.apply(changed(DeclarationKind.CLIENT, "other"))
    assert error(await issuer.refresh(tokens["refresh_token"], "other")) == "invalid_grant"


async def test_a_scope_that_is_given_back_has_to_be_asked_for_again(issuer: Issuer) -> None:
    """The client goes on asking for what it was granted, and is told what is left (RFC 6749 §6)."""
    browser = issuer.browser()
    tokens, code = await offline(issuer, browser), await browser.code(**OTHER)
    await issuer.apply(
        changed(DeclarationKind.CLIENT, "other", scopes=["openid", "offline_access"])
    )
    await issuer.apply(changed(DeclarationKind.CLIENT, "other"))
    again = await issuer.refresh(tokens["refresh_token"], "other", scope=OTHER["scope"])
    assert again.json()["scope"] == "openid offline_access"
    assert (await issuer.redeem(code, "other")).json()["scope"] == "openid offline_access"
    assert "orders:read" in (await offline(issuer, browser))["scope"]
    assert any('"grant narrowed"' in event for event in await issuer.events())


async def test_refresh_tokens_of_a_client_that_may_have_none_end_for_good(issuer: Issuer) -> None:
    browser = issuer.browser()
    tokens, code = await offline(issuer, browser), await browser.code(**OTHER)
    await issuer.apply(changed(DeclarationKind.CLIENT, "other", grants=["authorization_code"]))
    reply = await issuer.refresh(tokens["refresh_token"], "other")
    assert error(reply) == "unauthorized_client"
    assert (await issuer.userinfo(tokens["access_token"])).status_code == 200
    assert "refresh_token" not in await offline(issuer, browser)
    await issuer.apply(changed(DeclarationKind.CLIENT, "other"))
    assert error(await issuer.refresh(tokens["refresh_token"], "other")) == "invalid_grant"
    assert error(await issuer.redeem(code, "other")) == "invalid_grant"
    assert any('"refresh tokens ended"' in event for event in await issuer.events())


@pytest.mark.parametrize("changes", [{"first_party": False}, {"authentication": "none"}])
async def test_who_has_to_ask_from_now_on_keeps_what_was_agreed_to(
    issuer: Issuer, changes: dict[str, Json]
) -> None:
    """Ann agreed to `openid` before, Bob was never asked."""
    ours: dict[str, Json] = {"first_party": True}
    await issuer.browser().tokens(scope="openid", prompt="consent")
    await issuer.apply(changed(DeclarationKind.CLIENT, "desk", **ours))
    anns, bobs = [(await issuer.browser().tokens(name)) for name in ("ann", "bob")]
    assert "orders:read" in anns["scope"]
    await issuer.apply(changed(DeclarationKind.CLIENT, "desk", **{**ours, **changes}))
    assert ("client", "desk") in await revoked(issuer)
    issuer.secrets = {} if "authentication" in changes else issuer.secrets
    renewed = (await issuer.refresh(anns["refresh_token"])).json()
    assert renewed["scope"] == "openid"
    assert error(await issuer.refresh(bobs["refresh_token"])) == "invalid_grant"
    assert (await issuer.userinfo(bobs["access_token"])).status_code == 401
    await issuer.apply(changed(DeclarationKind.CLIENT, "desk", **ours))
    assert error(await issuer.refresh(bobs["refresh_token"])) == "invalid_grant"


async def test_a_key_that_is_replaced_ends_what_the_client_got_for_itself(issuer: Issuer) -> None:
    """As a secret that is replaced; another name of the same client is no other key."""

    def keyed(authentication: str = "private_key_jwt", **more: Json) -> Declaration:
        body: dict[str, Json] = {"tenant": "acme", "grants": ["client_credentials"]}
        return Declaration(
            DeclarationKind.CLIENT, "keyed", {**body, "authentication": authentication, **more}
        )

    def jwks() -> Json:
        return {"keys": [{**generate("ES256").public_jwk}]}

    first, second = jwks(), jwks()
    await issuer.apply(keyed(jwks=first))
    await issuer.apply(keyed(jwks=first, name="Keyed"))
    assert await revoked(issuer) == []
    await issuer.apply(keyed(jwks=second))
    assert await revoked(issuer) == [("subject", "keyed")]
    await issuer.apply(keyed("client_secret_basic"))
    assert (await revoked(issuer))[1:] == [("subject", "keyed")]
    await issuer.apply(keyed("client_secret_post"))
    assert (await revoked(issuer))[2:] == []


async def test_a_code_is_not_redeemed_once_its_redirect_uri_is_the_clients_no_more(
    issuer: Issuer,
) -> None:
    browser = issuer.browser()
    await offline(issuer, browser)
    code, native = await browser.code(**OTHER), await browser.code(**OTHER)
    moved: dict[str, Json] = {"redirect_uris": ["https://new.example/callback"]}
    await issuer.apply(changed(DeclarationKind.CLIENT, "other", **moved))
    assert error(await issuer.redeem(code, "other")) == "invalid_grant"
    await issuer.apply(changed(DeclarationKind.CLIENT, "other"))
    assert error(await issuer.redeem(native, "other")) == "invalid_grant", "nor when it is again"
    assert len(await ended(issuer)) == 2


async def test_what_is_taken_away_while_a_person_is_asked_is_not_given(issuer: Issuer) -> None:
    browser = issuer.browser()
    asked = await browser.sign_in(await browser.follow(await browser.authorize(**OTHER)))
    await issuer.apply(
        changed(DeclarationKind.CLIENT, "other", scopes=["openid", "offline_access"])
    )
    code = answer_of(await browser.submit(asked, "allow"))["code"]
    assert (await issuer.redeem(code, "other")).json()["scope"] == "openid offline_access"
    asked = await browser.follow(
        await browser.authorize(**{**OTHER, "scope": "openid", "prompt": "consent"})
    )
    await issuer.apply(changed(DeclarationKind.CLIENT, "other", apis=[]))
    assert answer_of(await browser.submit(asked, "allow"))["error"] == "access_denied"


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uris": ["https://other.example/elsewhere"]},
        {"grants": ["client_credentials"], "redirect_uris": ["https://other.example/callback"]},
    ],
)
async def test_nothing_is_sent_where_the_client_may_not_be_answered_any_more(
    issuer: Issuer, changes: dict[str, Json]
) -> None:
    browser = issuer.browser()
    asked = await browser.sign_in(await browser.follow(await browser.authorize(**OTHER)))
    await issuer.apply(changed(DeclarationKind.CLIENT, "other", **changes))
    reply = await browser.submit(asked, "allow")
    assert reply.status_code == 400
    assert "location" not in reply.headers


async def test_what_was_not_taken_away_goes_on(issuer: Issuer) -> None:
    """Bob's grants, Ann's at another client, and those of a client whose name changed."""
    anns, bobs = await issuer.browser().tokens(), await issuer.browser().tokens("bob")
    theirs = await offline(issuer)
    await issuer.apply(
        changed(DeclarationKind.CLIENT, "other", apis=[]),
        changed(DeclarationKind.CLIENT, "desk", name="Desk"),
    )
    for tokens in (anns, bobs):
        assert (await issuer.refresh(tokens["refresh_token"])).status_code == 200
    assert error(await issuer.refresh(theirs["refresh_token"], "other")) == "invalid_grant"


async def test_a_replaced_password_ends_what_outlives_the_session_too(issuer: Issuer) -> None:
    """Whoever knew the one before may have let an application in."""
    tokens, bobs = await offline(issuer), await issuer.browser().tokens("bob", **OTHER)
    await issuer.plane.people.new_password(UserId("ann"))
    assert error(await issuer.refresh(tokens["refresh_token"], "other")) == "invalid_grant"
    assert (await issuer.userinfo(tokens["access_token"])).status_code == 401
    assert (await issuer.refresh(bobs["refresh_token"], "other")).status_code == 200
    assert any("the password was replaced" in event for event in await ended(issuer))


async def test_the_resource_of_a_grant_stays_the_one_it_was_given_for(issuer: Issuer) -> None:
    tokens = await offline(issuer)
    renewed = (await issuer.refresh(tokens["refresh_token"], "other", resource=API)).json()
    assert API in str(claims_of(issuer, renewed["access_token"], ACCESS)["aud"])


async def revoked(issuer: Issuer) -> list[tuple[str, str]]:
    """What edges were told, but for sessions."""
    found = await issuer.plane.use_cases.write(
        lambda c, _, __: load_revocations(c, 0, START), "test"
    )
    return [(one.kind, one.value) for one in found if one.kind != "session"]


async def test_edges_are_told_what_tokens_that_are_out_say_too_much(issuer: Issuer) -> None:
    """ADR 23: of a client that lends less all that was issued before; else what is its own."""
    await issuer.apply(changed(DeclarationKind.CLIENT, "desk", scopes=["openid", "profile"]))
    assert await revoked(issuer) == [("client", "desk")]
    await issuer.apply(changed(DeclarationKind.CLIENT, "other", roles=["clerk"]))
    assert (await revoked(issuer))[1:] == [("subject", "other")]
    await issuer.apply(changed(DeclarationKind.USER, "ann", roles=[]))
    assert (await revoked(issuer))[2:] == [("subject", "ann")]


@pytest.mark.parametrize("way", ["the client loses its API", "a new password", "withdrawn"])
async def test_what_ends_many_grants_is_told_in_one_entry(issuer: Issuer, way: str) -> None:
    browser = issuer.browser()
    for _ in range(MAX_EACH + 1):
        code = await browser.code(**OTHER)
    match way:
        case "the client loses its API":
            await issuer.apply(changed(DeclarationKind.CLIENT, "other", apis=[]))
        case "a new password":
            await issuer.plane.people.new_password(UserId("ann"))
        case _:
            page = await browser.http.get("/")
            token = page.text.partition('name="token" value="')[2].partition('"')[0]
            await browser.http.post("/", data={"token": token, "client": "other"})
    who = ("client", "other") if way.startswith("the client") else ("subject", "ann")
    assert await revoked(issuer) == [who]
    assert len(await ended(issuer)) == MAX_EACH + 1
    assert error(await issuer.redeem(code, "other")) == "invalid_grant"
