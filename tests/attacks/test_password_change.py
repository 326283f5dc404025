"""A person changes the own password: proved by the present one, and others are signed out."""

import asyncio

import httpx2
import pytest
from tests.contract.faults import everything
from tests.issuer import Browser, Issuer, hidden

from durward.core.authn.known_browser import KNOWN_COOKIE
from durward.core.authn.session import COOKIE
from durward.core.values import UserId
from durward.store.passwords import load_password

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick_hashes")]
NEW = "vier alte Birnen"
OTHER = {
    "client_id": "other",
    "redirect_uri": "https://other.example/callback",
    "scope": "openid offline_access orders:read",
}
"""A client whose grants outlive the session."""


async def at_home(issuer: Issuer, source: str = "192.0.2.1") -> Browser:
    """Somebody who is signed in at the issuer's own page."""
    browser = issuer.browser(source)
    page = await browser.sign_in(await browser.follow(await browser.http.get("/")))
    assert 'id="sessions"' in page.text
    return browser


async def change(browser: Browser, new: str = NEW, **fields: str) -> httpx2.Response:
    page = await browser.http.get("/password")
    form = {
        "token": hidden(page, "token"),
        "password": browser.issuer.passwords["ann"],
        "new": new,
        "again": new,
        **fields,
    }
    return await browser.http.post("/password", data=form)


async def is_signed_in(browser: Browser) -> bool:
    return 'id="sessions"' in (await browser.http.get("/")).text


async def signs_in(issuer: Issuer, password: str) -> bool:
    browser = issuer.browser("198.51.100.7")
    page = await browser.follow(await browser.http.get("/"))
    return 'id="sessions"' in (await browser.sign_in(page, "ann", password)).text


@pytest.mark.requirement("AS-93", "AS-104", "AS-105")
async def test_who_proves_the_present_password_has_a_new_one_and_others_are_signed_out(
    issuer: Issuer,
) -> None:
    other = await at_home(issuer, "198.51.100.1")
    here = await at_home(issuer)
    before = here.http.cookies[COOKIE]
    reply = await change(here)
    assert reply.status_code == 200
    assert "is changed" in reply.text
    assert here.http.cookies[COOKIE] != before, "the session goes on with a new secret"
    assert await is_signed_in(here)
    assert not await is_signed_in(other)
    assert await signs_in(issuer, NEW)
    assert not await signs_in(issuer, issuer.passwords["ann"])
    here.http.cookies.set(COOKIE, before, domain="issuer.example")
    assert not await is_signed_in(here), "the former secret is worth nothing"


@pytest.mark.requirement("AS-105", "AS-96")
async def test_a_session_alone_changes_nothing_and_is_no_way_to_guess_faster(
    issuer: Issuer,
) -> None:
    thief = await at_home(issuer)
    thief.http.cookies.delete(KNOWN_COOKIE)
    kept = await issuer.plane.transactions.read(lambda c: load_password(c, UserId("ann")))
    codes = [(await change(thief, password=f"a guess {n}")).status_code for n in range(8)]
    assert set(codes[:5]) == {403}
    assert codes[-1] == 429
    assert await issuer.plane.transactions.read(lambda c: load_password(c, UserId("ann"))) == kept
    assert await is_signed_in(thief)


@pytest.mark.requirement("AS-93", "ZT-16")
async def test_a_password_that_is_not_accepted_changes_nothing(issuer: Issuer) -> None:
    here = await at_home(issuer)
    before = await everything(issuer)
    for new, again, says in (
        ("vierzehn Birne", None, "at least 15"),
        ("Birnen " * 20, None, "at most 128"),
        ("ann@acme.example", None, "soon be guessed"),
        ("passwordpassword", None, "soon be guessed"),
        ("issuer.example1", None, "soon be guessed"),
        (NEW, "vier alte birnen", "not the same"),
    ):
        reply = await change(here, new, again=again or new)
        assert reply.status_code == 400
        assert says in reply.text
        assert new not in reply.text
    assert await everything(issuer) == before


async def test_a_form_of_another_site_or_of_another_session_changes_nothing(
    issuer: Issuer,
) -> None:
    here, other = await at_home(issuer), issuer.browser("198.51.100.1")
    page = await other.follow(await other.http.get("/"))
    await other.sign_in(page, "bob")
    foreign = hidden(await other.http.get("/password"), "token")
    assert (await change(here, token=foreign)).status_code == 400
    form = {"token": hidden(await here.http.get("/password"), "token"), "new": NEW, "again": NEW}
    form |= {"password": issuer.passwords["ann"]}
    headers = {"sec-fetch-site": "cross-site"}
    reply = await here.http.post("/password", data=form, headers=headers)
    assert reply.status_code == 400
    assert await is_signed_in(here)
    assert not await signs_in(issuer, NEW)


@pytest.mark.parametrize(("keep", "lives"), [("", False), ("yes", True)])
async def test_applications_that_stay_connected_end_unless_the_person_keeps_them(
    issuer: Issuer, keep: str, lives: bool
) -> None:
    tokens = await issuer.browser("198.51.100.1").tokens(**OTHER)
    await change(await at_home(issuer), keep=keep)
    reply = await issuer.refresh(tokens["refresh_token"], "other")
    assert (reply.status_code == 200) is lives


async def test_of_two_changes_at_once_one_counts(issuer: Issuer) -> None:
    here, there = await at_home(issuer), await at_home(issuer, "198.51.100.1")
    one, two = NEW, "funf neue Quitten"
    replies = await asyncio.gather(change(here, one), change(there, two))
    done = [reply.status_code == 200 and "is changed" in reply.text for reply in replies]
    assert sorted(done) == [False, True]
    winner = one if done[0] else two
    assert await signs_in(issuer, winner)
    assert [await is_signed_in(here), await is_signed_in(there)] == done


async def test_nobody_is_asked_for_a_password_who_is_not_signed_in(issuer: Issuer) -> None:
    browser = issuer.browser()
    reply = await browser.http.get("/password")
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
