"""Who guesses keeps nobody out: neither a person at a browser of theirs, nor a client."""

from dataclasses import replace

import pytest
from tests.contract.faults import everything
from tests.issuer import Browser, Issuer, hidden, sample

from durward.core.authn.known_browser import KNOWN_COOKIE
from durward.core.authn.throttle import PAIR
from durward.core.values import UserId

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick_hashes")]
STRANGERS = [f"203.0.113.{number}" for number in range(1, 30)]
TRIES = 24
LONGEST = 30
"""How long (seconds) an account lets nobody in at most."""


class Guessers:
    """Strangers at many addresses who guess at one account, as often as they are let."""

    def __init__(self, issuer: Issuer, account: str = "ann") -> None:
        self._browsers = [issuer.browser(source) for source in STRANGERS]
        self._account = account
        self._issuer = issuer

    async def exhaust(self) -> None:
        """Guess until the account itself makes everybody wait."""
        for _ in range(2):
            for browser in self._browsers:
                await guess(browser, self._account)

    async def go_on(self) -> None:
        """Be the first to guess each time that a guess is taken."""
        self._issuer.clock.forward(LONGEST)
        for browser in self._browsers[:3]:
            await guess(browser, self._account)


async def guess(browser: Browser, account: str = "ann") -> int:
    page = await browser.follow(await browser.authorize(prompt="login"))
    return (await browser.sign_in(page, account, "a guess")).status_code


async def come_back(browser: Browser, account: str = "ann") -> int:
    """Sign in with the right password."""
    page = await browser.follow(await browser.authorize(prompt="login"))
    return (await browser.sign_in(page, account)).status_code


@pytest.mark.requirement("AS-96")
async def test_strangers_who_guess_keep_nobody_out_who_comes_back(issuer: Issuer) -> None:
    owner, strangers = issuer.browser("192.0.2.1"), Guessers(issuer)
    await owner.code()
    await strangers.exhaust()
    let_in = 0
    for _ in range(TRIES):
        await strangers.go_on()
        let_in += await come_back(owner) == 200
    assert let_in == TRIES


@pytest.mark.requirement("AS-96")
async def test_strangers_who_guess_make_a_new_browser_wait_no_longer_than_the_account(
    issuer: Issuer,
) -> None:
    strangers, fresh = Guessers(issuer), issuer.browser("192.0.2.1")
    await strangers.exhaust()
    await strangers.go_on()
    page = await fresh.follow(await fresh.authorize())
    slowed = await fresh.sign_in(page)
    assert slowed.status_code == 429
    wait = int(slowed.headers["retry-after"])
    assert 0 < wait <= LONGEST
    assert KNOWN_COOKIE not in fresh.http.cookies
    issuer.clock.forward(wait)
    assert (await fresh.sign_in(page)).status_code == 200
    assert KNOWN_COOKIE in fresh.http.cookies


@pytest.mark.requirement("AS-96")
async def test_who_has_stolen_a_known_browsers_cookie_is_slowed_wherever_they_guess(
    issuer: Issuer,
) -> None:
    """One count for the person and the browser: other addresses give no more guesses."""
    owner, elsewhere = issuer.browser(), issuer.browser("192.0.2.2")
    await owner.code()
    await elsewhere.code()
    thieves = [with_known(issuer.browser(source), owner) for source in STRANGERS[:8]]
    statuses = [await guess(thief) for thief in thieves]
    assert statuses == [403] * PAIR.free + [429] * 3
    assert await come_back(elsewhere) == 200, "another known browser does not wait for it"
    issuer.clock.forward(1)
    assert await come_back(owner) == 200


@pytest.mark.requirement("AS-96")
@pytest.mark.parametrize("cookie", ["bob's", "invented"])
async def test_a_cookie_that_is_not_known_for_the_account_gives_nothing(
    issuer: Issuer, cookie: str
) -> None:
    other = issuer.browser("192.0.2.9")
    if cookie == "bob's":
        await other.code("bob")
    else:
        give_known(other, "dwn_invented")
    await Guessers(issuer).exhaust()
    assert await come_back(other) == 429
    issuer.clock.forward(LONGEST)
    page = await other.follow(await other.authorize(prompt="login"))
    assert (await other.sign_in(page)).status_code == 200
    assert known_of(other) != "dwn_invented", "what was planted is not taken"


@pytest.mark.requirement("AS-95", "AS-96")
async def test_before_the_password_fits_nothing_tells_whether_a_browser_is_known(
    issuer: Issuer,
) -> None:
    """Neither for an account that the cookie is known for, nor for one that is not there."""
    owner = issuer.browser()
    await owner.code()
    told = []
    for account in ("ann", "bob", "nobody-here"):
        browser = with_known(issuer.browser(), owner)
        for _ in range(PAIR.free + 1):
            page = await browser.follow(await browser.authorize(prompt="login"))
            reply = await browser.sign_in(page, account, "a guess")
            headers = sorted(set(reply.headers) - {"content-length"})
            text = reply.text.replace(account, "")
            for name in ("id", "token"):
                text = text.replace(hidden(reply, name), "")
            told.append((account, reply.status_code, tuple(headers), text))
            assert "set-cookie" not in headers
    answers = {name: [one[1:] for one in told if one[0] == name] for name, *_ in told}
    assert answers["ann"] == answers["bob"] == answers["nobody-here"]


@pytest.mark.requirement("AS-96")
async def test_one_browser_is_known_for_everybody_who_signed_in_there(issuer: Issuer) -> None:
    shared = issuer.browser()
    await shared.code("bob")
    first = known_of(shared)
    assert await come_back(shared) == 200, "ann is asked for consent"
    assert known_of(shared) == first
    await Guessers(issuer).exhaust()
    issuer.clock.forward(1)
    assert await come_back(shared) == 200
    rows = (await everything(issuer))["known_browsers"]
    assert len(rows) == 2
    assert not any(first in row for row in rows), "the secret itself is kept nowhere"


@pytest.mark.requirement("AS-104")
@pytest.mark.parametrize("how", ["password", "disabled", "removed"])
async def test_browsers_are_known_no_more_once_the_person_is_not_the_one_they_were(
    issuer: Issuer, how: str
) -> None:
    for number in range(2):
        await issuer.browser(f"192.0.2.{number}").code()
    await issuer.browser().code("bob")
    rows = (await everything(issuer))["known_browsers"]
    assert sum("'ann'" in row for row in rows) == 2
    match how:
        case "password":
            await issuer.plane.people.new_password(UserId("ann"))
        case "disabled":
            (ann,) = [one for one in sample() if one.name == "ann"]
            await issuer.apply(replace(ann, body={**ann.body, "disabled": True}))
        case _:
            await issuer.plane.administration.apply(
                [one for one in sample() if one.name != "ann"], prune=True
            )
    (left,) = (await everything(issuer))["known_browsers"]
    assert "'bob'" in left


def known_of(browser: Browser) -> str:
    found = [one.value for one in browser.http.cookies.jar if one.name == KNOWN_COOKIE]
    assert len(found) == 1
    return str(found[0])


def give_known(browser: Browser, value: str) -> None:
    browser.http.cookies.set(KNOWN_COOKIE, value, domain="issuer.example", path="/")


def with_known(browser: Browser, owner: Browser) -> Browser:
    """A browser with the cookie by which another one is known."""
    give_known(browser, known_of(owner))
    return browser


@pytest.mark.requirement("AS-25")
@pytest.mark.parametrize("source", ["192.0.2.1", STRANGERS[0]])
async def test_who_guesses_at_a_clients_secret_keeps_the_client_out_nowhere(
    issuer: Issuer, source: str
) -> None:
    """Neither elsewhere, nor at the very address that is guessed from."""

    async def status(at: str, secret: str) -> int:
        form = {"grant_type": "refresh_token", "refresh_token": "x"}
        async with issuer.http(at) as http:
            return (await http.post("/token", data=form, auth=("desk", secret))).status_code

    for stranger in STRANGERS * 2:
        assert await status(stranger, "wrong") == 401
    answers = []
    for _ in range(20):
        for stranger in STRANGERS[:2]:
            await status(stranger, "wrong")
        answers.append(await status(source, issuer.secrets["desk"]))
    assert answers == [400] * 20, "the client is let in, and its token is not known"
