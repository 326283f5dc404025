"""Services as they are declared: over TLS, by HTTP/2, at several addresses, checked and timed."""

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import httpx2
import pytest
from tests.certificates import Authority
from tests.e2e.test_upstreams import Place
from tests.echo import AddressServer, Echo, echo_at, echo_over_tls, serving
from tests.http2 import http2_in_front
from tests.live import live_edge, wait_for
from tests.names import name_server
from tests.ports import free_port

from durward.core.edge.decision_record import EnvoyLine
from durward.core.wire import Json

OURS, OTHER = Authority("ours"), Authority("another")


@pytest.fixture(scope="module")
def cas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the CAs that this machine trusts."""
    path = tmp_path_factory.mktemp("cas") / "system.pem"
    path.write_text(OTHER.pem)
    return path


@pytest.fixture(scope="module")
def place(cas: Path) -> Iterator[Place]:
    with name_server() as names:
        settings = f'name_servers = ["127.0.0.1:{names.port}"]\nca_bundle = "{cas}"\n'
        with live_edge(settings) as edge:
            yield Place(edge, names)


def reason(place: Place, reply: httpx2.Response) -> str:
    """Why the edge refused, as `explain` has it."""
    refused = reply.headers["durward-decision"]
    wait_for(lambda: refused in place.edge.refusals(), within=5)
    (line,) = [line for line in place.edge.refusals().splitlines() if refused in line]
    return EnvoyLine.from_wire(line.encode()).decision().reason


@pytest.mark.requirement("API10-1")
def test_a_file_of_cas_that_is_replaced_comes_into_force(place: Place, cas: Path) -> None:
    """One that cannot be read, or has no certificate, is told, and the former CAs stay."""
    with echo_over_tls(OURS.issue("localhost")) as port:
        place.publish(system=f"https://localhost:{port}")
        assert place.status("system") == 503
        cas.write_text(OURS.pem)
        wait_for(lambda: place.status("system") == 200)
        cas.write_text(OURS.pem[:300])
        told = "the CAs of before stay"
        wait_for(lambda: told in (place.edge.folder / "test.log").read_text())
        assert place.status("system") == 200
        cas.write_text(OTHER.pem)
        wait_for(lambda: place.status("system") == 503)


@pytest.mark.requirement("API10-1")
def test_over_tls_the_chain_and_the_name_are_verified(place: Place) -> None:
    good = OURS.issue("localhost", "*.internal", "127.0.0.1")
    Echo.served.clear()
    with (
        echo_over_tls(good) as port,
        echo_over_tls(OURS.issue("localhost", expired=True)) as expired,
        echo_over_tls(OURS.issue(common_name="localhost")) as nameless,
        echo_at("127.0.0.1") as plain,
    ):
        ours: dict[str, Json] = {"ca": OURS.pem}
        url = f"https://localhost:{port}"
        services: dict[str, Json] = {
            "right": {"url": url, "tls": ours},
            "address": {"url": f"https://127.0.0.1:{port}", "tls": ours},
            "named": {"url": f"127.0.0.1:{port}", "tls": {"name": "a.internal", **ours}},
            "both": {"url": url, "tls": {"ca": OTHER.pem + OURS.pem}},
            "wrong-ca": {"url": url, "tls": {"ca": OTHER.pem}},
            "wrong-name": {"url": f"127.0.0.1:{port}", "tls": {"name": "a.b", **ours}},
            "below": {"url": f"127.0.0.1:{port}", "tls": {"name": "a.b.internal", **ours}},
            "expired": {"url": f"https://localhost:{expired}", "tls": ours},
            "nameless": {"url": f"https://localhost:{nameless}", "tls": ours},
            "system": url,
            "plain": {"url": f"https://localhost:{plain}", "tls": ours},
        }
        place.publish(**services)
        for name in ("right", "address", "named", "both"):
            wait_for(lambda name=name: place.status(name) == 200, within=5)  # type: ignore[misc]
        Echo.served.clear()
        refused = {
            "wrong-ca": "has a certificate of a CA that is not trusted",
            "wrong-name": "has a certificate for another name",
            "below": "has a certificate for another name",
            "expired": "has a certificate that expired",
            "nameless": "has a certificate for another name",
            "system": "has a certificate of a CA that is not trusted",
            "plain": "does not speak TLS as it is declared",
        }
        for name, why in refused.items():
            reply = place.edge.get(f"/{name}")
            assert (name, reply.status_code) == (name, 503)
            assert reply.headers["retry-after"] == "1"
            assert reason(place, reply) == f"the service {why}"
        assert Echo.served == []


def test_a_service_by_http2_is_asked_by_http2(place: Place) -> None:
    with (
        echo_at("127.0.0.1") as echo,
        http2_in_front(echo, OURS.issue("two.internal"), place.edge.folder) as (plain, secure),
        echo_over_tls(OURS.issue("two.internal")) as one,
    ):
        tls: Json = {"name": "two.internal", "ca": OURS.pem}
        address = f"https://127.0.0.1:{secure}"
        place.publish(
            h2c={"url": f"http://127.0.0.1:{plain}", "protocol": "http2"},
            h2={"url": address, "protocol": "http2", "tls": tls, "host": "two.internal"},
            **{
                "only-h2": {"url": address, "tls": tls},
                "only-h1": {"url": f"127.0.0.1:{one}", "protocol": "http2", "tls": tls},
            },
        )
        seen = place.edge.get("/h2c").json()["headers"]
        assert seen["x-protocol"] == "HTTP/2"
        seen = place.edge.get("/h2").json()["headers"]
        assert (seen["x-protocol"], seen["x-sni"], seen["host"]) == (
            *("HTTP/2", "two.internal"),
            "two.internal",
        )
        # A service that does not speak the declared protocol is not asked by another one.
        assert place.edge.get("/only-h2").status_code == 503
        assert place.edge.get("/only-h1").status_code in {502, 503}


def test_of_several_addresses_the_dead_lose_no_request(place: Place) -> None:
    dead, returning = free_port(), free_port()
    with echo_at("127.0.0.1") as one:
        addresses: Json = [f"127.0.0.1:{port}" for port in (dead, one, returning)]
        place.publish(several={"addresses": addresses})
        url = f"{place.edge.base}/several"
        with httpx2.Client(trust_env=False, timeout=10) as client:
            for _ in range(6):
                assert client.get(url).status_code == 200
                assert client.post(url, content=b"x").status_code == 200
            with echo_at("127.0.0.1", returning):
                found = [client.post(url).status_code for _ in range(20)]
            # Those that the service had begun, on connections that it had open, may be lost.
            found += [client.get(url).status_code for _ in range(20)]
            assert found == [200] * 40


def test_while_all_addresses_are_dead_it_is_503_and_then_it_is_back(place: Place) -> None:
    ports = [free_port(), free_port()]
    place.publish(several={"addresses": [f"127.0.0.1:{port}" for port in ports]})
    found = [place.edge.get("/several") for _ in range(4)]
    assert {reply.status_code for reply in found} == {503}
    assert {reply.headers["retry-after"] for reply in found} == {"1"}
    with echo_at("127.0.0.1", ports[0]), echo_at("127.0.0.1", ports[1]):
        wait_for(lambda: place.status("several") == 200, within=3)
        assert [place.status("several") for _ in range(10)] == [200] * 10


class Checked(BaseHTTPRequestHandler):
    """A service that is healthy or not, and slow where it is asked to be."""

    protocol_version = "HTTP/1.1"
    sick: ClassVar[set[int]] = set()
    served: ClassVar[list[tuple[int, str]]] = []
    hosts: ClassVar[set[tuple[int, str]]] = set()

    def do_GET(self) -> None:
        port = self.connection.getsockname()[1]
        if self.path == "/healthz":
            self.hosts.add((port, self.headers["host"]))
            status = 500 if port in self.sick else 204
        else:
            self.served.append((port, self.path))
            status = 200
            time.sleep(float(self.headers.get("x-sleep", 0)))
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def checked() -> Iterator[int]:
    server = AddressServer(("127.0.0.1", 0), Checked)
    with serving(server):
        yield server.server_address[1]


def test_an_unhealthy_address_gets_nothing_and_without_a_healthy_one_it_is_503(
    place: Place,
) -> None:
    with checked() as one, checked() as two:
        Checked.sick = {two}
        place.publish(
            well={
                "addresses": [f"127.0.0.1:{one}", f"127.0.0.1:{two}"],
                "health": {"path": "/healthz", "every": "1s", "failures": 1},
                "host": "well.internal",
            }
        )
        Checked.served.clear()
        assert [place.status("well") for _ in range(10)] == [200] * 10
        assert {port for port, _ in Checked.served} == {one}
        asked = {host for port, host in Checked.hosts if port in {one, two}}
        assert asked == {"well.internal"}
        Checked.sick = {one, two}
        wait_for(lambda: place.status("well") == 503, within=15)
        reply = place.edge.get("/well")
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
        assert reason(place, reply) == "the service cannot be reached"
        Checked.sick = {one}
        wait_for(lambda: place.status("well") == 200, within=15)
        Checked.served.clear()
        assert [place.status("well") for _ in range(10)] == [200] * 10
        assert {port for port, _ in Checked.served} == {two}


@pytest.mark.alone
def test_a_service_that_takes_too_long_is_504(place: Place) -> None:
    with checked() as port:
        place.publish(slow={"url": f"127.0.0.1:{port}", "timeouts": {"request": "300ms"}})
        reply = place.edge.get("/slow", **{"x-sleep": "0.1"})
        assert reply.status_code == 200
        began = time.monotonic()
        reply = place.edge.get("/slow", **{"x-sleep": "2"})
        assert (reply.status_code, reply.json()["title"]) == (
            504,
            "the service did not answer in time",
        )
        assert time.monotonic() - began < 1.5


def test_a_change_of_one_service_drops_no_request(place: Place) -> None:
    """Neither at others, nor one that is under way at the service that changes."""
    with checked() as one, checked() as two:
        url = f"127.0.0.1:{one}"
        place.publish(steady=f"127.0.0.1:{two}", moving={"url": url})
        found: list[int] = []
        ended = threading.Event()

        def ask() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", place.edge.port, timeout=10)
            while not ended.is_set():
                connection.request("GET", "/steady")
                reply = connection.getresponse()
                reply.read()
                found.append(reply.status)
            connection.close()

        asking = threading.Thread(target=ask)
        asking.start()
        slow: list[int] = []
        waiting = threading.Thread(
            target=lambda: slow.append(place.edge.get("/moving", **{"x-sleep": "1"}).status_code)
        )
        waiting.start()
        wait_for(lambda: (one, "/moving") in Checked.served, within=5)
        checks: list[Json] = [{"path": "/healthz"}, {"path": "/healthz", "every": "9s"}]
        for health in checks:
            place.publish(
                steady=f"127.0.0.1:{two}",
                moving={"addresses": [url, f"127.0.0.1:{two}"], "health": health},
            )
            assert place.status("moving") == 200
        waiting.join()
        ended.set()
        asking.join()
        assert slow == [200]
        assert len(found) > 20
        assert set(found) == {200}
