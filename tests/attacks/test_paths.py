"""Path confusion: the edge and the service must not read two paths (API8:2023)."""

from dataclasses import replace

import pytest
from tests.live import LiveEdge

pytestmark = pytest.mark.requirement("API8-2")

VARIANTS = [
    "/v1/status/../acme/orders/1001",
    "/v1/status/%2e%2e/acme/orders/1001",
    "/v1/acme/..%2forders/1001",
    "/v1/acme%2forders/1001",
    "/v1//acme//orders//1001",
    "/v1/acme/orders/1001;x=1",
    "/v1/status;/../acme/orders/1001",
    "/v1/acme/orders/1001%00",
    "/v1/acme/orders\\1001",
    "/v1/acme/orders/1001%5c..",
    "/v1/acme/./orders/1001",
    "/v1/acme/orders/100%31",
    "/V1/acme/orders/1001",
    "//v1/acme/orders/1001",
    "http://elsewhere/v1/acme/orders/1001",
    "*",
    "/v1/acme/orders/1001#fragment",
]


@pytest.mark.parametrize("path", VARIANTS)
def test_no_spelling_of_a_path_reaches_the_service_without_a_token(
    edge: LiveEdge, path: str
) -> None:
    request = f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answer = edge.raw(request.encode())
    assert answer[9:12] in {b"400", b"401", b"404"}
    assert b"seen_as" not in answer


@pytest.mark.parametrize("path", VARIANTS)
def test_no_spelling_of_a_path_reaches_another_tenants_order(edge: LiveEdge, path: str) -> None:
    foreign = path.replace("acme", "globex").replace("1001", "2001").replace("100%31", "200%31")
    token = edge.token(claims={"sub": "path-tester"})
    request = f"GET {foreign} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
    answer = edge.raw((request + "connection: close\r\n\r\n").encode())
    assert answer[9:12] in {b"400", b"403", b"404"}
    assert b"hammock" not in answer
    assert b"seen_as" not in answer
    for line in edge.events().splitlines():
        if "path-tester" in line and '"resource"' in line:
            assert '"resource":"arn:durward:orders:test:globex:order/2001"' in line


def test_an_escaped_character_does_not_pass_by_a_guarded_literal(own_edge: LiveEdge) -> None:
    """A service that decodes before it routes would take `%40all` for the guarded `@all`."""
    snapshot = own_edge.snapshot(2)
    (api,) = snapshot.apis
    one = next(each for each in api.operations if each.id == "GetOrder")
    public = replace(one, id="PublicOrder", public=True, scopes=())
    guarded = replace(one, id="AllOrders", path="/v1/{tenant}/orders/@all", action="orders:All")
    published = own_edge.publish(
        replace(snapshot, apis=(replace(api, operations=(public, guarded)),))
    )
    assert published.status_code == 200, published.text
    assert own_edge.get("/v1/acme/orders/@all").status_code == 401
    for path in ("/v1/acme/orders/%40all", "/v1/acme/orders/@%61ll", "/v1/acme/orders/%40%61ll"):
        answer = own_edge.raw(
            f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()
        )
        assert answer[9:12] in {b"401", b"403", b"404"}
        assert b"seen_as" not in answer
    assert '"stage":"route"' in own_edge.events()
