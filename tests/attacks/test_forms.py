"""Forms and cookies: other sites' forms, planted cookies, guesses, what a page may be framed by."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import Connection
from tests.contract.faults import everything
from tests.issuer import Browser, Issuer, answer_of, hidden
from tests.issuer import issuer as serving

from durward.core.audit.event import AuditContext
from durward.core.authn.known_browser import KNOWN_COOKIE
from durward.core.authn.session import BROWSER_COOKIE, COOKIE
from durward.core.values import Secret, UserId
from durward.core.wire import encode_base64url
from durward.services import passwords, sessions
from durward.services.context import Context
from durward.services.password_verifier import PasswordVerifier
from durward.services.sessions import Admitted, Begun, BrowserSecrets

pytestmark = pytest.mark.anyio


async def waiting(browser: Browser, **changes: str | None) -> str:
    """The id of a request that waits for a person."""
    reply = await browser.authorize(**changes)
    return str(reply.headers["location"]).partition("id=")[2]


async def test_a_form_without_the_browsers_token_signs_nobody_in(issuer: Issuer) -> None:
    """Login CSRF: the victim's browser sends the attacker's name and password."""
    attacker, victim = issuer.browser(), issuer.browser()
    id = await waiting(attacker)
    await waiting(victim)
    page = await attacker.http.get("/interaction", params={"id": id})
    form = {
        "id": id,
        "token": hidden(page, "token"),
        "answer": "sign-in",
        "account": "bob",
        "password": issuer.passwords["bob"],
    }
    for given in (form, {**form, "token": "x"}, {**form, "token": ""}):
        reply = await victim.http.post("/interaction", data=given)
        assert reply.status_code == 400
        assert COOKIE not in victim.http.cookies


async def test_a_form_that_another_site_sent_is_refused(issuer: Issuer) -> None:
    browser = issuer.browser()
    page = await browser.follow(await browser.authorize())
    form = {"id": hidden(page, "id"), "token": hidden(page, "token"), "answer": "sign-in"}
    form |= {"account": "ann", "password": issuer.passwords["ann"]}
    for site in ("cross-site", "same-site"):
        headers = {"sec-fetch-site": site}
        reply = await browser.http.post("/interaction", data=form, headers=headers)
        assert reply.status_code == 400
    assert COOKIE not in browser.http.cookies


async def test_another_browser_cannot_agree_for_a_person(issuer: Issuer) -> None:
    """Consent CSRF: the id of a request alone is worth nothing."""
    ann, attacker = issuer.browser(), issuer.browser()
    consent = await ann.sign_in(await ann.follow(await ann.authorize()))
    await waiting(attacker)
    form = {name: hidden(consent, name) for name in ("id", "token", "person")} | {"answer": "allow"}
    assert (await attacker.http.post("/interaction", data=form)).status_code == 400
    seen = await attacker.http.get("/interaction", params={"id": hidden(consent, "id")})
    assert seen.status_code == 400
    assert answer_of(await ann.submit(consent, "allow"))["code"]


async def test_a_request_is_answered_once(issuer: Issuer) -> None:
    browser = issuer.browser()
    consent = await browser.sign_in(await browser.follow(await browser.authorize()))
    assert answer_of(await browser.submit(consent, "allow"))["code"]
    assert (await browser.submit(consent, "allow")).status_code == 400


async def test_denying_sends_no_code_and_is_remembered_by_nobody(issuer: Issuer) -> None:
    browser = issuer.browser()
    consent = await browser.sign_in(await browser.follow(await browser.authorize()))
    answer = answer_of(await browser.submit(consent, "deny"))
    assert answer["error"] == "access_denied"
    assert "code" not in answer
    assert 'id="consent"' in (await browser.follow(await browser.authorize())).text


async def test_who_is_not_signed_in_cannot_agree(issuer: Issuer) -> None:
    browser = issuer.browser()
    page = await browser.follow(await browser.authorize())
    assert (await browser.submit(page, "allow")).status_code == 400
    consent = await browser.sign_in(page)
    browser.http.cookies.delete(COOKIE)
    reply = await browser.submit(consent, "allow")
    assert 'id="sign-in"' in reply.text


@pytest.mark.requirement("AS-102")
async def test_a_planted_session_is_worth_nothing_after_sign_in(issuer: Issuer) -> None:
    """Session fixation: the secret is new at every sign-in, and the one before stops counting."""
    attacker, victim = issuer.browser(), issuer.browser()
    await attacker.tokens("bob")
    planted = attacker.http.cookies[COOKIE]
    victim.http.cookies.set(COOKIE, planted, domain="issuer.example", path="/")
    issuer.clock.forward(1)
    await victim.tokens("ann", prompt="login")
    fresh = victim.http.cookies.jar
    secrets = {cookie.value for cookie in fresh if cookie.name == COOKIE}
    assert secrets - {planted}
    assert (await attacker.http.get("/")).status_code == 303  # bob's session in it has ended
    again = issuer.browser()
    again.http.cookies.set(COOKIE, "dwk_invented", domain="issuer.example", path="/")
    assert (await again.http.get("/")).status_code == 303


@pytest.mark.requirement("AS-102")
async def test_signing_in_again_changes_the_secret_and_keeps_the_session(issuer: Issuer) -> None:
    browser = issuer.browser()
    first = await browser.tokens()
    before = browser.http.cookies[COOKIE]
    issuer.clock.forward(1)
    await browser.tokens(prompt="login")
    assert browser.http.cookies[COOKIE] != before
    stale = issuer.browser()
    stale.http.cookies.set(COOKIE, before, domain="issuer.example", path="/")
    assert (await stale.http.get("/")).status_code == 303
    assert (await issuer.refresh(first["refresh_token"])).status_code == 200


@pytest.mark.requirement("AS-102", "AS-107")
async def test_cookies_are_for_this_host_and_no_script(issuer: Issuer) -> None:
    browser = issuer.browser()
    begun = await browser.authorize()
    assert BROWSER_COOKIE in begun.headers["set-cookie"]
    assert COOKIE not in begun.headers["set-cookie"]
    page = await browser.follow(begun)
    form = {"id": hidden(page, "id"), "token": hidden(page, "token"), "answer": "sign-in"}
    form |= {"account": "ann", "password": issuer.passwords["ann"]}
    reply = await browser.http.post("/interaction", data=form)
    lines = begun.headers.get_list("set-cookie") + reply.headers.get_list("set-cookie")
    lasting = {KNOWN_COOKIE: {f"max-age={90 * 86_400}"}}
    assert [line.partition("=")[0] for line in lines] == [BROWSER_COOKIE, COOKIE, KNOWN_COOKIE]
    for line in lines:
        words = {word.strip().lower() for word in line.split(";")[1:]}
        usual = {"path=/", "secure", "httponly", "samesite=lax"}
        assert words == usual | lasting.get(line.partition("=")[0], set())
        assert line.startswith("__Host-")


@pytest.mark.requirement("AS-13", "AS-13a")
async def test_pages_cannot_be_framed_and_lead_only_where_they_must(issuer: Issuer) -> None:
    browser = issuer.browser()
    page = await browser.follow(await browser.authorize())
    consent = await browser.sign_in(page)
    broken = await browser.authorize(client_id="nobody")
    onward = await browser.submit(consent, "allow")
    assert onward.headers["referrer-policy"] == "no-referrer"
    for reply in (page, consent, broken, onward):
        policy = dict(
            part.strip().split(" ", 1)
            for part in reply.headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["form-action"] == "'self'"
        assert reply.headers["x-frame-options"] == "DENY"
        assert reply.headers["cache-control"] == "no-store"
        assert "<script" not in reply.text


async def test_what_a_client_sends_is_escaped(issuer: Issuer) -> None:
    browser = issuer.browser()
    page = await browser.follow(await browser.authorize(login_hint='"><script>x</script>'))
    assert "<script" not in page.text


@pytest.mark.requirement("AS-95")
async def test_an_unknown_account_costs_one_verification_and_says_the_same() -> None:
    verified = []

    def counted(password: Secret, phc: str) -> bool:
        verified.append(phc)
        return passwords.verifies(password, phc)

    texts = set()
    async with serving(verifier=PasswordVerifier(verify=counted)) as issuer:
        for account in ("ann", "nobody-here"):
            browser = issuer.browser()
            page = await browser.follow(await browser.authorize())
            reply = await browser.sign_in(page, account, "not it")
            assert reply.status_code == 403
            texts.add(
                reply.text.replace(account, "")
                .replace(hidden(reply, "id"), "")
                .replace(hidden(reply, "token"), "")
            )
    assert len(verified) == 2
    assert len(texts) == 1


@pytest.mark.requirement("AS-96")
async def test_guessing_is_slowed_for_the_pair_and_the_person_still_gets_in(
    issuer: Issuer,
) -> None:
    attacker = issuer.browser("203.0.113.9")
    page = await attacker.follow(await attacker.authorize())
    statuses = [(await attacker.sign_in(page, "ann", f"guess {n}")).status_code for n in range(8)]
    assert statuses == [403] * 5 + [429] * 3
    slowed = await attacker.sign_in(page, "ann")  # even the right one has to wait
    assert slowed.status_code == 429
    assert slowed.headers["retry-after"] == "1"
    assert (await issuer.browser("192.0.2.1").tokens("ann"))["access_token"]
    issuer.clock.forward(1)
    assert answer_of(await attacker.sign_in(page, "ann"))["code"]


@pytest.mark.requirement("AS-96")
async def test_what_was_typed_into_the_wrong_field_is_kept_nowhere(issuer: Issuer) -> None:
    """Neither in the log nor among the counts: there a hash without a key could be guessed."""
    browser, typed = issuer.browser(), "my secret password"
    page = await browser.follow(await browser.authorize())
    await browser.sign_in(page, typed, "x")
    rows = await everything(issuer)
    names = re.findall(r"\('([^']*)', 1, ", "".join(rows["attempts"]))
    assert [len(name) for name in names] == [43, 43, 43]
    plain = Secret(typed).sha256()
    for kept in ("".join(await issuer.events()), str(await everything(issuer)), str(rows)):
        assert typed not in kept
        assert plain.hex() not in kept
        assert encode_base64url(plain) not in kept


@pytest.mark.requirement("AS-104")
async def test_a_password_that_is_replaced_while_it_is_looked_at_begins_nothing(
    issuer: Issuer,
) -> None:
    plane, source = issuer.plane, "192.0.2.1"
    admitted = await plane.use_cases.write(
        lambda c, x, t: sessions.admit(c, x, "ann", None, t), "browser", source
    )
    assert isinstance(admitted, sessions.Admitted)
    await plane.people.new_password(UserId("ann"))

    def late(
        admitted: Admitted,
    ) -> Callable[[Connection, Context, AuditContext], Begun | Admitted | None]:
        nothing = BrowserSecrets()
        return lambda c, x, t: sessions.sign_in(c, x, admitted, None, nothing, "", t)

    instead = await plane.use_cases.write(late(admitted), "browser", source)
    assert isinstance(instead, sessions.Admitted), "the new hash is to be verified"
    assert instead.phc != admitted.phc
    again = await plane.use_cases.write(
        lambda c, x, t: sessions.admit(c, x, "ann", None, t), "browser", source
    )
    assert isinstance(again, sessions.Admitted)
    assert isinstance(await plane.use_cases.write(late(again), "browser", source), Begun)
