"""Access that nobody was asked about."""

from dataclasses import replace

import pytest
from tests.issuer import API, DESK, Browser, Issuer, answer_of, sample

from durward.core.configuration.declaration import Declaration

pytestmark = pytest.mark.anyio
OTHER = {"client_id": "other", "redirect_uri": "https://other.example/callback"}


def other(**changes: object) -> Declaration:
    """A confidential client of somebody else's."""
    (found,) = [one for one in sample() if one.name == "other"]
    return replace(found, body={**found.body, **changes})  # type: ignore[dict-item]


@pytest.mark.requirement("AS-20")
@pytest.mark.parametrize("declared", [[], ["orders:read"]])
async def test_a_client_that_asks_without_scopes_asks_all_the_same(
    issuer: Issuer, declared: list[str]
) -> None:
    """OIDC Core §3.1.2.4: a token without scopes has the person's roles still."""
    await issuer.apply(other(scopes=declared))
    async with issuer.browser().http as http:
        browser = Browser(issuer, http)
        await browser.code()  # signed in, for another application
        reply = await browser.follow(await browser.authorize(scope=None, **OTHER))
        assert 'id="consent"' in reply.text
        assert ("special permission" in reply.text) is not bool(declared)
        assert "code" in answer_of(await browser.submit(reply, "allow"))
        # What was agreed to is remembered, also where it is no scope at all.
        reply = await browser.follow(await browser.authorize(scope=None, **OTHER))
        assert "code" in answer_of(reply)


@pytest.mark.requirement("AS-20")
@pytest.mark.parametrize("scope", [None, "orders:read"])
async def test_prompt_none_brings_nothing_that_was_not_agreed_to(
    issuer: Issuer, scope: str | None
) -> None:
    await issuer.apply(other(scopes=["orders:read"] if scope else []))
    async with issuer.browser().http as http:
        browser = Browser(issuer, http)
        await browser.code()
        reply = await browser.authorize(scope=scope, prompt="none", **OTHER)
        assert answer_of(reply)["error"] == "consent_required"


async def test_what_was_taken_back_is_asked_again(issuer: Issuer) -> None:
    await issuer.apply(other(scopes=[]))
    async with issuer.browser().http as http:
        browser = Browser(issuer, http)
        await browser.code(scope=None, **OTHER)
        own = await http.get("/")
        token = own.text.split('name="token" value="')[1].split('"')[0]
        await http.post("/", data={"client": "other", "token": token})
        reply = await browser.follow(await browser.authorize(scope=None, **OTHER))
        assert 'id="consent"' in reply.text


@pytest.mark.requirement("AS-20")
async def test_the_page_says_who_asks_for_what_and_where_it_goes(issuer: Issuer) -> None:
    browser = issuer.browser()
    page = await browser.sign_in(await browser.follow(await browser.authorize()))
    assert '<span id="client">Order desk</span>' in page.text
    assert "Know who you are" in page.text
    assert f'<code id="resource">{API}</code>' in page.text
    assert f'<code id="target">{DESK.removesuffix("/callback")}</code>' in page.text
