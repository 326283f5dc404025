"""Request smuggling and floods in small: one HTTP parser, and its limits (API4, API8:2023)."""

import socket

import pytest
from tests.live import LiveEdge

pytestmark = pytest.mark.requirement("API8-2")

ORDERS = b"POST /v1/acme/orders HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"content-length: +5\r\n\r\nhello",
        b"content-length: -1\r\n\r\n",
        b"x: a\x00b\r\n\r\n",
        b"x_underscore: 1\r\n\r\n",
        b" folded: 1\r\n\r\n",
    ],
)
def test_a_request_that_two_parsers_could_read_differently_is_refused(
    edge: LiveEdge, headers: bytes
) -> None:
    answer = edge.raw(ORDERS + headers + b"GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n")
    assert answer[9:12] in {b"400", b"501"}
    assert answer.count(b"HTTP/1.1 ") == 1


def test_headers_have_a_limit(edge: LiveEdge) -> None:
    answer = edge.raw(ORDERS + b"x-large: " + b"a" * 20_000 + b"\r\n\r\n")
    assert answer[9:12] == b"431"


def test_the_number_of_headers_has_a_limit(edge: LiveEdge) -> None:
    many = b"".join(b"x-%d: 1\r\n" % number for number in range(200))
    assert edge.raw(ORDERS + many + b"\r\n")[9:12] == b"431"


def test_a_body_has_a_limit_by_its_length(edge: LiveEdge) -> None:
    token = edge.token().encode()
    head = ORDERS + b"authorization: Bearer " + token + b"\r\ncontent-length: 2000000\r\n\r\n"
    assert edge.raw(head)[9:12] == b"413"


def test_a_request_that_never_ends_its_headers_is_dropped(edge: LiveEdge) -> None:
    with socket.create_connection(("127.0.0.1", edge.port), timeout=15) as connection:
        connection.sendall(ORDERS + b"x-slow: ")
        assert connection.recv(65_536)[9:12] in {b"408", b""}
