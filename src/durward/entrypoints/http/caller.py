"""Who calls: from where, by which token, and whether they still wait."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from durward.core.edge.envoy.filters import SOURCE

T = TypeVar("T")


def source_of(http: Request) -> str:
    """Where the request came from, as Envoy saw it."""
    return http.headers.get(SOURCE, "")


def bearer_token(http: Request) -> str:
    """The token of the Authorization header alone (AS-78); empty where there is none."""
    scheme, _, token = http.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


async def while_connected(http: Request, work: Coroutine[Any, Any, T]) -> T:
    """Await some work for as long as the client waits for it: then cancel it.

    The body of the request must have been read: what comes next is that the client went away, and
    the server tells it to whoever asks, but ends no handler by itself.
    Raises ClientDisconnect, which nobody reads an answer to.
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
