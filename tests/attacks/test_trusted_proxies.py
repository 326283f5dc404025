"""Load balancers in front of the edge: their word about a client is taken, and nobody else's."""

from collections.abc import Iterator

import httpx2
import pytest
from tests.echo import echo
from tests.live import LiveEdge, live_edge

from durward.core.edge.node import read_proxies
from durward.core.errors import Misconfigured

PROXY, SECOND_PROXY, STRANGER = "127.0.0.2", "127.0.0.3", "127.0.0.9"
TRUSTED = f'trusted_proxies = ["{PROXY}", "127.0.0.3/32", "10.0.0.0/8"]\n'


@pytest.fixture(scope="module")
def behind_header() -> Iterator[LiveEdge]:
    with live_edge(TRUSTED) as edge:
        yield edge


def ask(edge: LiveEdge, via: str, forwarded: str | list[str] | None) -> httpx2.Response:
    """A request that is decided, and denied, so that its source is recorded at once."""
    given = [forwarded] if isinstance(forwarded, str) else forwarded or []
    headers = [("authorization", f"Bearer {edge.token()}")]
    headers += [("x-forwarded-for", value) for value in given]
    headers += [("x-forwarded-host", "evil"), ("x-forwarded-form", "evil")]
    transport = httpx2.HTTPTransport(local_address=via)
    with httpx2.Client(transport=transport, timeout=10) as client:
        return client.get(edge.base + "/v1/acme/reports/summary", headers=headers)


def source_of(edge: LiveEdge, reply: httpx2.Response) -> str:
    decision = reply.headers["durward-decision"]
    (event,) = [line for line in edge.events().splitlines() if decision in line]
    return event.partition('"source":"')[2].partition('"')[0]


@pytest.mark.requirement("ZT-11")
@pytest.mark.parametrize(
    ("via", "forwarded", "source"),
    [
        (PROXY, "192.0.2.7", "192.0.2.7"),
        (PROXY, "2001:db8::7", "2001:db8::7"),
        (PROXY, None, PROXY),
        # What the client wrote stands left of what the proxy saw.
        (PROXY, "203.0.113.1, 192.0.2.7", "192.0.2.7"),
        (PROXY, ["203.0.113.1", "192.0.2.7"], "192.0.2.7"),
        # A chain of proxies is passed over from the right.
        (PROXY, f"203.0.113.1, 192.0.2.7, 10.1.2.3, {SECOND_PROXY}", "192.0.2.7"),
        (STRANGER, "203.0.113.1", STRANGER),
        (STRANGER, f"203.0.113.1, {PROXY}", STRANGER),
        (PROXY, "not an address", PROXY),
    ],
)
def test_the_source_is_the_last_address_that_is_no_proxys(
    behind_header: LiveEdge, via: str, forwarded: str | list[str] | None, source: str
) -> None:
    reply = ask(behind_header, via, forwarded)
    assert reply.status_code == 403
    assert source_of(behind_header, reply) == source


@pytest.mark.requirement("ZT-11")
def test_two_hundred_people_behind_one_proxy_are_two_hundred_sources(
    behind_header: LiveEdge,
) -> None:
    people = [f"198.51.100.{number}" for number in range(200)]
    found = [source_of(behind_header, ask(behind_header, PROXY, person)) for person in people]
    assert found == people


@pytest.mark.requirement("ZT-11")
def test_behind_a_proxy_neither_header_nor_request_id_of_a_client_reaches_the_service() -> None:
    forged = {"x-forwarded-host": "evil", "x-request-id": "mine", "x-forwarded-fox": "evil"}
    with live_edge(TRUSTED) as edge, echo(edge.folder / "echo.sock"):
        edge.upstream = "echo.sock"
        assert edge.publish(edge.snapshot(2)).status_code == 200
        transport = httpx2.HTTPTransport(local_address=PROXY)
        with httpx2.Client(transport=transport, timeout=10) as client:
            token = {"authorization": f"Bearer {edge.token()}", "x-forwarded-for": "192.0.2.7"}
            path = edge.base + "/v1/acme/orders/1001"
            reply = client.get(path, headers={**forged, **token})
        assert reply.status_code == 200, reply.text
        seen = reply.json()["headers"]
        assert "192.0.2.7" not in str(seen)
        assert "evil" not in str(seen)
        assert seen.get("x-request-id") != "mine"


@pytest.mark.requirement("ZT-11")
def test_without_trusted_proxies_nobody_is_believed(edge: LiveEdge) -> None:
    reply = ask(edge, PROXY, "192.0.2.7")
    assert source_of(edge, reply) == PROXY


@pytest.mark.parametrize("given", ["0.0.0.0/0", "::/0", "10.0.0.1/8", "lb.example", ""])
def test_everybody_and_nonsense_cannot_be_trusted(given: str) -> None:
    with pytest.raises(Misconfigured):
        read_proxies([given])
