"""Which ports the demo can take, where connections were a moment ago."""

import socket
import time
from pathlib import Path

import pytest

from durward.core.errors import Misconfigured
from durward.entrypoints.demo.claim import check_ports
from durward.entrypoints.demo.instance import DemoInstance
from durward.entrypoints.ports import is_free, is_left_behind


def ended(first: socket.socket, second: socket.socket) -> None:
    """A connection that one end closed first: that end's port is in TIME-WAIT."""
    first.close()
    time.sleep(0.05)
    second.close()
    time.sleep(0.05)


def listener() -> socket.socket:
    """As Envoy and asyncio listen."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", 0))
    found.listen()
    return found


def test_a_port_where_only_ended_connections_of_a_listener_are_is_free() -> None:
    with listener() as before:
        port = before.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        ended(before.accept()[0], client)
        assert not is_free(port)
    assert is_left_behind(port)
    assert is_free(port)
    with socket.socket() as after:
        after.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        after.bind(("127.0.0.1", port))
        after.listen()


def test_a_port_that_a_client_took_for_itself_is_said_to_be_free_in_a_minute(
    tmp_path: Path,
) -> None:
    """Nobody can listen there yet: the kernel refuses Envoy too."""
    with listener() as somewhere:
        client = socket.create_connection(somewhere.getsockname())
        port = client.getsockname()[1]
        ended(client, somewhere.accept()[0])
    with pytest.raises(Misconfigured, match="in use by connections that have ended") as caught:
        check_ports(DemoInstance(tmp_path, port))
    assert "wait a minute" in caught.value.hint
