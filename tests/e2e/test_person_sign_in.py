"""A person signs in: by the command line, and with a real browser, with and without JavaScript."""

import contextlib
import json
import stat
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Error, Page
from tests.demo import Demo

from durward.core.errors import Misconfigured
from durward.entrypoints.client.flows import server_of
from durward.entrypoints.client.native import Visitor, sign_in
from durward.entrypoints.credentials import read_credentials

ORDER = "/v1/acme/orders/1001"
WITHIN_SECONDS = 2.0


@pytest.fixture(params=[True, False], ids=["javascript", "no javascript"])
def page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = chromium.new_context(java_script_enabled=request.param)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def kept(demo: Demo, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((demo.folder / "tokens.json").read_text())[name]
    return found


def test_ann_sees_her_order_and_bob_of_another_tenant_does_not(demo: Demo) -> None:
    (demo.folder / "tokens.json").unlink(missing_ok=True)
    ann = demo.run("call", "--as", "ann", "GET", ORDER)
    assert ann.returncode == 0, ann.stderr
    assert ann.stdout.startswith("HTTP/1.1 200")
    assert json.loads(ann.stdout.partition("\n\n")[2])["seen_as"]["subject"] == "ann"
    steps = [line.split()[1].rpartition("/")[2] for line in ann.stderr.splitlines()]
    assert steps[3:-1] == [
        *("authorize", "interaction", "interaction", "interaction", "interaction"),
        *("callback", "token"),
    ]
    bob = demo.run("call", "--as", "bob", "GET", ORDER)
    assert bob.returncode == 1
    assert bob.stdout.startswith("HTTP/1.1 403")
    decision = bob.stdout.partition("durward-decision: ")[2].splitlines()[0]
    told = demo.run("explain", decision)
    assert "bob" in told.stdout
    assert "OwnTenant" in told.stdout
    assert stat.S_IMODE((demo.folder / "tokens.json").stat().st_mode) == 0o600
    assert demo.password("ann") not in ann.stdout + ann.stderr


@pytest.mark.parametrize("name", ["ann", "reporting"])
def test_a_token_for_other_tools_is_all_of_standard_output(demo: Demo, name: str) -> None:
    printed = [demo.run("token", "--as", name, "--api", "orders") for _ in range(2)]
    tokens = [one.stdout.removesuffix("\n") for one in printed]
    assert [one.returncode for one in printed] == [0, 0], printed
    assert len({*tokens}) == len(tokens), "each is new"
    for token in tokens:
        assert demo.get("/v1/status", token).status_code == 200
        assert not any(token in one.stderr for one in printed)


@pytest.mark.requirement("AS-26")
def test_a_token_is_kept_and_then_renewed_without_a_sign_in(demo: Demo) -> None:
    (demo.folder / "tokens.json").unlink(missing_ok=True)
    demo.run("call", "--as", "ann", "GET", ORDER)
    again = demo.run("call", "--as", "ann", "GET", ORDER)
    assert len(again.stderr.splitlines()) == 1
    path = demo.folder / "tokens.json"
    known = json.loads(path.read_text())
    known["ann"]["expires_at"] = 0
    path.write_text(json.dumps(known))
    renewed = demo.run("call", "--as", "ann", "GET", ORDER)
    assert renewed.returncode == 0
    assert "authorize " not in renewed.stderr
    assert kept(demo, "ann")["refresh_token"] != known["ann"]["refresh_token"]


@pytest.mark.requirement("AS-32")
def test_no_client_takes_the_name_of_a_person(demo: Demo) -> None:
    client = "{tenant: acme, grants: [client_credentials], apis: [orders]}"
    refused = demo.apply(f"clients: {{ann: {client}}}")
    assert refused.returncode == 2
    assert "a person has or had that id" in refused.stderr
    assert "ann" not in read_credentials(demo.folder / "credentials")["clients"]


def test_who_is_not_known_is_told_what_to_do(demo: Demo) -> None:
    nobody = demo.run("call", "--as", "nobody", "GET", ORDER)
    assert nobody.returncode == 2
    assert "nobody" in nobody.stderr
    assert "hint:" in nobody.stderr


def test_an_id_token_is_no_access_token(demo: Demo) -> None:
    """Its signature is ours; its type, its audience and its key are not an access token's."""
    code = sign_in_by_hand(demo)
    assert demo.get(ORDER, code["access_token"]).status_code == 200
    refused = demo.get(ORDER, code["id_token"])
    assert refused.status_code == 401
    assert "invalid_token" in refused.headers["www-authenticate"]


def test_identity_headers_of_the_client_do_not_change_who_is_seen(demo: Demo) -> None:
    demo.run("call", "--as", "ann", "GET", ORDER)
    headers = {
        "authorization": f"Bearer {kept(demo, 'ann')['access_token']}",
        "durward-subject": "bob",
        "durward-tenant": "globex",
        "x-forwarded-user": "bob",
    }
    reply = httpx2.get(demo.apis + ORDER, headers=headers, trust_env=False)
    assert reply.json()["seen_as"]["subject"] == "ann"


def arrive(page: Page, place: str) -> None:
    """Agree if asked, until the browser is there: pages go on by themselves meanwhile."""
    for _ in range(200):
        with contextlib.suppress(Error):  # the page that was looked at is gone
            if page.url.startswith(place):
                return
            if page.query_selector("#allow"):
                page.click("#allow")
        page.wait_for_timeout(50)
    pytest.fail(f"still at {page.url}")


@pytest.mark.requirement("AS-13a")
def test_an_application_may_redirect_on_to_another_origin(demo: Demo, page: Page) -> None:
    elsewhere = f"{demo.apis}/v1/status"
    page.route(
        f"{demo.app}/callback?*",
        lambda route: route.fulfill(status=302, headers={"location": elsewhere}),
    )
    page.goto(demo.app)
    page.click("#sign-in")
    page.fill("#account", "ann")
    page.fill("#password", demo.password("ann"))
    page.click("#submit")
    arrive(page, elsewhere)


def test_in_a_browser_from_sign_in_to_sign_out(demo: Demo, page: Page) -> None:
    page.goto(demo.app)
    assert page.inner_text("#state") == "Nobody is signed in."
    page.click("#sign-in")
    assert page.url.startswith(demo.issuer)
    page.fill("#account", "ann")
    page.fill("#password", "wrong")
    page.click("#submit")
    assert page.inner_text("#problem") == "The name or the password is not right."
    page.fill("#password", demo.password("ann"))
    page.click("#submit")
    arrive(page, f"{demo.app}/")
    assert page.inner_text("#user") == "ann"
    assert "anvil" in page.inner_text("#orders")
    account = page.context.new_page()
    account.goto(demo.issuer)
    assert account.inner_text("#user") == "Ann Archer"
    assert "Order desk" in account.inner_text("#grants")
    page.click("#sign-out")
    assert page.inner_text("#state") == "Nobody is signed in."
    account.reload()
    assert account.query_selector("#sign-in") is not None
    time.sleep(WITHIN_SECONDS)
    page.click("#try-old-token")
    assert page.inner_text("#refresh") == "400"
    assert page.inner_text("#access") == "401"


FETCH = """async ([url, method]) => {
  const headers = {"content-type": "application/x-www-form-urlencoded", authorization: "Bearer x"};
  const body = method === "POST" ? "grant_type=refresh_token&client_id=durward-cli" : undefined;
  try {
    const response = await fetch(url, {method, headers, body});
    return [response.status, response.headers.get("www-authenticate")];
  } catch (error) {
    return [0, null];
  }
}"""


@pytest.mark.requirement("AS-10")
def test_a_script_of_an_application_calls_the_endpoints_for_tokens(
    demo: Demo, chromium: Browser
) -> None:
    page = chromium.new_context(bypass_csp=True).new_page()  # the sample's pages have no scripts
    page.goto(demo.app)
    # A request with a token is preflighted: the answers are those of the endpoints.
    answer = page.evaluate(FETCH, [f"{demo.issuer}/token", "POST"])
    assert answer == [401, 'Basic realm="token"']
    status, challenge = page.evaluate(FETCH, [f"{demo.issuer}/userinfo", "GET"])
    assert (status, challenge.split(",")[0]) == (401, 'Bearer error="invalid_token"')
    assert page.evaluate(FETCH, [f"{demo.issuer}/authorize", "GET"])[0] == 0
    page.goto(f"{demo.apis}/v1/status")  # another origin, which no client declares
    assert page.evaluate(FETCH, [f"{demo.issuer}/token", "POST"])[0] == 0
    page.context.close()


def test_a_person_ends_an_application_on_their_own_page(demo: Demo, page: Page) -> None:
    tokens = sign_in_by_hand(demo)
    page.goto(demo.issuer)
    page.fill("#account", "ann")
    page.fill("#password", demo.password("ann"))
    page.click("#submit")
    assert page.inner_text("#account") == "ann"
    page.click("button:has-text('Take it back from Durward command line')")
    assert "Durward command line" not in page.inner_text("#grants")
    form = {"grant_type": "refresh_token", "client_id": "durward-cli"}
    sent = {**form, "refresh_token": tokens["refresh_token"]}
    reply = httpx2.post(f"{demo.issuer}/token", data=sent, trust_env=False)
    assert reply.json()["error"] == "invalid_grant"


@pytest.mark.requirement("AS-96", "ZT-11")
def test_a_failed_sign_in_is_recorded_with_where_it_came_from(demo: Demo) -> None:
    """Guesses are counted by their source: it is the peer's address, whatever a client says."""
    names = ("durward-source", "x-envoy-external-address", "x-forwarded-for")
    told = dict.fromkeys(names, "203.0.113.7")
    with httpx2.Client(headers=told, trust_env=False) as http, pytest.raises(Misconfigured):
        Visitor(http, demo.issuer, "ann", "a guess").visit(f"{demo.issuer}/", until=demo.app)
    events = [json.loads(line) for line in demo.run("logs", "--json").stdout.splitlines()]
    refused = [event for event in events if event["kind"] == "sign-in refused"]
    assert refused[-1]["facts"]["source"] == "127.0.0.1"


def sign_in_by_hand(demo: Demo) -> dict[str, str]:
    """Tokens of ann through the native client."""
    with httpx2.Client(trust_env=False) as http:
        server = server_of(http, demo.resource_metadata, demo.issuer)
        return sign_in(http, server, "durward-cli", "ann", demo.password("ann"))


def test_an_operator_replaces_a_password(demo: Demo) -> None:
    before = demo.password("bob")
    piped = demo.run("people", "password", "bob")
    assert piped.returncode == 2
    assert "hint:" in piped.stderr
    kept = str(demo.folder / "credentials")
    nobody = demo.run("people", "password", "nobody")
    assert nobody.stderr.startswith("error: people/nobody: there is no such person\n")
    done = demo.run("people", "password", "bob", "--credentials", kept)
    assert done.returncode == 0, done.stderr
    assert demo.password("bob") not in done.stdout
    assert demo.password("bob") != before
    unknown = demo.run("people", "password", "nobody", "--credentials", kept)
    assert unknown.returncode == 2
    assert "there is no such person" in unknown.stderr
