"""Signing out at an application's request: what is told is what was done, and nobody else's."""

import httpx2
import pytest
from tests.issuer import Browser, Issuer, answer_of

from durward.services.keyring import RotationRequest

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("AS-83")]
HOME = "http://127.0.0.1:8490/"


async def is_signed_in(browser: Browser) -> bool:
    return (await browser.http.get("/")).status_code == 200


async def sign_out(browser: Browser, hint: str, **more: str) -> httpx2.Response:
    return await browser.http.get("/logout", params={"id_token_hint": hint, **more})


async def confirm(browser: Browser, page: httpx2.Response) -> httpx2.Response:
    assert 'id="confirm"' in page.text
    fields = dict.fromkeys(("id_token_hint", "confirm"), "")
    for name in fields:
        fields[name] = page.text.partition(f'name="{name}" value="')[2].partition('"')[0]
    return await browser.http.post("/logout", data=fields)


async def rotated(issuer: Issuer, wish: RotationRequest, then_seconds: int = 0) -> None:
    await issuer.plane.administration.rotate_keys(wish)
    issuer.clock.forward(then_seconds)
    await issuer.plane.publication.refresh()


async def test_a_browser_that_is_not_signed_in_is_told_that_nothing_was_ended(
    issuer: Issuer,
) -> None:
    """Whoever holds an ID token is not its person: they are asked to sign in (§2, §6)."""
    owner, other = issuer.browser(), issuer.browser()
    tokens = await owner.tokens()
    page = await sign_out(other, tokens["id_token"], post_logout_redirect_uri=HOME)
    assert page.status_code == 200
    assert "is still open" in page.text
    assert "You are signed out" not in page.text
    assert 'href="/"' in page.text
    assert await is_signed_in(owner)
    assert (await issuer.refresh(tokens["refresh_token"])).status_code == 200


async def test_once_the_session_has_ended_whoever_asks_again_is_told_so(issuer: Issuer) -> None:
    owner, other = issuer.browser(), issuer.browser()
    hint = (await owner.tokens())["id_token"]
    assert "You are signed out" in (await sign_out(owner, hint)).text
    assert "You are signed out" in (await sign_out(other, hint)).text


async def test_an_application_that_posts_is_answered_for_the_session_of_this_browser(
    issuer: Issuer,
) -> None:
    """A browser keeps a `SameSite=Lax` cookie back when another site posts (§2 asks for POST)."""
    browser = issuer.browser()
    tokens = await browser.tokens()
    form = {
        "id_token_hint": tokens["id_token"],
        "post_logout_redirect_uri": HOME,
        "state": "s t",
        "unknown": "x",
    }
    async with issuer.http() as without_cookies:
        reply = await without_cookies.post("/logout", data=form)
    assert reply.status_code == 303
    assert "set-cookie" not in reply.headers
    assert reply.headers["location"].startswith("/logout?")
    assert "unknown" not in reply.headers["location"]
    assert await is_signed_in(browser)
    done = await browser.http.get(reply.headers["location"])
    assert answer_of(done) == {"state": "s t"}
    assert not await is_signed_in(browser)
    assert (await issuer.refresh(tokens["refresh_token"])).status_code == 400


async def test_another_site_signs_nobody_out_by_a_form(issuer: Issuer) -> None:
    """Its post comes without the cookie; the answer takes no cookie away, and then it is asked."""
    browser = issuer.browser()
    await browser.tokens()
    async with issuer.http() as without_cookies:
        reply = await without_cookies.post("/logout", data={"state": "x"})
    assert "set-cookie" not in reply.headers
    assert 'id="confirm"' in (await browser.http.get(reply.headers["location"])).text
    assert await is_signed_in(browser)


async def test_the_hint_of_somebody_else_ends_nothing_of_theirs(issuer: Issuer) -> None:
    anns, bobs = issuer.browser(), issuer.browser()
    hint = (await anns.tokens())["id_token"]
    await bobs.tokens("bob")
    page = await sign_out(bobs, hint)
    assert await is_signed_in(bobs)
    assert "You are signed out" in (await confirm(bobs, page)).text
    assert not await is_signed_in(bobs)
    assert await is_signed_in(anns)


async def test_only_the_id_token_of_this_session_ends_it_unasked(issuer: Issuer) -> None:
    """Any other, also of the same person or of one who is gone, is asked about first (§2)."""
    here, there, bobs, gone = (issuer.browser() for _ in range(4))
    own = (await here.tokens())["id_token"]
    over = (await gone.tokens())["id_token"]
    await sign_out(gone, over)
    for hint in ((await there.tokens())["id_token"], (await bobs.tokens("bob"))["id_token"], over):
        page = await sign_out(here, hint)
        assert 'id="confirm"' in page.text
        assert all([await is_signed_in(browser) for browser in (here, there, bobs)])
    assert "You are signed out" in (await sign_out(here, own)).text
    assert [await is_signed_in(browser) for browser in (here, there, bobs)] == [False, True, True]


async def test_a_hint_that_was_issued_to_another_client_is_none_of_this_one(
    issuer: Issuer,
) -> None:
    browser = issuer.browser()
    hint = (await browser.tokens())["id_token"]
    assert (await sign_out(browser, hint, client_id="other")).status_code == 400
    assert await is_signed_in(browser)


async def test_who_agrees_ends_their_own_session_that_the_application_names_too(
    issuer: Issuer,
) -> None:
    here, there = issuer.browser(), issuer.browser()
    hint = (await there.tokens())["id_token"]
    await here.tokens()
    page = await sign_out(here, hint)
    assert "another sign-in of yours" in page.text
    assert await is_signed_in(here)
    assert await is_signed_in(there)
    assert "You are signed out" in (await confirm(here, page)).text
    assert not await is_signed_in(here)
    assert not await is_signed_in(there)


async def test_a_hint_outlives_the_key_that_signed_it(issuer: Issuer) -> None:
    """§2: an ID token whose time has passed is accepted; so is one of a key that was retired."""
    browser = issuer.browser()
    hint = (await browser.tokens())["id_token"]
    for _ in range(2):
        await rotated(issuer, RotationRequest(), then_seconds=1_700)
        assert await is_signed_in(browser)
    asked = await browser.authorize(id_token_hint=hint, prompt="none")
    assert "code" in answer_of(asked)
    reply = await sign_out(browser, hint, post_logout_redirect_uri=HOME)
    assert reply.headers["location"] == HOME
    assert not await is_signed_in(browser)


async def test_what_a_key_in_wrong_hands_signed_is_no_hint(issuer: Issuer) -> None:
    """Anybody may have made it: a key that was replaced at once vouches for nothing."""
    browser = issuer.browser()
    hint = (await browser.tokens())["id_token"]
    await rotated(issuer, RotationRequest(unsafe_now=True))
    await rotated(issuer, RotationRequest(), then_seconds=1_700)
    assert (await sign_out(browser, hint)).status_code == 400
    refused = answer_of(await browser.authorize(id_token_hint=hint, prompt="none"))
    assert refused["error"] == "invalid_request"
    assert await is_signed_in(browser)


@pytest.mark.parametrize("hint", ["", "x", "a.b.c", "e30.e30.e30", "eyJraWQiOjF9.e30.e30"])
async def test_what_is_no_token_is_no_hint(issuer: Issuer, hint: str) -> None:
    browser = issuer.browser()
    await browser.tokens()
    assert (await sign_out(browser, hint or "%00")).status_code == 400
    assert await is_signed_in(browser)
