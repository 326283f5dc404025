"""Services that are declared by name: found, lost, found again, and never in others' way."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import httpx2
import pytest
from tests.echo import echo_at
from tests.live import ISSUER, LiveEdge, example, live_edge, wait_for
from tests.names import Names, name_server

from durward.core.configuration.configuration import read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.edge.decision_record import EnvoyLine
from durward.core.edge.envoy.clusters import NAMES_EVERY_SECONDS
from durward.core.edge.snapshot import Snapshot
from durward.core.wire import Json

HEALED_WITHIN = NAMES_EVERY_SECONDS + 3
ANYBODY: dict[str, Json] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*"}],
}


@dataclass
class Place:
    """An edge that asks the test for names; `version` is that of its newest snapshot."""

    edge: LiveEdge
    names: Names
    version: int = 1

    def snapshot(self, **upstreams: Json) -> Snapshot:
        """The sample, and for each name an API of one public operation."""
        self.version += 1
        orders = self.edge.snapshot(self.version)
        named = read_configuration(
            [
                *example(),
                Declaration(DeclarationKind.POLICY, "anybody", ANYBODY),
                *(api(name, upstream) for name, upstream in upstreams.items()),
            ]
        )
        others = [found for name, found in named.apis.items() if name in upstreams]
        return replace(orders, apis=(*orders.apis, *others), policies=named.bundle)

    def publish(self, **upstreams: Json) -> None:
        reply = self.edge.publish(self.snapshot(**upstreams))
        assert reply.status_code == 200, reply.text

    def status(self, name: str) -> int:
        return self.edge.get(f"/{name}").status_code


def api(name: str, upstream: Json) -> Declaration:
    operation: Json = {
        "get": {"operationId": "Get", "security": []},
        "post": {"operationId": "Post", "security": []},
    }
    body: dict[str, Json] = {
        "audience": f"{ISSUER}/{name}",
        "upstream": upstream,
        "openapi": {"openapi": "3.1.0", "paths": {f"/{name}": operation}},
        "stage": "test",
        "policies": ["anybody"],
    }
    return Declaration(DeclarationKind.API, name, body)


@pytest.fixture(scope="module")
def names() -> Iterator[Names]:
    with name_server() as running:
        yield running


@pytest.fixture(scope="module")
def place(names: Names) -> Iterator[Place]:
    with live_edge(f'name_servers = ["127.0.0.1:{names.port}"]\n') as edge:
        yield Place(edge, names)


def test_a_service_is_found_by_name_by_address_and_by_url(place: Place) -> None:
    place.names.addresses["orders.example"] = ("127.0.0.1",)
    with echo_at("127.0.0.1") as four, echo_at("::1") as six:
        place.publish(
            local=f"localhost:{four}",
            name=f"orders.example:{four}",
            url=f"http://Orders.Example:{four}",
            four=f"127.0.0.1:{four}",
            six=f"[::1]:{six}",
            url6=f"http://[::1]:{six}",
        )
        for name in ("local", "name", "url", "four", "six", "url6"):
            wait_for(lambda name=name: place.status(name) == 200, within=5)  # type: ignore[misc]
        seen = place.edge.get("/name").json()
        assert (seen["path"], f"http://{seen['headers']['host']}") == ("/name", ISSUER)


def test_of_a_name_with_both_ipv4_is_asked_and_of_one_without_it_ipv6(place: Place) -> None:
    """Where both got requests, a service that listens on one would lose half of them."""
    place.names.addresses |= {"both.example": ("::1", "127.0.0.1"), "six.example": ("::1",)}
    with echo_at("127.0.0.1") as four, echo_at("::1") as six:
        place.publish(both=f"both.example:{four}", six=f"six.example:{six}")
        for name in ("both", "six"):
            wait_for(lambda name=name: place.status(name) == 200, within=5)  # type: ignore[misc]
            assert [place.status(name) for _ in range(10)] == [200] * 10


def test_a_name_that_there_is_not_is_503_for_its_api_alone_until_there_is(place: Place) -> None:
    known = place.names.addresses
    known["old.example"] = ("127.0.0.1",)
    with echo_at("127.0.0.1") as port:
        began = time.monotonic()
        place.publish(
            new=f"new.example:{port}", old=f"old.example:{port}", never="nosuch.invalid:80"
        )
        assert time.monotonic() - began < 5
        wait_for(lambda: place.status("old") == 200, within=5)
        assert (place.status("new"), place.status("never")) == (503, 503)
        assert place.edge.get("/v1/status").status_code == 200
        known["new.example"] = known.pop("old.example")
        wait_for(
            lambda: (place.status("new"), place.status("old")) == (200, 503), within=HEALED_WITHIN
        )
        assert place.status("never") == 503


def test_while_no_name_server_answers_the_former_addresses_hold(place: Place) -> None:
    place.names.addresses["kept.example"] = ("127.0.0.1",)
    with echo_at("127.0.0.1") as port:
        place.publish(kept=f"kept.example:{port}")
        wait_for(lambda: place.status("kept") == 200, within=5)
        place.names.silent.add("kept.example")
        asked = place.names.asked.count("kept.example")
        # The next look-up is given up, and the one after it has begun.
        wait_for(lambda: place.names.asked.count("kept.example") > asked + 4, within=40)
        assert place.status("kept") == 200


def test_a_name_server_that_is_silent_holds_back_neither_a_push_nor_a_start(
    place: Place,
) -> None:
    place.names.silent |= {"slow.example", "later.example"}
    with echo_at("127.0.0.1") as port:
        began = time.monotonic()
        place.publish(slow=f"slow.example:{port}", ready=f"127.0.0.1:{port}")
        assert place.status("ready") == 200
        assert time.monotonic() - began < 5
        assert place.status("slow") == 503

        def first(edge: LiveEdge) -> None:
            (edge.folder / "snapshot.json").write_bytes(starting.snapshot(**upstreams).to_wire())

        upstreams = {"later": f"later.example:{port}", "ready": f"127.0.0.1:{port}"}
        starting = Place(place.edge, place.names)
        began = time.monotonic()
        with live_edge(f'name_servers = ["127.0.0.1:{place.names.port}"]\n', first) as edge:
            assert time.monotonic() - began < 10
            assert edge.get("/ready").status_code == 200
            assert edge.get("/later").status_code == 503
            place.names.silent.clear()
            place.names.addresses["later.example"] = ("127.0.0.1",)
            wait_for(lambda: edge.get("/later").status_code == 200, within=30)


def test_a_service_whose_name_is_not_found_is_told_as_one_that_cannot_be_reached(
    place: Place,
) -> None:
    place.publish(never="nosuch.invalid:80")
    reply = place.edge.get("/never")
    assert reply.status_code == 503
    assert reply.headers["content-type"] == "application/problem+json"
    refused = reply.headers["durward-decision"]
    wait_for(lambda: refused in place.edge.refusals(), within=5)
    (line,) = [line for line in place.edge.refusals().splitlines() if refused in line]
    found = EnvoyLine.from_wire(line.encode()).decision()
    assert found.reason == "the service cannot be reached"


@dataclass
class Frail:
    """A service that answers one request on a connection, and breaks off at the next one."""

    port: int = 0
    seen: list[str] = field(default_factory=list)
    """The method of each request, with its place on its connection."""

    def serve(self, peer: socket.socket) -> None:
        with peer:
            for place in (1, 2):
                request = b""
                while b"\r\n\r\n" not in request:
                    if not (chunk := peer.recv(65_536)):
                        self.seen.append("closed")
                        return
                    request += chunk
                self.seen.append(f"{request.partition(b' ')[0].decode()} {place}")
                if place == 1:
                    peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


@contextlib.contextmanager
def frail() -> Iterator[Frail]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        service = Frail(listening.getsockname()[1])

        def run() -> None:
            with contextlib.suppress(OSError):
                while True:
                    service.serve(listening.accept()[0])

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield service
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_safe_request_is_asked_again_where_its_connection_breaks_and_no_other(
    place: Place,
) -> None:
    with frail() as service:
        place.publish(frail=f"127.0.0.1:{service.port}")
        assert [place.status("frail") for _ in range(4)] == [200] * 4
        assert service.seen == ["GET 1", "GET 2", "GET 1", "GET 2", "GET 1", "GET 2", "GET 1"]
        service.seen.clear()
        url = f"{place.edge.base}/frail"
        reply = httpx2.post(url, timeout=5, trust_env=False)
        assert (reply.status_code, service.seen) == (503, ["POST 2"])
        assert place.status("frail") == 200
        service.seen.clear()
        # Before the service would, Envoy closes what nobody uses.
        wait_for(lambda: service.seen == ["closed"], within=5)
        assert httpx2.post(url, timeout=5, trust_env=False).status_code == 200
