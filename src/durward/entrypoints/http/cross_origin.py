"""Scripts of other origins at the endpoints for tokens (CORS; Fetch standard §3.2).

An origin is allowed if a client declares it, or has a redirect URI there. Cookies are not: nothing
that a script may call reads one.
"""

from collections.abc import Callable, Container
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from durward.core.oauth.metadata import CALLED_BY_PAGES

HEADERS: Final = "authorization, content-type"
"""The request headers that these endpoints read, beside those that need no permission."""
READABLE: Final = "www-authenticate, retry-after"
"""The response headers that a script may read, beside those that need no permission."""
REMEMBERED_SECONDS: Final = 600
"""The time that a browser may remember a permission: Chromium keeps none for longer than two hours,
and a client that is removed should be forgotten soon."""


class CrossOrigin:
    """An application whose endpoints for tokens may be called by pages of these origins."""

    def __init__(self, app: ASGIApp, origins: Callable[[], Container[str]]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer preflights without any other work, and mark responses for allowed origins."""
        methods = CALLED_BY_PAGES.get(scope["path"]) if scope["type"] == "http" else None
        if methods is None:
            await self._app(scope, receive, send)
            return
        allowed = self._allowed(Headers(scope=scope).getlist("origin"))
        if scope["method"] == "OPTIONS":
            await preflight(methods, allowed)(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Origin")
                if allowed:
                    headers["access-control-allow-origin"] = allowed
                    headers["access-control-expose-headers"] = READABLE
            await send(message)

        await self._app(scope, receive, marked)

    def _allowed(self, sent: list[str]) -> str | None:
        """The origin of the page, if it is allowed; a browser sends one."""
        return sent[0] if len(sent) == 1 and sent[0] in self._origins() else None


def preflight(methods: tuple[str, ...], allowed: str | None) -> Response:
    """The response to OPTIONS; without a permission the browser does not send the request."""
    response = Response(status_code=204, headers={"allow": ", ".join((*methods, "OPTIONS"))})
    response.headers.add_vary_header("Origin")
    if allowed:
        response.headers["access-control-allow-origin"] = allowed
        response.headers["access-control-allow-methods"] = ", ".join(methods)
        response.headers["access-control-allow-headers"] = HEADERS
        response.headers["access-control-max-age"] = str(REMEMBERED_SECONDS)
    return response
