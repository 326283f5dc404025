"""What nobody signed in for must not make the store or the logs grow without an end (CWE-770)."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select
from starlette.routing import Route
from tests.contract.faults import faults
from tests.depth import depth
from tests.issuer import Browser, Issuer, asked

from durward.core.authn.budget import Budget
from durward.core.authzen import pdp_metadata
from durward.core.oauth.metadata import SURFACE
from durward.entrypoints.http import budgets
from durward.entrypoints.http.budgets import UNBOUNDED
from durward.entrypoints.server import public
from durward.services.unrecorded import ANONYMOUS_EVENTS
from durward.store import schema
from durward.store.interactions import PER_BROWSER, PER_SOURCE, ROOM, TOTAL

pytestmark = pytest.mark.anyio
SIGN_INS, ATTEMPTS = depth(600, long=2_000), depth(1_200, long=2_000)
"""More than the budget of an address, and than the events of nobody that are recorded at once."""


def budget_of(path: str) -> Budget:
    return next(one.budget for one in budgets.BUDGETS if path in one.paths)


@pytest.fixture
def small_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is so of every budget is so of a small one."""
    small = tuple(
        replace(one, budget=replace(one.budget, burst=depth(5, long=one.budget.burst)))
        for one in budgets.BUDGETS
    )
    monkeypatch.setattr(budgets, "BUDGETS", small)


async def rows(issuer: Issuer, table: Any) -> int:
    count = select(func.count()).select_from(table)
    return await issuer.plane.transactions.database.read(lambda c: c.execute(count).scalar() or 0)


async def flood(issuer: Issuer, sources: list[str]) -> Counter[int]:
    """Begin sign-ins without a cookie, as many clients would; the answers by their status."""
    found: Counter[int] = Counter()
    for source in sources:
        async with issuer.http(source) as http:
            found[(await http.get("/authorize", params=asked())).status_code] += 1
    return found


async def waiting(issuer: Issuer) -> tuple[Browser, httpx2.Response]:
    browser = issuer.browser("198.51.100.7")
    return browser, await browser.follow(await browser.authorize())


async def test_sign_ins_begun_from_one_place_are_bounded_and_push_out_nobody_else(
    issuer: Issuer,
) -> None:
    browser, page = await waiting(issuer)
    answers = await flood(issuer, ["192.0.2.66"] * SIGN_INS)
    burst = budget_of("/authorize").burst
    assert answers == {303: burst, 429: SIGN_INS - burst}
    assert await rows(issuer, schema.interactions) <= PER_SOURCE + 1
    assert 'id="consent"' in (await browser.sign_in(page)).text


async def test_one_place_never_has_more_sign_ins_waiting_than_its_bound(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = depth(200, long=PER_SOURCE)
    assert bound <= PER_SOURCE
    monkeypatch.setattr("durward.store.interactions.PER_SOURCE", bound)
    browser, page = await waiting(issuer)
    per_second = budget_of("/authorize").per_second
    for _ in range(0, bound + 200, per_second):
        await flood(issuer, ["192.0.2.66"] * per_second)
        issuer.clock.forward(1)
    assert await rows(issuer, schema.interactions) == bound + 1
    assert 'id="consent"' in (await browser.sign_in(page)).text


async def test_sign_ins_begun_from_many_places_push_out_the_flood_first(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("durward.store.interactions.TOTAL", 300)
    assert TOTAL > 300
    browser, page = await waiting(issuer)
    answers = await flood(issuer, [f"203.0.113.{number % 200}" for number in range(SIGN_INS)])
    assert answers == {303: SIGN_INS}
    assert 300 - ROOM <= await rows(issuer, schema.interactions) <= 300
    assert 'id="consent"' in (await browser.sign_in(page)).text


async def test_places_of_one_network_of_ipv6_count_as_one(issuer: Issuer) -> None:
    answers = await flood(issuer, [f"2001:db8:1:2::{number:x}" for number in range(SIGN_INS)])
    assert answers[429] == SIGN_INS - budget_of("/authorize").burst


async def test_a_browser_has_so_many_sign_ins_waiting_and_the_newest_answer(
    issuer: Issuer,
) -> None:
    browser = issuer.browser()
    first = await browser.follow(await browser.authorize())
    for _ in range(PER_BROWSER):
        issuer.clock.forward(1)
        newest = await browser.follow(await browser.authorize())
    assert await rows(issuer, schema.interactions) == PER_BROWSER
    assert (await browser.sign_in(first)).status_code == 400
    assert (await browser.sign_in(newest)).status_code == 200


@pytest.mark.parametrize(
    ("name", "longest", "character"),
    [
        ("state", 8_192, "x"),
        ("state", 4_096, "é"),  # thrice as much in the URL of the response
        ("state", 4_096, '"'),
        ("nonce", 512, "x"),
        ("nonce", 512, "é"),
        ("login_hint", 320, "x"),
        ("login_hint", 320, "é"),
    ],
)
async def test_a_parameter_that_is_kept_is_bounded_in_bytes(
    issuer: Issuer, name: str, longest: int, character: str
) -> None:
    fits = longest // len(character.encode())
    good = await issuer.browser().authorize(**{name: character * fits})
    assert good.headers["location"].startswith("/interaction")
    reply = await issuer.browser().authorize(**{name: character * (fits + 1)})
    told = reply.text + reply.headers.get("location", "")
    assert "too" in told
    assert "long" in told
    assert await rows(issuer, schema.interactions) == 1


async def test_one_waiting_sign_in_takes_little_room(issuer: Issuer) -> None:
    await issuer.browser().authorize(state='"' * 4_096, nonce="\\" * 512, login_hint="é" * 160)
    size = select(func.max(func.length(schema.interactions.c.request)))
    assert (
        await issuer.plane.transactions.database.read(lambda c: c.execute(size).scalar_one())
    ) < 20_000


@pytest.mark.parametrize("name", ["state", "nonce", "login_hint"])
async def test_a_parameter_that_is_kept_has_no_control_characters(
    issuer: Issuer, name: str
) -> None:
    reply = await issuer.browser().authorize(**{name: "a\nb"})
    assert "control" in reply.text + reply.headers.get("location", "")
    assert await rows(issuer, schema.interactions) == 0


async def refused_tokens(issuer: Issuer, **form: str) -> int:
    """Try to get a token, without proof; how many were refused for being too many."""
    too_many = 0
    async with issuer.http("192.0.2.66") as http:
        for _ in range(ATTEMPTS):
            reply = await http.post("/token", data={"grant_type": "authorization_code", **form})
            assert "error" in reply.json()
            too_many += reply.status_code == 429
    return too_many


@pytest.mark.parametrize("client", ["nobody", "durward-cli"])
async def test_refused_requests_without_proof_leave_a_bounded_number_of_events_and_one_that_tells_of_the_others(  # noqa: E501
    issuer: Issuer, client: str
) -> None:
    before = len(await issuer.events())
    form = {"client_id": client, "code": "x"}
    assert await refused_tokens(issuer, **form) == ATTEMPTS - budget_of("/token").burst
    issuer.clock.forward(3)
    assert await refused_tokens(issuer, **form) > 0
    await issuer.plane.upkeep.tidy()
    await issuer.plane.upkeep.tidy()
    events = [json.loads(body) for body in (await issuer.events())[before:]]
    told = [event for event in events if event["kind"] == "requests refused"]
    written = ANONYMOUS_EVENTS.burst + 3 * ANONYMOUS_EVENTS.per_second
    assert len(events) - len(told) == written
    (one,) = told
    refused, left_out = one["facts"]["refused"]["token"], one["facts"]["not_recorded"]
    assert refused + left_out["token refused"] + written == 2 * ATTEMPTS
    assert one["facts"]["sources"] == 1
    assert one["facts"]["most"] == {"source": "192.0.2.66", "count": 2 * ATTEMPTS - written}


async def test_what_a_client_that_proved_itself_is_refused_is_always_recorded(
    issuer: Issuer,
) -> None:
    await refused_tokens(issuer, client_id="nobody", code="x")
    before = len(await issuer.events())
    for _ in range(50):
        reply = await issuer.token("desk", grant_type="authorization_code", code="x")
        assert reply.status_code == 400
    assert len(await issuer.events()) == before + 50


async def test_a_code_that_comes_twice_is_recorded_in_the_middle_of_a_flood(
    issuer: Issuer,
) -> None:
    code = await issuer.browser().code(
        client_id="durward-cli",
        redirect_uri="http://127.0.0.1/callback",
        scope="openid orders:read",
    )
    assert (await issuer.redeem(code, "durward-cli")).status_code == 200
    await refused_tokens(issuer, client_id="nobody", code="x")
    assert (await issuer.redeem(code, "durward-cli")).status_code == 400
    assert any('"code replayed"' in body for body in await issuer.events())


@pytest.mark.usefixtures("small_budgets")
async def test_a_source_that_asks_too_often_is_told_when_to_come_back(issuer: Issuer) -> None:
    async with issuer.http() as http:
        for path, kind in (("/token", "application/json"), ("/interaction", "text/html")):
            for _ in range(budget_of(path).burst):
                await http.post(path)
            reply = await http.post(path)
            assert reply.status_code == 429
            assert reply.headers["content-type"].startswith(kind)
            assert int(reply.headers["retry-after"]) >= 1
            issuer.clock.forward(int(reply.headers["retry-after"]))
            assert (await http.post(path)).status_code != 429


async def test_every_endpoint_has_a_budget_or_asks_nothing_of_the_store(issuer: Issuer) -> None:
    paths = {route.path for route in public(issuer.plane).routes if isinstance(route, Route)}
    bounded = frozenset[str]().union(*(one.paths for one in budgets.BUDGETS))
    assert paths == bounded | UNBOUNDED
    assert not bounded & UNBOUNDED
    served = {*SURFACE, *pdp_metadata.SURFACE}
    heads = {path for method, path in served if method == "HEAD"}
    assert heads == UNBOUNDED, "and of HEAD nothing else is asked at the edge"
    async with issuer.http() as http:
        with faults(issuer, at_statement=0) as injected:
            for path in sorted(UNBOUNDED):
                assert (await http.get(path)).status_code == 200, path
                assert (await http.head(path)).status_code == 200, path
        assert not injected.statements


@pytest.mark.usefixtures("small_budgets")
async def test_a_request_without_budget_asks_nothing_of_the_store(issuer: Issuer) -> None:
    async with issuer.http() as http:
        for path in sorted(one for found in budgets.BUDGETS for one in found.paths):
            while (await http.get(path)).status_code != 429:
                pass
            with faults(issuer, at_statement=0) as injected:
                assert (await http.get(path)).status_code == 429
                assert (await http.post(path)).status_code == 429
            assert not injected.statements


async def hang_up(issuer: Issuer, path: str, kind: str) -> list[dict[str, Any]]:
    """Send half of a body and go; what was answered."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"grant_type=", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(dict(message))

    headers = {
        "host": "issuer.example",
        "content-type": kind,
        "authorization": "Bearer x",
        "durward-source": "192.0.2.1",
    }
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "https",
        "server": ("issuer.example", 443),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await public(issuer.plane)(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    "path",
    ["/token", "/revoke", "/authorize", "/interaction", "/logout", "/", "/access/v1/search/action"],
)
async def test_a_client_that_hangs_up_leaves_no_line_and_no_event(
    issuer: Issuer, capfd: pytest.CaptureFixture[str], path: str
) -> None:
    before = len(await issuer.events())
    kind = "application/json" if "access" in path else "application/x-www-form-urlencoded"
    await hang_up(issuer, path, kind)
    assert capfd.readouterr() == ("", "")
    assert len(await issuer.events()) == before


async def test_a_mistake_of_ours_that_is_met_often_is_printed_once_a_second(
    issuer: Issuer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("our mistake")

    monkeypatch.setattr("durward.services.authorize.read_target", fail)
    for _ in range(100):
        assert (await issuer.browser().authorize()).status_code == 500
    assert capfd.readouterr().err.count("RuntimeError: our mistake") == 1
    issuer.clock.forward(1)
    assert (await issuer.browser().authorize()).status_code == 500
    printed = capfd.readouterr().err
    assert printed.count("RuntimeError: our mistake") == 1
    assert "99 more" in printed
