"""Gone means gone: what is revoked is refused at the edge within two seconds."""

import sqlite3
import time

import httpx2
import pytest
from tests.demo import Demo
from tests.live import kill, wait_for

from durward.core.edge.envoy.revocation_maps import BASE
from durward.core.edge.revocation import MAX_DELTA
from durward.entrypoints.client.flows import of_service, server_of
from durward.entrypoints.client.native import sign_in
from durward.entrypoints.credentials import read_credentials

pytestmark = pytest.mark.alone

ORDER = "/v1/acme/orders/1001"
WITHIN_SECONDS = 2.0


def tokens_of(demo: Demo, name: str = "ann") -> dict[str, str]:
    with httpx2.Client(trust_env=False) as http:
        server = server_of(http, demo.resource_metadata, demo.issuer)
        return sign_in(http, server, "durward-cli", name, demo.password(name))


def revoke(demo: Demo, token: str) -> None:
    """As its client does it (RFC 7009)."""
    form = {"client_id": "durward-cli", "token": token}
    reply = httpx2.post(f"{demo.issuer}/revoke", data=form, trust_env=False)
    assert reply.status_code == 200


def status(demo: Demo, token: str) -> int:
    return demo.get(ORDER, token).status_code


@pytest.mark.requirement("ZT-10")
def test_a_revoked_token_is_refused_within_two_seconds_and_others_are_not(demo: Demo) -> None:
    gone, kept = tokens_of(demo), tokens_of(demo)
    assert status(demo, gone["access_token"]) == status(demo, kept["access_token"]) == 200
    revoke(demo, gone["refresh_token"])
    wait_for(lambda: status(demo, gone["access_token"]) == 401, WITHIN_SECONDS)
    reply = demo.get(ORDER, gone["access_token"])
    assert reply.json()["title"] == "the access token was revoked"
    assert 'error="invalid_token"' in reply.headers["www-authenticate"]
    assert status(demo, kept["access_token"]) == 200
    told = demo.run("explain", reply.headers["durward-decision"])
    assert "the token was revoked" in told.stdout


@pytest.mark.requirement("AS-18", "ZT-10")
def test_a_replayed_code_takes_its_tokens_back_at_the_edge(demo: Demo) -> None:
    """The attack of RFC 9700 §4.5, and its effect: the token that the first use gave is refused."""
    redeemed: list[dict[str, str]] = []

    def remember(request: httpx2.Request) -> None:
        if request.url.path == "/token":
            form = dict(pair.split("=", 1) for pair in request.content.decode().split("&"))
            redeemed.append(form)

    with httpx2.Client(trust_env=False, event_hooks={"request": [remember]}) as http:
        server = server_of(http, demo.resource_metadata, demo.issuer)
        tokens = sign_in(http, server, "durward-cli", "ann", demo.password("ann"))
    assert status(demo, tokens["access_token"]) == 200
    again = httpx2.post(f"{demo.issuer}/token", data=redeemed[0], trust_env=False)
    assert again.json()["error"] == "invalid_grant"
    wait_for(lambda: status(demo, tokens["access_token"]) == 401, WITHIN_SECONDS)


@pytest.mark.requirement("AS-104", "ZT-10")
def test_a_changed_role_takes_tokens_of_before_back_and_new_ones_pass(demo: Demo) -> None:
    before = tokens_of(demo, "bob")["access_token"]
    own = "/v1/globex/orders/2001"
    assert demo.get(own, before).status_code == 200
    bob = "users:\n  bob: { tenant: globex, roles: [clerk], groups: [night] }\n"
    assert demo.apply(bob).returncode == 0
    wait_for(lambda: demo.get(own, before).status_code == 401, WITHIN_SECONDS)
    assert "revoked" in demo.get(own, before).text
    time.sleep(1)  # a token of the same second is refused too
    assert demo.get(own, tokens_of(demo, "bob")["access_token"]).status_code == 200
    disabled = (
        "users:\n  bob: { tenant: globex, roles: [clerk], groups: [night], disabled: true }\n"
    )
    last = tokens_of(demo, "bob")
    demo.apply(disabled)
    wait_for(lambda: demo.get(own, last["access_token"]).status_code == 401, WITHIN_SECONDS)
    demo.apply("users:\n  bob: { tenant: globex, roles: [clerk], disabled: false }\n")


def test_a_service_whose_scopes_changed_has_to_ask_again(demo: Demo) -> None:
    secret = read_credentials(demo.folder / "credentials")["clients"]["reporting"]
    with httpx2.Client(trust_env=False) as http:
        token = of_service(
            http, server_of(http, demo.resource_metadata, demo.issuer), "reporting", secret
        )["access_token"]
    report = "/v1/acme/reports/summary"
    assert demo.get(report, token).status_code == 200
    changed = "tenant: acme, grants: [client_credentials], apis: [orders], roles: [reporter]"
    demo.apply(f"clients:\n  reporting: {{ {changed}, scopes: [reports:read, orders:read] }}\n")
    wait_for(lambda: demo.get(report, token).status_code == 401, WITHIN_SECONDS)


@pytest.mark.requirement("AS-104", "ZT-10")
def test_what_a_client_lost_is_refused_in_tokens_of_before_and_new_ones_pass(demo: Demo) -> None:
    """Of its people too, whether their subject is in a map or not; another client's tokens stay."""
    before = tokens_of(demo)
    secret = read_credentials(demo.folder / "credentials")["clients"]["reporting"]
    with httpx2.Client(trust_env=False) as http:
        server = server_of(http, demo.resource_metadata, demo.issuer)
        service = of_service(http, server, "reporting", secret)["access_token"]
    assert status(demo, before["access_token"]) == 200
    client = "tenant: acme, authentication: none, redirect_uris: ['http://127.0.0.1/callback']"
    kept = "apis: [orders], scopes: [openid, orders:read]"
    assert demo.apply(f"clients:\n  durward-cli: {{ {client}, {kept} }}\n").returncode == 0
    wait_for(lambda: status(demo, before["access_token"]) == 401, WITHIN_SECONDS)
    reply = demo.get(ORDER, before["access_token"])
    assert reply.json()["title"] == "the access token was revoked"
    told = demo.run("explain", reply.headers["durward-decision"])
    assert "before the client's tokens were revoked" in told.stdout
    assert demo.get("/v1/acme/reports/summary", service).status_code == 200
    time.sleep(1)  # a token of the same second is refused too
    form = {
        "grant_type": "refresh_token",
        "client_id": "durward-cli",
        "refresh_token": before["refresh_token"],
    }
    renewed = httpx2.post(f"{demo.issuer}/token", data=form, trust_env=False).json()
    assert renewed["scope"].split() == ["openid", "orders:read"]
    assert status(demo, renewed["access_token"]) == 200
    assert status(demo, tokens_of(demo)["access_token"]) == 200
    as_it_was = kept.replace("orders:read", "orders:read, orders:write")
    demo.apply(f"clients:\n  durward-cli: {{ {client}, {as_it_was} }}\n")


def test_a_restarted_edge_and_a_dead_control_plane_forget_nothing(demo: Demo) -> None:
    gone, kept = tokens_of(demo)["access_token"], tokens_of(demo)["access_token"]
    revoke(demo, gone)
    wait_for(lambda: status(demo, gone) == 401, WITHIN_SECONDS)
    kill(demo.process("serve"))
    kill(demo.process("edge"))
    wait_for(lambda: is_answered(demo, kept))
    assert status(demo, gone) == 401
    wait_for(lambda: httpx2.get(f"{demo.issuer}/jwks", trust_env=False).status_code == 200)


def is_answered(demo: Demo, token: str) -> bool:
    try:
        return status(demo, token) == 200
    except httpx2.HTTPError:
        return False


def test_more_than_a_delta_holds_moves_to_the_base(demo: Demo) -> None:
    """Straight into the store, as that many sign-outs would."""
    gone = tokens_of(demo)
    revoke(demo, gone["refresh_token"])
    wait_for(lambda: status(demo, gone["access_token"]) == 401, WITHIN_SECONDS)
    now = time.time_ns() // 1000  # noqa: TID251 - a test's own clock
    with sqlite3.connect(demo.folder / "serve" / "durward.db", timeout=10) as store:
        (last,) = store.execute("SELECT max(sequence) FROM revocations").fetchone()
        rows = [(last + n, "grant", f"g_{n}", now) for n in range(1, MAX_DELTA + 2)]
        store.executemany("INSERT INTO revocations VALUES (?, ?, ?, ?)", rows)
    base = demo.folder / "edge" / "envoy" / BASE / f"{BASE}.json"
    wait_for(lambda: f"g_{MAX_DELTA}" in base.read_text(), WITHIN_SECONDS * 2)
    fresh = tokens_of(demo)["access_token"]
    assert status(demo, fresh) == 200
    assert status(demo, gone["access_token"]) == 401
