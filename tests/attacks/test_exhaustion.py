"""Resources of the edge, used up by one client (OWASP API4:2023, CWE-770)."""

import contextlib
import socket

from tests.live import LiveEdge, live_edge

LIMIT = 5


def is_closed_at_once(connection: socket.socket) -> bool:
    connection.settimeout(1)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def test_connections_beyond_the_limit_are_closed_and_those_before_it_still_served() -> None:
    with (
        live_edge(f"[edge.limits]\nconnections = {LIMIT}\n") as edge,
        contextlib.ExitStack() as held,
    ):
        first = [open_to(edge, held) for _ in range(LIMIT)]
        assert is_closed_at_once(open_to(edge, held))
        first[0].sendall(b"GET /elsewhere HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b" 404 " in first[0].recv(4096)


def test_a_client_that_sends_its_headers_slowly_is_cut_off() -> None:
    with live_edge("[edge.limits]\nheaders_seconds = 1\n") as edge, contextlib.ExitStack() as held:
        connection = open_to(edge, held)
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n")
        connection.settimeout(5)
        assert b" 408 " in connection.recv(4096)


def open_to(edge: LiveEdge, held: contextlib.ExitStack) -> socket.socket:
    return held.enter_context(socket.create_connection(("127.0.0.1", edge.port), timeout=5))
