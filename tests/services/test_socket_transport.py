"""Requests over a Unix socket, which may be given up at any moment."""

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from durward.entrypoints.socket_transport import SocketTransport

pytestmark = pytest.mark.anyio
RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture
def listening() -> Iterator[tuple[Path, socket.socket]]:
    with tempfile.TemporaryDirectory(prefix="dw-") as folder, socket.socket(socket.AF_UNIX) as here:
        path = Path(folder) / "x.sock"
        here.bind(str(path))
        here.listen(1)
        yield path, here


def client(path: Path) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=SocketTransport(path), base_url="http://durward", timeout=2, trust_env=False
    )


async def accepted(here: socket.socket) -> socket.socket:
    peer, _ = await asyncio.to_thread(here.accept)
    await asyncio.to_thread(peer.recv, 10_000)
    return peer


async def test_a_wait_that_is_given_up_when_the_answer_comes_leaves_no_traceback(
    listening: tuple[Path, socket.socket],
) -> None:
    """The loop finds the socket readable in the very turn in which the wait is cancelled."""
    path, here = listening
    loop, wrong = asyncio.get_running_loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: wrong.append(context))
    async with client(path) as http:
        asking = asyncio.create_task(http.get("/"))
        with await accepted(here) as peer:
            await asyncio.sleep(0.02)
            peer.sendall(RESPONSE)
            loop.call_soon(asking.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            await asyncio.sleep(0.02)
    assert wrong == []


async def test_an_answer_comes_whole_and_its_connection_is_used_again(
    listening: tuple[Path, socket.socket],
) -> None:
    path, here = listening
    async with client(path) as http:
        asking = asyncio.create_task(http.get("/"))
        with await accepted(here) as peer:
            peer.sendall(RESPONSE[:20])
            await asyncio.sleep(0.01)
            peer.sendall(RESPONSE[20:])
            assert (await asking).text == "ok"
            again = asyncio.create_task(http.get("/"))
            await asyncio.to_thread(peer.recv, 10_000)
            peer.sendall(RESPONSE)
            assert (await again).text == "ok"
        await asyncio.sleep(0.01)
        # That connection has ended: the next request takes another.
        anew = asyncio.create_task(http.get("/"))
        with await accepted(here) as peer:
            peer.sendall(RESPONSE)
            assert (await anew).text == "ok"


@pytest.mark.parametrize(
    ("spoiled", "error"),
    [
        ("silent", httpx2.ReadTimeout),
        ("ends", httpx2.TransportError),
        ("nobody", httpx2.ConnectError),
        ("no such file", httpx2.ConnectError),
    ],
)
async def test_what_goes_wrong_is_an_error_of_the_client(
    listening: tuple[Path, socket.socket], spoiled: str, error: type[Exception]
) -> None:
    path, here = listening
    if spoiled == "nobody":
        here.close()
    elif spoiled == "no such file":
        path = path.with_name("y.sock")
    async with client(path) as http:
        asking = asyncio.create_task(http.get("/", timeout=0.05 if spoiled == "silent" else 2))
        if spoiled == "ends":
            (await accepted(here)).close()
        with pytest.raises(error):
            await asking


async def test_a_peer_that_does_not_read_is_let_go(listening: tuple[Path, socket.socket]) -> None:
    path, _ = listening
    async with asyncio.timeout(5), client(path) as http:
        with pytest.raises(httpx2.WriteTimeout):
            await http.post("/", content=bytes(20_000_000), timeout=0.3)
