"""Policies through the real edge: who may do what, and what the service gets to see."""

from collections.abc import Iterator
from dataclasses import replace

import httpx2
import pytest
from tests.echo import echo
from tests.live import LiveEdge, live_edge

ORDER = "/v1/acme/orders/1001"


@pytest.fixture(scope="module")
def behind() -> Iterator[LiveEdge]:
    """An edge whose service answers with what reached it."""
    with live_edge() as edge, echo(edge.folder / "echo.sock"):
        edge.upstream = "echo.sock"
        assert edge.publish(edge.snapshot(2)).status_code == 200
        yield edge


def ask(edge: LiveEdge, path: str, **claims: object) -> httpx2.Response:
    token = edge.token(claims=claims)  # type: ignore[arg-type]
    return edge.get(path, authorization=f"Bearer {token}")


def test_a_clerk_sees_an_order_of_the_own_tenant(edge: LiveEdge) -> None:
    reply = ask(edge, ORDER)
    assert reply.status_code == 200
    assert reply.json()["item"] == "anvil"
    assert reply.json()["seen_as"] == {"subject": "ann", "tenant": "acme", "client": "cli"}


@pytest.mark.parametrize(
    ("path", "claims"),
    [
        ("/v1/globex/orders/2001", {}),
        (ORDER, {"tenant": "globex"}),
        (ORDER, {"tenant": None}),
        (ORDER, {"roles": []}),
        (ORDER, {"roles": None}),
        (ORDER, {"roles": "clerks"}),
        (ORDER, {"scope": "orders:write"}),
        (ORDER, {"scope": None}),
        (ORDER, {"scope": ["orders:read"]}),
        ("/v1/acme/reports/summary", {"scope": "reports:read"}),
    ],
)
def test_what_no_statement_allows_is_denied(
    edge: LiveEdge, path: str, claims: dict[str, object]
) -> None:
    assert ask(edge, path, **claims).status_code == 403


def test_the_challenge_names_the_scope_that_is_missing(edge: LiveEdge) -> None:
    reply = ask(edge, ORDER, scope="reports:read")
    challenge = reply.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="insufficient_scope", scope="orders:read"')


def test_a_service_acts_by_its_own_role(edge: LiveEdge) -> None:
    service = {"sub": "reporting", "client_id": "reporting", "roles": ["reporter"]}
    summary = "/v1/acme/reports/summary"
    assert ask(edge, summary, **service, scope="reports:read").status_code == 200
    assert ask(edge, ORDER, **service, scope="orders:read").status_code == 403


def test_only_a_resource_policy_lets_nobody_in(edge: LiveEdge) -> None:
    assert edge.get("/v1/status").json()["seen_as"]["subject"] is None


@pytest.mark.requirement("ZT-3")
def test_a_role_that_loses_its_policy_loses_access_with_the_next_request(
    own_edge: LiveEdge,
) -> None:
    assert ask(own_edge, ORDER).status_code == 200
    snapshot = own_edge.snapshot(2)
    fewer = replace(snapshot.policies, identity={})
    assert own_edge.publish(replace(snapshot, policies=fewer)).status_code == 200
    assert ask(own_edge, ORDER).status_code == 403


def test_a_policy_that_cannot_be_read_leaves_the_former_in_force(own_edge: LiveEdge) -> None:
    snapshot = own_edge.snapshot(2)
    broken = replace(snapshot.policies, documents={**snapshot.policies.documents, "reports": {}})
    reply = own_edge.publish(replace(snapshot, policies=broken))
    assert (reply.status_code, "reports" in reply.text) == (409, True)
    assert ask(own_edge, ORDER).status_code == 200


@pytest.mark.requirement("ZT-11")
def test_the_service_sees_the_verified_identity_and_neither_token_nor_our_cookies(
    behind: LiveEdge,
) -> None:
    forged = {
        "durward-subject": "mallory",
        "Durward-Roles": "admin",
        "x-user-id": "mallory",
        "x-forwarded-user": "mallory",
        "txn-token": "mallory",
        "x-auth-request-email": "mallory",
        "remote-user": "mallory",
        "cookie": "theme=dark; __Host-durward-session=mallory; a=b",
    }
    reply = behind.get(ORDER, authorization=f"Bearer {behind.token()}", **forged)
    assert reply.status_code == 200
    seen = reply.json()["headers"]
    assert "mallory" not in str(seen)
    assert "authorization" not in seen
    assert seen["durward-subject"] == "ann"
    assert seen["durward-tenant"] == "acme"
    assert "theme=dark" in seen["cookie"]
    assert "a=b" in seen["cookie"]
    assert "durward-claims" not in seen
    assert seen["durward-decision"].startswith("d_")


def test_a_request_without_our_cookie_keeps_its_cookies_as_they_are(behind: LiveEdge) -> None:
    reply = behind.get(ORDER, authorization=f"Bearer {behind.token()}", cookie="theme=dark; a=b")
    assert reply.json()["headers"]["cookie"] == "theme=dark; a=b"
    reply = behind.get(ORDER, authorization=f"Bearer {behind.token()}")
    assert "cookie" not in reply.json()["headers"]


@pytest.mark.requirement("ZT-11")
@pytest.mark.parametrize("lines", [1, 2])
def test_our_cookie_does_not_pass_beside_a_very_long_one(behind: LiveEdge, lines: int) -> None:
    """Envoy rewrites no more than 8 KiB; what it leaves as it was reaches nobody."""
    for long in (8_000, 9_000):
        pairs = [f"a={'x' * long}", "__Host-durward-session=mallory"]
        cookies = [f"cookie: {'; '.join(pairs)}"] if lines == 1 else [f"cookie: {p}" for p in pairs]
        head = [f"GET {ORDER} HTTP/1.1", "host: x", f"authorization: Bearer {behind.token()}"]
        answer = behind.raw("\r\n".join([*head, *cookies, "connection: close", "", ""]).encode())
        assert b"mallory" not in answer
        assert answer[9:12] == (b"200" if long == 8_000 else b"431")
    token = f"Bearer {behind.token()}"
    reply = behind.get(ORDER, authorization=token, cookie=f"a={'x' * 9_000}; b=1")
    assert reply.json()["headers"]["cookie"].endswith("; b=1")


def test_the_service_gets_the_path_that_was_decided(behind: LiveEdge) -> None:
    path = "/v1//acme/./orders/../orders/1001?x=1"
    answer = behind.raw(
        f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {behind.token()}\r\n"
        "connection: close\r\n\r\n".encode()
    )
    assert b'"path": "/v1/acme/orders/1001?x=1"' in answer
