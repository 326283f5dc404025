"""HTTP over a Unix socket, by the streams of asyncio.

The client's usual backend, anyio (4.16, `_backends/_asyncio.py`), waits for such a socket by a
future that the event loop completes even if it was cancelled in the same turn: the log then gets a
traceback (InvalidStateError) where a wait ends at the wrong moment. asyncio itself asks first.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpcore2  # a part of httpx2
import httpx2

DROPPED = "is_readable"
"""What the pool asks before it uses a connection again: whether the peer has ended it."""


class SocketTransport(httpx2.AsyncHTTPTransport):
    """A transport to one Unix socket."""

    def __init__(self, socket: Path | str) -> None:
        # A context for TLS, of which there is none here, costs more than a whole call.
        super().__init__(uds=str(socket), verify=False)
        self._pool = httpcore2.AsyncConnectionPool(uds=str(socket), network_backend=_Sockets())


class _Sockets(httpcore2.AsyncNetworkBackend):
    """Connections to Unix sockets."""

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore2.AsyncNetworkStream:
        with _told_as(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            async with asyncio.timeout(timeout):
                return _Stream(*await asyncio.open_unix_connection(path))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Stream(httpcore2.AsyncNetworkStream):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        with _told_as(httpcore2.ReadTimeout, httpcore2.ReadError):
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        with _told_as(httpcore2.WriteTimeout, httpcore2.WriteError):
            async with asyncio.timeout(timeout):
                self._writer.write(buffer)
                await self._writer.drain()

    async def aclose(self) -> None:
        # Not by its end: a peer that does not read would be waited for.
        self._writer.transport.abort()
        with contextlib.suppress(OSError):  # the peer was faster
            await self._writer.wait_closed()

    def get_extra_info(self, info: str) -> Any:
        return self._reader.at_eof() if info == DROPPED else None


@contextlib.contextmanager
def _told_as(late: type[Exception], failed: type[Exception]) -> Iterator[None]:
    """Errors as the pool knows them."""
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise failed(str(error)) from error
