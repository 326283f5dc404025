"""A small HTTP/1.1 server for our own processes on Unix sockets.

Its only peers are Envoy and our agent: framing is httptools', routes are a function, bodies are
small. It costs a third of what a full server costs per request, and a decision point answers
nothing but requests of that kind.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import cast

from httptools import HttpParserError, HttpRequestParser

from durward.core.errors import Misconfigured

MAX_BODY_BYTES = 1_048_576
Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Call:
    """A request that arrived whole. Header names are lower case; the last of a name counts."""

    method: str
    target: str
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

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
        """Keep the way to answer."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is of a class of its own

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever asked is gone; an answer under way is of no use."""
        del exc
        self._transport = None
        if self._pending:
            self._pending.cancel()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what it cannot read closes the connection."""
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
        """The request is whole: answer it."""
        method = self._parser.get_method().decode("ascii")
        call = Call(method, self._target.decode("latin-1"), self._headers, self._body)
        self._begin()
        if self._pending:  # a peer that pipelines waits its turn
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
        finally:
            self._pending = None

    def _answer(self, reply: Reply) -> None:
        if self._transport:
            self._transport.write(reply.to_wire())


async def listen(path: Path, handler: Handler) -> asyncio.Server:
    """Serve on a Unix socket of mode 0600, in place of a stale one. Raises Misconfigured."""
    before = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        return await loop.create_unix_server(lambda: Connection(handler), str(path), backlog=1024)
    except OSError as error:
        hint = "a runtime folder has a short path and is its owner's"
        raise Misconfigured(str(path), f"no socket can be there: {error}", hint=hint) from error
    finally:
        os.umask(before)
