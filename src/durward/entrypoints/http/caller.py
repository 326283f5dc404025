"""The caller of a request: its source, its token, and whether it is still connected."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from durward.core.edge.envoy.filters import SOURCE
from durward.core.errors import ErrorCode, ProtocolError

T = TypeVar("T")


def source_of(http: Request) -> str:
    """The source address of the request, as Envoy saw it."""
    return http.headers.get(SOURCE, "")


def bearer_token(http: Request) -> str:
    """The token of the Authorization header only (AS-78); empty if there is none, or several."""
    sent = http.headers.getlist("authorization")
    scheme, _, token = sent[0].partition(" ") if len(sent) == 1 else ("", "", "")
    return token if scheme.lower() == "bearer" else ""


def authorization_of(http: Request) -> str | None:
    """The Authorization header, which is sent once (RFC 9110 §5.3).

    Raises ProtocolError `invalid_request` for several: one may be another client's.
    """
    sent = http.headers.getlist("authorization")
    if len(sent) > 1:
        raise ProtocolError(ErrorCode.INVALID_REQUEST, "several Authorization headers")
    return sent[0] if sent else None


async def while_connected(http: Request, work: Coroutine[Any, Any, T]) -> T:
    """Await some work while the client is connected; cancel it when the client disconnects.

    The body of the request must have been read, so that the next message is the disconnect; the
    server reports it, but does not end the handler. Raises ClientDisconnect.
    """
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(http.receive())
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        gone.cancel()
