"""Two pages of one browser: a form answers for what it was shown for, and for nobody else."""

import httpx2
import pytest
from tests.issuer import Browser, Issuer, answer_of

pytestmark = pytest.mark.anyio


async def page(browser: Browser, **changes: str | None) -> httpx2.Response:
    return await browser.follow(await browser.authorize(**changes))


@pytest.mark.parametrize("prompt", [None, "login", "select_account"])
async def test_a_wrong_password_is_not_answered_with_the_other_tabs_person(
    issuer: Issuer, prompt: str | None
) -> None:
    async with issuer.browser().http as http:
        browser = Browser(issuer, http)
        second = await page(browser, state="second", prompt=prompt)
        first = await page(browser, state="first")
        await browser.sign_in(first, "ann")
        reply = await browser.sign_in(second, "bob", "not the password")
        assert reply.status_code == 403
        assert 'id="sign-in"' in reply.text
        # The right one of another person is answered for that person.
        reply = await browser.sign_in(reply, "bob")
        assert "bob" in (await http.get("/")).text


async def test_too_many_wrong_passwords_are_not_answered_with_the_other_tabs_person(
    issuer: Issuer,
) -> None:
    async with issuer.browser().http as http:
        browser = Browser(issuer, http)
        second = await page(browser, state="second")
        for _ in range(6):
            reply = await browser.sign_in(second, "bob", "not the password")
        assert reply.status_code == 429
        await browser.sign_in(await page(browser, state="first"), "ann")
        reply = await browser.sign_in(second, "bob", "not the password")
        assert reply.status_code == 429
        assert 'id="sign-in"' in reply.text


async def test_a_wrong_password_does_not_open_the_page_of_the_other_tabs_person(
    issuer: Issuer,
) -> None:
    async with issuer.browser().http as http:
        browser = Browser(issuer, http)
        own = await browser.follow(await http.get("/"))
        await browser.sign_in(await page(browser), "ann")
        reply = await browser.sign_in(own, "bob", "not the password")
        assert reply.status_code == 403


@pytest.mark.parametrize("prompt", ["login", "select_account"])
async def test_who_must_sign_in_for_a_request_signs_in_for_that_request(
    issuer: Issuer, prompt: str
) -> None:
    """OIDC Core §3.1.2.1: a sign-in at another page, even a later one, is not this one."""
    async with issuer.browser().http as http:
        browser = Browser(issuer, http)
        second = await page(browser, state="second", prompt=prompt)
        issuer.clock.forward(5)
        await browser.sign_in(await page(browser, state="first"), "ann")
        again = await http.get(str(second.url))
        assert 'id="sign-in"' in again.text
        reply = await browser.sign_in(again, "ann")
        if 'id="consent"' in reply.text:
            reply = await browser.submit(reply, "allow")
        assert answer_of(reply)["state"] == "second"


async def test_the_consent_of_one_person_is_not_that_of_the_next(issuer: Issuer) -> None:
    async with issuer.browser().http as http:
        browser = Browser(issuer, http)
        other = {"client_id": "other", "redirect_uri": "https://other.example/callback"}
        asked = await browser.sign_in(await page(browser, scope="openid", **other), "ann")
        assert 'id="consent"' in asked.text
        await browser.sign_in(await page(browser, prompt="login"), "bob")
        reply = await browser.submit(asked, "allow")
        assert 'id="consent"' in reply.text, "bob is asked for himself"
        assert "Bob" in reply.text
        assert "code" in answer_of(await browser.submit(reply, "allow"))


async def test_a_form_of_one_kind_is_not_taken_for_the_other(issuer: Issuer) -> None:
    async with issuer.browser().http as http:
        browser = Browser(issuer, http)
        other = {"client_id": "other", "redirect_uri": "https://other.example/callback"}
        sign_in = await page(browser, scope="openid", **other)
        asked = await browser.sign_in(sign_in, "ann")
        assert 'id="consent"' in asked.text
        reply = await browser.submit(sign_in, "allow")
        assert reply.status_code == 400
