"""A small HTTP/1.1 server for our own processes on Unix sockets.

Its only peers are Envoy and our agent: httptools parses, one function routes, bodies are small. A
request costs a third of that with a full server, and a decision point has no other requests.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import cast

from httptools import HttpParserError, HttpRequestParser

from durward.core.errors import Misconfigured

MAX_BODY_BYTES = 1_048_576
BACKLOG = 1_024
PAUSE_SECONDS = 0.1
Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Call:
    """A complete request. Header names are lower case; the last of a name counts."""

    method: str
    target: str
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A response."""

    status: int
    headers: Headers = field(default_factory=dict)
    body: bytes = b""

    def to_wire(self) -> bytes:
        """The bytes that are sent (RFC 9112 §4)."""
        lines = [f"HTTP/1.1 {self.status} {PHRASES.get(self.status, '')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"content-length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("utf-8", "replace") + self.body


PHRASES = {int(status): status.phrase for status in HTTPStatus}
Handler = Callable[[Call], "Reply | Awaitable[Reply]"]


class Connection(asyncio.Protocol):
    """One connection; requests on it are answered in their order."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._parser = HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._pending: asyncio.Task[None] | None = None
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: Headers = {}
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for responses."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is of a class of its own

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the response: the client is gone."""
        del exc
        self._transport = None
        if self._pending:
            self._pending.cancel()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; malformed data closes the connection."""
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self._answer(Reply(400))
            if self._transport:
                self._transport.close()

    def on_url(self, url: bytes) -> None:
        """Part of the request's target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field."""
        self._headers[name.decode("latin-1").lower()] = value.decode("utf-8", "surrogateescape")

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._body += body
        if len(self._body) > MAX_BODY_BYTES and self._transport:
            self._transport.close()

    def on_message_complete(self) -> None:
        """Answer the complete request."""
        method = self._parser.get_method().decode("ascii")
        call = Call(method, self._target.decode("latin-1"), self._headers, self._body)
        self._begin()
        if self._pending:  # a pipelined request waits for its turn
            self._pending = asyncio.ensure_future(self._after(self._pending, call))
            return
        reply = self._handler(call)
        if isinstance(reply, Reply):
            self._answer(reply)
        else:
            self._pending = asyncio.ensure_future(self._finish(reply))

    async def _after(self, earlier: asyncio.Task[None], call: Call) -> None:
        await earlier
        reply = self._handler(call)
        self._answer(reply if isinstance(reply, Reply) else await reply)

    async def _finish(self, reply: Awaitable[Reply]) -> None:
        try:
            self._answer(await reply)
        except Exception:  # a bug of ours: close at once, without a response
            if self._transport:
                self._transport.close()
            raise
        finally:
            self._pending = None

    def _answer(self, reply: Reply) -> None:
        if self._transport:
            self._transport.write(reply.to_wire())


class Acceptor:
    """A socket that accepts all waiting connections at once.

    The loop's own server accepts one in each turn, so that others wait during a long turn.
    """

    def __init__(self, listening: socket.socket, handler: Handler) -> None:
        self._socket = listening
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._arriving: set[asyncio.Task[object]] = set()
        self._resume()

    def close(self) -> None:
        """Accept no more connections; existing ones go on."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:  # else it was closed meanwhile
            self._loop.add_reader(self._socket.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(BACKLOG):
            try:
                peer, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor is left: open connections go on
                self._loop.remove_reader(self._socket.fileno())
                self._loop.call_later(PAUSE_SECONDS, self._resume)
                return
            peer.setblocking(False)
            arriving = self._loop.create_task(
                self._loop.connect_accepted_socket(lambda: Connection(self._handler), peer)
            )
            self._arriving.add(arriving)
            arriving.add_done_callback(self._arriving.discard)


async def listen(path: Path, handler: Handler) -> Acceptor:
    """Serve on a Unix socket of mode 0600, in place of a stale one. Raises Misconfigured."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)
        listening.bind(str(path))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        hint = "choose a runtime folder with a short path that this account may write"
        raise Misconfigured(str(path), f"the socket cannot be made: {error}", hint=hint) from error
    finally:
        os.umask(before)
    return Acceptor(listening, handler)
