"""A pushed request is its client's, is completed once, and cannot be guessed (RFC 9126 §7)."""

import asyncio
from urllib.parse import urlencode

import httpx2
import pytest
from sqlalchemy import func, select
from tests.issuer import DESK, Browser, Issuer, answer_of, asked, way_to_client

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.oauth.authorize import INTERACTION_LIFETIME
from durward.core.oauth.pushed_request import LIFETIME, PREFIX
from durward.core.wire import Json
from durward.store import pushed_requests, schema

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("AS-66")]
OTHERS = "https://other.example/callback"


async def push(issuer: Issuer, client: str = "desk", **changes: str | None) -> httpx2.Response:
    """What a client is answered that pushes a request."""
    form = asked(client_id=None, **changes)
    async with issuer.http() as http:
        if client in issuer.secrets:
            return await http.post("/par", data=form, auth=(client, issuer.secrets[client]))
        return await http.post("/par", data={"client_id": client, **form})


async def pushed(issuer: Issuer, client: str = "desk", **changes: str | None) -> str:
    reply = await push(issuer, client, **changes)
    assert reply.status_code == 201, reply.text
    body = reply.json()
    assert body["expires_in"] == LIFETIME
    assert reply.headers["cache-control"] == "no-store"
    return str(body["request_uri"])


async def come(browser: Browser, uri: str, client: str = "desk", **more: str) -> httpx2.Response:
    """A browser comes with a reference."""
    query = urlencode({"client_id": client, "request_uri": uri, **more})
    return await browser.follow(await browser.http.get(f"/authorize?{query}"))


async def agreed(browser: Browser, page: httpx2.Response) -> httpx2.Response:
    if 'id="sign-in"' in page.text:
        page = await browser.sign_in(page)
    return await browser.submit(page, "allow") if 'id="consent"' in page.text else page


async def rows(issuer: Issuer) -> int:
    count = select(func.count()).select_from(schema.pushed_requests)
    return await issuer.plane.transactions.read(lambda c: int(c.execute(count).scalar_one()))


async def codes(issuer: Issuer) -> int:
    count = select(func.count()).select_from(schema.codes)
    return await issuer.plane.transactions.read(lambda c: int(c.execute(count).scalar_one()))


async def change(issuer: Issuer, **changes: Json) -> None:
    declared = await issuer.plane.administration.export()
    (found,) = [
        one for one in declared if one.kind is DeclarationKind.CLIENT and one.name == "desk"
    ]
    body = {**found.body, **changes}
    await issuer.apply(Declaration(DeclarationKind.CLIENT, "desk", body))


async def test_a_pushed_request_gives_a_code_and_what_else_the_url_says_counts_nothing(
    issuer: Issuer,
) -> None:
    uri = await pushed(issuer)
    browser = issuer.browser()
    more = {"redirect_uri": OTHERS, "state": "forged", "scope": "orders:write", "prompt": "none"}
    reply = await agreed(browser, await come(browser, uri, **more))
    answer = answer_of(reply)
    assert way_to_client(reply).startswith(DESK)
    assert answer["state"] == "st"
    tokens = (await issuer.redeem(answer["code"])).json()
    assert tokens["scope"].split() == ["openid", "profile", "orders:read"]
    assert await rows(issuer) == 0


async def test_a_reference_has_256_bits_and_only_its_hash_is_stored(issuer: Issuer) -> None:
    first, second = await pushed(issuer), await pushed(issuer)
    assert first != second
    assert len(first.removeprefix(f"{PREFIX}dwo_")) == 43
    secret = first.removeprefix(PREFIX).encode()
    hashes = select(schema.pushed_requests.c.hash, schema.pushed_requests.c.request)
    found = await issuer.plane.transactions.read(lambda c: c.execute(hashes).all())
    assert not [row for row in found if secret in row.hash or secret in row.request]


@pytest.mark.parametrize(
    ("client", "tampered"),
    [("other", ""), ("durward-cli", ""), ("nobody", ""), ("desk", "x"), ("desk", "guessed")],
)
async def test_a_reference_of_another_client_or_a_guess_is_shown_as_an_error(
    issuer: Issuer, client: str, tampered: str
) -> None:
    uri = f"{PREFIX}dwo_{'A' * 43}" if tampered == "guessed" else await pushed(issuer) + tampered
    reply = await issuer.browser().http.get(
        "/authorize", params={"client_id": client, "request_uri": uri, "redirect_uri": DESK}
    )
    assert reply.status_code == 400
    assert "location" not in reply.headers
    assert "or not its own" in reply.text


async def test_a_page_may_be_loaded_again_and_only_one_of_two_is_completed(
    issuer: Issuer,
) -> None:
    uri = await pushed(issuer)
    browser = issuer.browser()
    first, second = await come(browser, uri), await come(browser, uri)
    assert 'id="sign-in"' in first.text
    assert "code" in answer_of(await agreed(browser, second))
    late = await agreed(browser, first)
    assert late.status_code == 400
    assert await codes(issuer) == 1
    assert (await come(browser, uri)).status_code == 400


async def test_of_two_completions_at_once_one_has_a_code(issuer: Issuer) -> None:
    browser = issuer.browser()
    await agreed(browser, await browser.follow(await browser.authorize()))
    uri = await pushed(issuer, prompt="consent")
    pages = [await come(browser, uri) for _ in range(2)]
    before = await codes(issuer)
    replies = await asyncio.gather(*(browser.submit(page, "allow") for page in pages))
    assert sorted(reply.status_code for reply in replies) == [200, 400]
    assert await codes(issuer) == before + 1


async def test_an_error_that_is_told_completes_it_too(issuer: Issuer) -> None:
    uri = await pushed(issuer, prompt="none")
    browser = issuer.browser()
    query = {"client_id": "desk", "request_uri": uri}
    first = await browser.http.get("/authorize", params=query)
    assert answer_of(first)["error"] == "login_required"
    assert (await browser.http.get("/authorize", params=query)).status_code == 400


@pytest.mark.parametrize(("seconds", "is_good"), [(LIFETIME - 1, True), (LIFETIME, False)])
async def test_a_reference_is_good_for_its_time_and_its_person_has_more(
    issuer: Issuer, seconds: int, is_good: bool
) -> None:
    uri = await pushed(issuer)
    issuer.clock.forward(seconds)
    browser = issuer.browser()
    page = await come(browser, uri)
    assert (page.status_code == 200) is is_good
    if is_good:
        issuer.clock.forward(INTERACTION_LIFETIME - 1)
        await issuer.plane.upkeep.tidy()
        assert "code" in answer_of(await agreed(browser, page))
        assert await rows(issuer) == 0
    issuer.clock.forward(LIFETIME + INTERACTION_LIFETIME)
    await issuer.plane.upkeep.tidy()
    assert await rows(issuer) == 0


@pytest.mark.requirement("AS-22", "AS-67")
@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"redirect_uri": OTHERS}, 400, "invalid_request"),
        ({"redirect_uri": None}, 400, "invalid_request"),
        ({"request_uri": f"{PREFIX}x"}, 400, "invalid_request"),
        ({"request": "eyJ"}, 400, "request_not_supported"),
        ({"response_type": "token"}, 400, "unsupported_response_type"),
        ({"code_challenge": None}, 400, "invalid_request"),
        ({"scope": "orders:everything"}, 400, "invalid_scope"),
        ({"resource": "https://x.example"}, 400, "invalid_target"),
        ({"prompt": "none login"}, 400, "invalid_request"),
        ({"state": "é" * 4_096}, 400, "invalid_request"),
        ({"response_mode": "form_post"}, 400, "invalid_request"),
    ],
)
async def test_a_request_is_checked_when_it_is_pushed_as_at_the_authorization_endpoint(
    issuer: Issuer, changes: dict[str, str | None], status: int, error: str
) -> None:
    reply = await push(issuer, "desk", **changes)
    assert (reply.status_code, reply.json()["error"]) == (status, error)
    assert await rows(issuer) == 0
    (event,) = [one for one in await issuer.events() if '"authorization refused"' in one]
    assert '"clients/desk"' in event


@pytest.mark.requirement("AS-22")
async def test_only_who_proves_to_be_the_client_pushes_for_it(issuer: Issuer) -> None:
    async with issuer.http() as http:
        for form, auth in (
            ({}, ("desk", "wrong")),
            ({}, ("other", issuer.secrets["desk"])),
            ({"client_id": "other"}, ("desk", issuer.secrets["desk"])),
        ):
            sent = {**asked(client_id=None), **form}
            reply = await http.post("/par", data=sent, auth=auth)
            assert reply.status_code in {400, 401}, reply.text
        reply = await http.post("/par", data=asked())
        assert reply.json()["error"] == "invalid_client"
        for method in ("GET", "PUT", "DELETE"):
            assert (await http.request(method, "/par")).status_code == 405
    assert (await push(issuer, "reporting")).json()["error"] == "unauthorized_client"
    assert await rows(issuer) == 0


@pytest.mark.requirement("AS-68")
async def test_where_requests_have_to_be_pushed_no_browser_brings_one_whole(
    issuer: Issuer,
) -> None:
    await change(issuer, require_pushed_authorization_requests=True)
    browser = issuer.browser()
    reply = await browser.authorize()
    assert answer_of(reply)["error"] == "invalid_request"
    assert "code" in answer_of(await agreed(browser, await come(browser, await pushed(issuer))))


async def test_a_client_that_is_declared_otherwise_meanwhile_gets_nothing(issuer: Issuer) -> None:
    uri = await pushed(issuer)
    await change(issuer, redirect_uris=["https://elsewhere.example/"])
    assert (await come(issuer.browser(), uri)).status_code == 400
    await change(issuer)
    declared = await issuer.plane.administration.export()
    left = [one for one in declared if one.name != "desk"]
    await issuer.plane.administration.apply(left, prune=True)
    assert await rows(issuer) == 0, "who has its name next did not push it"


async def test_pushed_requests_are_bounded_and_a_flood_displaces_its_own(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can name a public client; one that has proven itself is not displaced by that."""
    monkeypatch.setattr(pushed_requests, "PER_COUNTED", 5)
    mine = await pushed(issuer)
    public = {"redirect_uri": "http://127.0.0.1:4711/callback", "scope": "orders:read"}
    for _ in range(8):
        issuer.clock.forward(1)
        await pushed(issuer, "durward-cli", **public)
    assert await rows(issuer) == 6
    monkeypatch.setattr(pushed_requests, "TOTAL", 6)
    monkeypatch.setattr(pushed_requests, "ROOM", 1)
    await pushed(issuer, "durward-cli", **public)
    more = [await pushed(issuer) for _ in range(3)]  # the busiest of all, but for strangers
    for network in range(12):
        async with issuer.http(f"2001:db8:0:{network}::1") as http:
            form = {"client_id": "durward-cli", **asked(client_id=None, **public)}
            assert (await http.post("/par", data=form)).status_code == 201
    for uri in (mine, *more):
        assert 'id="sign-in"' in (await come(issuer.browser(), uri)).text


@pytest.mark.requirement("AS-10")
async def test_a_page_of_the_client_may_push(issuer: Issuer) -> None:
    async with issuer.http() as http:
        headers = {"origin": "http://127.0.0.1:8490"}
        auth = ("desk", issuer.secrets["desk"])
        done = await http.post("/par", data=asked(), auth=auth, headers=headers)
        assert done.headers["access-control-allow-origin"] == headers["origin"]


async def test_the_metadata_says_where_and_whether_it_is_required(issuer: Issuer) -> None:
    async with issuer.http() as http:
        found = (await http.get("/.well-known/openid-configuration")).json()
    assert found["pushed_authorization_request_endpoint"] == "https://issuer.example/par"
    assert found["require_pushed_authorization_requests"] is False
