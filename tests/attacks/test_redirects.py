"""Answers that should go elsewhere: redirect URI variants, open redirects, mix-up."""

import json
from html import escape
from typing import Any

import httpx2
import pytest
from tests.issuer import DESK, ISSUER, Issuer, answer_of, hidden, way_to_client

pytestmark = pytest.mark.anyio

VARIANTS = [
    "https://evil.example/callback",
    "http://127.0.0.1:8490/callback/",
    "http://127.0.0.1:8490/callback?next=https://evil.example",
    "http://127.0.0.1:8490/callback#frag",
    "http://127.0.0.1:8490/",
    "http://127.0.0.1:8490@evil.example/callback",
    "http://127.0.0.1:9999/callback",
    "http://localhost:8490/callback",
    "HTTP://127.0.0.1:8490/callback",
    "http://127.0.0.1:8490/Callback",
    "http://127.0.0.1:8490/../callback",
    "http://127.0.0.1:8490/%63allback",
    "//127.0.0.1:8490/callback",
    "javascript:alert(1)",
    "",
]


def is_a_page(reply: httpx2.Response) -> bool:
    return reply.status_code == 400 and "location" not in reply.headers


@pytest.mark.requirement("AS-1", "AS-3")
@pytest.mark.parametrize("uri", VARIANTS)
async def test_no_variant_of_a_registered_address_gets_an_answer(issuer: Issuer, uri: str) -> None:
    browser = issuer.browser()
    assert is_a_page(await browser.authorize(redirect_uri=uri))
    assert is_a_page(await browser.authorize(redirect_uri=uri, response_type="token"))
    assert is_a_page(await browser.authorize(redirect_uri=uri, prompt="none"))


@pytest.mark.requirement("AS-3", "AS-8")
async def test_a_request_whose_address_is_doubled_is_shown_to_the_person(issuer: Issuer) -> None:
    browser = issuer.browser()
    reply = await browser.http.get(
        f"/authorize?client_id=desk&redirect_uri={DESK}&redirect_uri=https://evil.example"
    )
    assert is_a_page(reply)


@pytest.mark.requirement("AS-11")
async def test_every_answer_names_the_issuer(issuer: Issuer) -> None:
    """Against mix-up (RFC 9207): a client compares it with the one that it asked."""
    browser = issuer.browser()
    refused = answer_of(await browser.authorize(prompt="none"))
    assert (refused["error"], refused["iss"], refused["state"]) == ("login_required", ISSUER, "st")
    page = await browser.follow(await browser.authorize())
    consent = await browser.sign_in(page)
    granted = answer_of(await browser.submit(consent, "allow"))
    assert granted["iss"] == ISSUER
    assert granted["code"]


@pytest.mark.requirement("AS-12", "AS-13a")
async def test_what_was_typed_is_sent_nowhere_else(issuer: Issuer) -> None:
    """After credentials comes a 303, never a 307; to the application goes a page by itself."""
    browser = issuer.browser()
    page = await browser.follow(await browser.authorize())
    form = {"id": hidden(page, "id"), "token": hidden(page, "token"), "answer": "sign-in"}
    form |= {"account": "ann", "password": issuer.passwords["ann"]}
    reply = await browser.http.post("/interaction", data=form)
    assert (reply.status_code, reply.headers["location"][:13]) == (303, "/interaction?")
    onward = await browser.submit(await browser.follow(reply), "allow")
    assert onward.status_code == 200
    uri = way_to_client(onward)
    assert uri.startswith(f"{DESK}?code=")
    assert f'http-equiv="refresh" content="0;url={escape(uri)}"' in onward.text
    assert "form" not in onward.text


async def test_who_came_with_no_form_of_ours_is_redirected(issuer: Issuer) -> None:
    """Also an application in a hidden frame, which asks with `prompt=none`."""
    browser = issuer.browser()
    await browser.code()
    assert (await browser.authorize(prompt="none")).status_code == 303
    assert (await browser.authorize()).status_code == 303


@pytest.mark.requirement("AS-83")
@pytest.mark.parametrize(
    "uri", ["https://evil.example/", "http://127.0.0.1:8490/x", "http://127.0.0.1:8490"]
)
async def test_signing_out_leads_to_registered_addresses_only(issuer: Issuer, uri: str) -> None:
    browser = issuer.browser()
    hint = (await browser.tokens())["id_token"]
    query = {"id_token_hint": hint, "post_logout_redirect_uri": uri}
    assert is_a_page(await browser.http.get("/logout", params=query))
    unproven = {"client_id": "desk", "post_logout_redirect_uri": uri}
    assert is_a_page(await browser.http.get("/logout", params=unproven))
    assert (await browser.http.get("/")).status_code == 200


@pytest.mark.requirement("AS-10")
async def test_no_other_origin_may_read_the_authorization_endpoint(issuer: Issuer) -> None:
    async with issuer.http() as http:
        reply = await http.get("/authorize", headers={"origin": "https://evil.example"})
    assert not [name for name in reply.headers if name.startswith("access-control-")]


async def refusals(issuer: Issuer) -> list[dict[str, Any]]:
    found = [json.loads(event) for event in await issuer.events()]
    return [event for event in found if event["kind"] == "authorization refused"]


async def test_whatever_is_refused_is_an_event(issuer: Issuer) -> None:
    browser = issuer.browser()
    evil = "https://evil.example/\x1b[2K"
    cases: list[tuple[dict[str, str | None], str, str]] = [
        ({"redirect_uri": evil}, "clients/?", "not registered with"),
        ({"client_id": "nobody"}, "clients/?", "not known here"),
        ({"client_id": None}, "clients/?", "client_id"),
        ({"response_type": "token"}, "clients/desk", "response_type"),
        ({"code_challenge": None}, "clients/desk", "code_challenge"),
        ({"prompt": "none"}, "clients/desk", "sign"),
        ({"id_token_hint": "e30.e30.AAAA"}, "clients/desk", ""),
    ]
    for number, (changes, target, told) in enumerate(cases, 1):
        await browser.authorize(**changes)
        events = await refusals(issuer)
        assert len(events) == number, changes
        assert (events[-1]["target"], events[-1]["facts"]["source"]) == (target, "192.0.2.1")
        assert told in events[-1]["facts"]["public"]
    assert evil in (await refusals(issuer))[0]["facts"]["private"]
    await browser.sign_in(await browser.follow(await browser.authorize()))
    await browser.authorize(prompt="none")
    last = (await refusals(issuer))[-1]
    assert (last["actor"], last["facts"]["error"]) == ("ann", "consent_required")
