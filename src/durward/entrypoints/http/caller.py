"""The caller of a request: its source, its token, and whether it is still connected."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from durward.core.edge.envoy.filters import SOURCE

T = TypeVar("T")


def source_of(http: Request) -> str:
    """The source address of the request, as Envoy saw it."""
    return http.headers.get(SOURCE, "")


def bearer_token(http: Request) -> str:
    """The token of the Authorization header only (AS-78); empty if there is none."""
    scheme, _, token = http.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


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
