"""An edge that is asked to end finishes what is under way, and waits for nothing else."""

import socket
import time

import pytest
from tests.live import live_edge

ORDER = b'{"item": "anvil", "quantity": 1}'
PATIENT_SECONDS = 30


@pytest.mark.alone
def test_requests_under_way_are_finished_and_then_it_ends_at_once() -> None:
    with live_edge(f"drain_seconds = {PATIENT_SECONDS}") as edge:
        head = (
            f"POST /v1/acme/orders HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {edge.token()}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(ORDER)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", edge.port), timeout=10) as connection:
            connection.sendall(head.encode() + ORDER[:5])
            time.sleep(0.3)
            edge.agent.terminate()
            time.sleep(1)
            assert edge.agent.poll() is None
            connection.sendall(ORDER[5:])
            assert connection.recv(65_536).startswith(b"HTTP/1.1 201")
            finished = time.monotonic()
            edge.agent.wait(PATIENT_SECONDS)
            assert time.monotonic() - finished < PATIENT_SECONDS / 3
