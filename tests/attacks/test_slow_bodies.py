"""Bodies that begin and do not go on: whoever sends them keeps nobody else waiting (API4:2023)."""

import contextlib
import resource
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.demo import Demo
from tests.live import LiveEdge, live_edge, wait_for

from durward.core.edge.node import Limits

pytestmark = pytest.mark.alone

MANY, STREAMS = 1_100, 100
OTHER = "127.0.0.2"
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, HEADERS, DATA = 4, 1, 0
END_HEADERS = 4
LARGE = "public_body_bytes = 1_048_576\n"


@contextlib.contextmanager
def held() -> Iterator[list[socket.socket]]:
    """Connections that stay open until the end."""
    connections: list[socket.socket] = []
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


def connect(port: int, number: int) -> socket.socket:
    """A connection from an address of its own: no budget of a source stops a botnet."""
    connection = socket.socket()
    connection.settimeout(10)
    connection.bind((f"127.1.{number // 250}.{number % 250 + 1}", 0))
    connection.connect(("127.0.0.1", port))
    return connection


def by_http1(port: int, method: str, path: str, connections: list[socket.socket]) -> None:
    """A connection for each request: its headers, and eleven bytes of a body."""
    begun = (
        f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n"
        "content-type: application/x-www-form-urlencoded\r\n\r\ngrant_type="
    ).encode()
    for number in range(MANY):
        connections.append(connect(port, number))
        connections[-1].sendall(begun)


def by_http2(port: int, method: str, path: str, connections: list[socket.socket]) -> None:
    """Eleven connections with a hundred requests each."""
    for number in range(MANY // STREAMS):
        connections.append(connect(port, number))
        sent = HTTP2 + frame(SETTINGS, 0, 0, b"")
        for stream in range(STREAMS):
            fields = {
                ":method": method,
                ":path": path,
                ":scheme": "http",
                ":authority": "localhost",
                "content-type": "application/x-www-form-urlencoded",
            }
            block = b"".join(literal(name, value) for name, value in fields.items())
            sent += frame(HEADERS, END_HEADERS, 2 * stream + 1, block)
            sent += frame(DATA, 0, 2 * stream + 1, b"grant_type=")
        connections[-1].sendall(sent)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """RFC 9113 §4.1."""
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def literal(name: str, value: str) -> bytes:
    """A header field that is not indexed, its name neither (RFC 7541 §6.2.2)."""
    return b"\x00" + b"".join(bytes([len(text)]) + text.encode() for text in (name, value))


def asked(method: str, url: str, **content: object) -> httpx2.Response:
    transport = httpx2.HTTPTransport(local_address=OTHER)
    with httpx2.Client(transport=transport, timeout=5) as client:
        return client.request(method, url, **content)  # type: ignore[arg-type]


@pytest.mark.requirement("API4-1")
@pytest.mark.parametrize("flood", [by_http1, by_http2])
@pytest.mark.parametrize("target", ["issuer", "api"])
def test_slow_bodies_keep_nobody_else_waiting(kept_demo: Demo, target: str, flood: object) -> None:
    assert callable(flood)
    issuer, apis = f"http://127.0.0.1:{kept_demo.port}", kept_demo.apis
    with held() as connections:
        if target == "issuer":
            flood(kept_demo.port, "POST", "/token", connections)
        else:
            flood(kept_demo.port + 10, "GET", "/v1/status", connections)
        time.sleep(1)
        for _ in range(3):
            began = time.monotonic()
            assert asked("GET", f"{issuer}/jwks").status_code == 200
            assert asked("GET", f"{apis}/v1/status").status_code == 200
            refused = asked("POST", f"{issuer}/token", data={"grant_type": "x"})
            assert refused.status_code == 401
            assert time.monotonic() - began < 2


@pytest.mark.requirement("API4-1")
def test_a_body_that_does_not_go_on_is_refused_in_time(kept_demo: Demo) -> None:
    begun = b"POST /token HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nx"
    with connect(kept_demo.port, 0) as connection:
        connection.settimeout(15)
        connection.sendall(begun)
        began = time.monotonic()
        answer = connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 408"), answer
        assert b"the request took too long to arrive" in answer
        assert 8 < time.monotonic() - began < 13


@pytest.mark.parametrize(("kib", "status"), [(60, 400), (70, 413)])
def test_a_form_of_a_legal_size_arrives_whole(kept_demo: Demo, kib: int, status: int) -> None:
    form = {"grant_type": "x", "padding": "x" * kib * 1_024}
    reply = asked("POST", f"http://127.0.0.1:{kept_demo.port}/token", data=form)
    assert reply.status_code == status


def in_a_row(port: int, source: int, path: str, count: int) -> bytes:
    """The answers to many requests that are sent at once on one connection.

    After its refusal Envoy closes with requests unread, which resets the connection.
    """
    request = f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"
    last = f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    with connect(port, source) as connection:
        connection.sendall((request * (count - 1) + last).encode())
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(1_048_576):
                answer += chunk
    return answer


@pytest.mark.requirement("API4-1")
@pytest.mark.parametrize("target", ["issuer", "api"])
def test_one_address_has_a_budget_and_the_others_have_theirs(kept_demo: Demo, target: str) -> None:
    port, path = (
        (kept_demo.port, "/jwks") if target == "issuer" else (kept_demo.port + 10, "/v1/status")
    )
    burst = Limits().source_burst
    answers = in_a_row(port, 2_000, path, 2 * burst)
    allowed, refused = answers.count(b"HTTP/1.1 200"), answers.count(b"HTTP/1.1 429")
    assert burst <= allowed < 2 * burst
    assert refused, "and the connection ends"
    told = answers[answers.index(b"HTTP/1.1 429") :].partition(b"\r\n\r\n")[0]
    assert b"retry-after: 1" in told
    assert b"application/problem+json" in told
    assert in_a_row(port, 2_001, path, 50).count(b"HTTP/1.1 200") == 50
    time.sleep(1.2)
    assert in_a_row(port, 2_000, path, 50).count(b"HTTP/1.1 200") == 50


def is_refused_for_overload(client: httpx2.Client, url: str) -> bool:
    """Whether the answer tells what is the matter, and when to come back."""
    reply = client.get(url)
    if reply.status_code != 503:
        return False
    assert reply.headers["retry-after"] == "1"
    assert "the edge is overloaded" in reply.text
    return True


def is_served(edge: LiveEdge) -> bool:
    """Whether a request is answered soon; a connection that is not accepted waits in vain."""
    try:
        return httpx2.get(edge.base + "/v1/status", timeout=1, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False


@pytest.mark.requirement("API4-1")
def test_without_memory_the_new_is_refused_and_what_follows_is_served() -> None:
    """Bodies that are held cost memory: near its bound nothing more is begun, and nobody dies."""
    with live_edge(f"[edge.limits]\nheap_mib = 64\n{LARGE}") as edge, held() as connections:
        begun = b"GET /v1/status HTTP/1.1\r\nhost: o\r\ncontent-length: 1000000\r\n\r\n"
        envoy = edge.children()["envoy"]
        url, refused = edge.base + "/v1/status", False
        known = httpx2.Client(timeout=5, trust_env=False)
        assert known.get(url).status_code == 200
        for number in range(150):
            with contextlib.suppress(OSError):
                connections.append(connect(edge.port, number))
                connections[-1].sendall(begun + b"x" * 900_000)
            if refused := number % 10 == 9 and not is_served(edge):
                break
        assert refused, "135 MB are held in 64"
        assert is_refused_for_overload(known, url), "on a connection that was open before"
        known.close()
        for connection in connections:
            connection.close()
        wait_for(lambda: is_served(edge))
        assert edge.children()["envoy"] == envoy, "it is the same process"


def resident_mib(pid: int) -> int:
    """How much memory a process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1_048_576


GROWTHS = 58
GROWTH = b"".join(frame(DATA, 0, 2 * stream + 1, b"x" * 16_000) for stream in range(STREAMS))
"""16 kB more of each body on a connection; all of them are most of a megabyte."""


@pytest.mark.requirement("API4-1")
def test_bodies_that_grow_after_they_were_let_in_take_little_memory(edge: LiveEdge) -> None:
    """What was begun goes on when memory is scarce: only the bound of each body holds it down."""
    envoy = edge.children()["envoy"]
    before, most = resident_mib(envoy), 0
    with held() as connections:
        by_http2(edge.port, "GET", "/v1/status", connections)
        for _ in range(GROWTHS):
            for connection in connections:
                # Envoy may end a connection whose requests it has refused.
                with contextlib.suppress(OSError):
                    connection.sendall(GROWTH)
            most = max(most, resident_mib(envoy))
        assert most - before < MANY * Limits().public_body_bytes * 2 // 1_048_576
        assert asked("GET", f"{edge.base}/v1/status").status_code == 200


@contextlib.contextmanager
def service(path: Path) -> Iterator[socket.socket]:
    """A service that the test plays itself."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(1)
        yield listener


@pytest.mark.requirement("API4-1")
def test_an_upload_to_an_operation_with_a_token_streams_and_one_without_is_held() -> None:
    with live_edge() as edge, service(edge.folder / "slow.sock") as listener:
        edge.upstream = "slow.sock"
        assert edge.publish(edge.snapshot(2)).status_code == 200
        size, part = 1_000_000, 16_384
        head = f"host: o\r\ncontent-length: {size}\r\n"
        with connect(edge.port, 1) as client:
            bearer = f"authorization: Bearer {edge.token()}\r\n"
            client.sendall(f"POST /v1/acme/orders HTTP/1.1\r\n{head}{bearer}\r\n".encode())
            client.sendall(b"x" * part)
            with listener.accept()[0] as arrived:
                arrived.settimeout(5)
                seen = b""
                while len(seen.partition(b"\r\n\r\n")[2]) < part:
                    seen += arrived.recv(65_536)
                client.sendall(b"x" * (size - part))
                while len(seen.partition(b"\r\n\r\n")[2]) < size:
                    seen += arrived.recv(65_536)
                arrived.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                assert client.recv(4096).startswith(b"HTTP/1.1 200")
        with connect(edge.port, 2) as client:
            client.sendall(b"GET /v1/status HTTP/1.1\r\nhost: o\r\ncontent-length: 9\r\n\r\nx")
            with pytest.raises(TimeoutError):
                listener.accept()
