"""The name and the path by which a client asks decide which service answers: seen at the service.

A named host serves the APIs that name it and no others; what is behind a prefix stays behind it.
"""

import contextlib
import json
import re
import socket
from collections.abc import Iterator

import pytest
from tests.echo import Echo, Server, serving
from tests.live import ISSUER, LiveEdge, live_edge, wait_for

from durward.core.configuration.configuration import read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.edge.snapshot import Snapshot
from durward.core.wire import Json

OPEN: Json = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Principal": "*", "Action": "*"},
}
PATHS: dict[str, tuple[dict[str, Json], list[str]]] = {
    "others": ({}, ["/health", "/admin", "/pets/{id}"]),
    "a": ({"hosts": ["a.example", "[::1]", "127.0.0.9"]}, ["/health", "/pets/{id}"]),
    "shop": (
        {"hosts": ["A.example", "b.example"], "prefix": "/shop", "base_path": ""},
        ["/", "/health", "/pets/{id}", "/pets/{id}.json", "/pets/{id}:sell"],
    ),
    "versioned": ({"prefix": "/inner"}, ["/pets/{id}", "/range/{from},{to}"]),
}


DATA, HEADERS, RESET, GOAWAY = 0, 1, 3, 7
END_STREAM, END_HEADERS = 1, 4


class Named(Echo):
    """Says who it is, and which path it was asked for."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        name = str(self.server.server_address).rpartition("/")[2].removesuffix(".sock")
        rewritten = [each for each in self.headers if each.lower().startswith("x-envoy-orig")]
        prefix = self.headers.get_all("x-forwarded-prefix", [])
        answer = json.dumps([name, self.path, self.headers["host"], rewritten + prefix]).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def declarations(edge: LiveEdge) -> Iterator[Declaration]:
    yield Declaration(DeclarationKind.POLICY, "open", OPEN if isinstance(OPEN, dict) else {})
    for name, (place, paths) in PATHS.items():
        document: Json = {
            "openapi": "3.1.0",
            "servers": [{"url": "https://x.example/api/v3"}] if name == "versioned" else [],
            "security": [] if name != "a" else [{}],
            "paths": {path: {"get": {}} for path in paths},
        }
        audience = f"https://{'a.example' if name in {'a', 'shop'} else 'id.example'}/{name}"
        upstream = f"unix:{edge.folder}/{name}.sock"
        body: dict[str, Json] = {"audience": audience, "upstream": upstream, "openapi": document}
        yield Declaration(DeclarationKind.API, name, {**body, "policies": ["open"], **place})


@pytest.fixture(scope="module")
def placed() -> Iterator[LiveEdge]:
    with live_edge() as edge, contextlib.ExitStack() as stack:
        for name in PATHS:
            stack.enter_context(serving(Server(str(edge.folder / f"{name}.sock"), Named)))
        found = read_configuration(declarations(edge))
        keys = edge.snapshot(1).keys
        snapshot = Snapshot(2, ISSUER, keys, tuple(found.apis.values()), found.bundle)
        assert edge.publish(snapshot).status_code == 200
        yield edge


def asked(edge: LiveEdge, target: str, *hosts: str, more: str = "", version: str = "1.1") -> bytes:
    """The answer, by its length: to wait for the end of a connection takes longer."""
    lines = "".join(f"host: {host}\r\n" for host in hosts)
    with socket.create_connection((edge.host, edge.port), timeout=5) as connection:
        connection.sendall(f"GET {target} HTTP/{version}\r\n{lines}{more}\r\n".encode())
        reply = b""
        while not is_whole(reply):
            chunk = connection.recv(65_536)
            if not chunk:
                break
            reply += chunk
        return reply


def is_whole(reply: bytes) -> bool:
    head, end, body = reply.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\ncontent-length: (\d+)", head)
    return bool(end) and length is not None and len(body) >= int(length[1])


def answered(reply: bytes) -> list[Json] | int:
    """What the service saw, or the status of the edge's own answer."""
    status = int(reply[9:12])
    found: list[Json] = json.loads(reply.partition(b"\r\n\r\n")[2]) if status == 200 else []
    return found or status


@pytest.mark.parametrize(
    ("host", "target", "service", "path"),
    [
        ("a.example", "/health", "a", "/health"),
        ("x.example", "/health", "others", "/health"),
        ("a.example", "/shop/health", "shop", "/health"),
        ("b.example", "/shop/health?q=/shop/%2e", "shop", "/health?q=/shop/%2e"),
        ("b.example", "/shop/", "shop", "/"),
        ("b.example", "/shop/pets/shop", "shop", "/pets/shop"),
        ("b.example", "/shop/pets/%C3%a9%20%41", "shop", "/pets/%C3%a9%20A"),
        ("b.example", "/shop/pets/7.json", "shop", "/pets/7.json"),
        ("b.example", "/shop/pets/7:sell", "shop", "/pets/7:sell"),
        ("x.example", "/inner/pets/inner", "versioned", "/api/v3/pets/inner"),
        ("x.example", "/inner/range/1,2?a=1", "versioned", "/api/v3/range/1,2?a=1"),
        ("127.0.0.1", "/pets/1", "others", "/pets/1"),
    ],
)
def test_a_request_reaches_the_service_of_its_host_and_prefix(
    placed: LiveEdge, host: str, target: str, service: str, path: str
) -> None:
    """The query and encoded bytes stay as they are, and the service is told a removed prefix."""
    audience = "a.example" if service in {"a", "shop"} else "id.example"
    prefix = ["/shop"] if service == "shop" else []
    reply = asked(placed, target, host, more="x-forwarded-prefix: /evil\r\n")
    assert answered(reply) == [service, path, audience, prefix]


@pytest.mark.parametrize(
    "host",
    [
        *("A.EXAMPLE", "a.example:80", "a.example:", "a.example:65535", "a.example.", "[::1]"),
        *("a.example.:8443", "[::1]:8443", "127.0.0.9:8443"),
    ],
)
def test_case_port_and_a_dot_at_the_end_do_not_lead_elsewhere(placed: LiveEdge, host: str) -> None:
    """RFC 9110 §4.2.3, RFC 3986 §3.2.2: to another API, by whose policies it would be decided."""
    found = answered(asked(placed, "/health", host))
    assert isinstance(found, list)
    assert found[0] == "a"
    assert answered(asked(placed, "/admin", host)) == 404


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (("a.example", "x.example"), 400),
        (("a.example, x.example",), 400),
        (("a.example..",), 400),
        (("a.example:80:80",), 400),
        (("a.example:x",), 400),
        (("a.example/",), 400),
        (("a@a.example",), 400),
        (("",), 400),
        ((), 400),
    ],
)
def test_what_names_no_host_or_several_is_refused(
    placed: LiveEdge, hosts: tuple[str, ...], status: int
) -> None:
    """RFC 9112 §3.2."""
    assert answered(asked(placed, "/admin", *hosts)) == status


def test_http_1_0_is_not_a_way_to_name_no_host(placed: LiveEdge) -> None:
    assert answered(asked(placed, "/admin", version="1.0")) == 426
    assert answered(asked(placed, "/admin", "a.example", version="1.0")) == 426


def test_the_host_of_an_absolute_target_counts_as_rfc_9112_has_it(placed: LiveEdge) -> None:
    """RFC 9112 §3.2.2: `Host` is ignored then, at the edge and by the decision point."""
    found = answered(asked(placed, "http://a.example/health", "x.example"))
    assert isinstance(found, list)
    assert found[0] == "a"
    assert answered(asked(placed, "http://a.example/admin", "x.example")) == 404
    assert answered(asked(placed, "http://x.example/shop/health", "a.example")) == 404


@pytest.mark.parametrize(
    ("fields", "service"),
    [
        ([(":authority", "A.example:80"), (":path", "/health")], "a"),
        ([("host", "a.example"), (":path", "/health")], "a"),
        ([(":authority", "a.example"), (":path", "/admin"), ("host", "x.example")], None),
        ([(":authority", "a.example"), (":path", "/health"), ("host", "x.example")], "a"),
        ([(":authority", "a.example"), (":authority", "x.example"), (":path", "/admin")], None),
        ([(":authority", "a.example,x.example"), (":path", "/admin")], None),
        ([(":authority", "b.example"), (":path", "/shop/../admin")], None),
    ],
)
def test_over_http_2_the_authority_is_the_host(
    placed: LiveEdge, fields: list[tuple[str, str]], service: str | None
) -> None:
    """RFC 9113 §8.3.1: `Host` beside it counts for nothing, and without it as the authority."""
    seen = by_http2(placed, [(":method", "GET"), (":scheme", "http"), *fields])
    assert (seen[0] if seen else None) == service


def by_http2(edge: LiveEdge, fields: list[tuple[str, str]]) -> list[Json] | None:
    """What a service saw of one request, if it got there (RFC 9113, RFC 7541 §6.2.2)."""
    block = b"".join(
        b"\x00" + b"".join(bytes([len(text)]) + text.encode() for text in field)
        for field in sorted(fields, key=lambda field: not field[0].startswith(":"))
    )
    with socket.create_connection((edge.host, edge.port), timeout=5) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
        connection.sendall(frame(HEADERS, END_STREAM | END_HEADERS, 1, block))
        reading = connection.makefile("rb")
        body = b""
        while head := reading.read(9):
            payload = reading.read(int.from_bytes(head[:3]))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:])
            body += payload if kind == DATA else b""
            if kind in {RESET, GOAWAY} or (stream == 1 and flags & END_STREAM):
                break
    found: Json = json.loads(body) if body else None
    return found if isinstance(found, list) else None


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """RFC 9113 §4.1."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


@pytest.mark.parametrize("header", ["x-forwarded-host", "forwarded", "x-host", "durward-host"])
def test_no_header_beside_host_chooses_the_api(placed: LiveEdge, header: str) -> None:
    value = "host=x.example" if header == "forwarded" else "x.example"
    assert answered(asked(placed, "/admin", "a.example", more=f"{header}: {value}\r\n")) == 404


@pytest.mark.parametrize(
    "target",
    [
        *(
            "/shop",
            "/shopx",
            "/shopx/health",
            "/shop/../admin",
            "/shop/%2e%2e/admin",
            "/SHOP/health",
        ),
        *("/health", "/admin", "/shop/shop/health", "/shop/..%2fadmin", "/shop%2fhealth"),
        *("/shop;x/health", "/shop%20/health", "/shop/pets/1/2", "/shop/..", "/api/v3/pets/1"),
    ],
)
@pytest.mark.requirement("ZT-1")
def test_nothing_leads_out_of_a_prefix_or_in_beside_it(placed: LiveEdge, target: str) -> None:
    assert answered(asked(placed, target, "b.example")) in (400, 403, 404)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        *(("//shop//health", "/health"), ("/x/../shop/./health", "/health"), ("/shop//", "/")),
        *(("/%73hop/health", "/health"), ("/shop/pets/..", "/")),
        ("/shop/pets/7%2Ejson", "/pets/7.json"),
    ],
)
def test_a_path_is_normalised_before_its_prefix_is_replaced(
    placed: LiveEdge, target: str, path: str
) -> None:
    """RFC 3986 §6.2.2: what needs no escape has none, for the edge and for the service alike."""
    found = answered(asked(placed, target, "b.example"))
    assert isinstance(found, list)
    assert found[:2] == ["shop", path]


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("/inner/pets/1", "a.example"),  # another API's host
        ("/inner/range/1,2,3", "x.example"),  # two ways to read it
        ("/inner/range/1%2C2,3", "x.example"),
        ("/shop/pets/7%3asell", "b.example"),  # another operation once it is decoded
    ],
)
def test_what_a_service_could_read_otherwise_is_refused(
    placed: LiveEdge, target: str, host: str
) -> None:
    assert answered(asked(placed, target, host)) in (403, 404)


@pytest.mark.parametrize(
    ("host", "name", "status"),
    [
        ("a.example", "a", 200),
        ("a.example:8443", "shop", 200),
        ("b.example", "shop", 200),
        ("b.example", "a", 404),
        ("id.example", "others", 200),
        ("x.example", "others", 200),
        ("x.example", "shop", 404),
    ],
)
def test_metadata_is_where_its_api_is(placed: LiveEdge, host: str, name: str, status: int) -> None:
    """RFC 9728 §3."""
    reply = asked(placed, f"/.well-known/oauth-protected-resource/{name}", host)
    assert int(reply[9:12]) == status
    assert (
        f'"resource":"https://{"a" if name in {"a", "shop"} else "id"}.example/{name}"'.encode()
        in reply
    ) == (status == 200)


def test_decisions_name_what_the_client_asked_for(placed: LiveEdge) -> None:
    """The host as it was sent, and the template behind its prefix; also in Envoy's refusals."""
    assert b" 200 " in asked(placed, "/inner/pets/1", "recorded.example:80")
    found = [json.loads(line) for line in placed.events().splitlines() if "recorded.exa" in line]
    assert [(each["host"], each["path"]) for each in found] == [
        ("recorded.example:80", "/inner/pets/{id}")
    ]
    assert b" 404 " in asked(placed, "/none", "lost.example")
    assert b" 400 " in asked(placed, "/none", "lost.example," + "x" * 1_000)
    wait_for(lambda: placed.refusals().count("lost.example") == 2, within=2)
    lost = [json.loads(line) for line in placed.refusals().splitlines() if "lost.example" in line]
    assert [(each["path"], len(each["host"])) for each in lost] == [("/none", 12), ("/none", 255)]
