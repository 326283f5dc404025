"""Rate limits of a source: a budget for each class of endpoints, checked before the store is used.

Whole offices and mobile networks share an address, so budgets are generous: they limit the load of
one source, not a person. Guesses at accounts and secrets have their own limits
(`core/authn/throttle.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from durward.core.authn.budget import Buckets, Budget
from durward.core.authn.network_prefix import counted_source
from durward.core.authzen import pdp_metadata as authzen
from durward.core.errors import ErrorCode
from durward.core.oauth.metadata import (
    ACCOUNT_PATH,
    AUTHORIZATION_PATH,
    DOCUMENTS,
    INTERACTION_PATH,
    LOGOUT_PATH,
    PAR_PATH,
    PASSWORD_PATH,
    RECOVERY_PATH,
    RESET_PATH,
    REVOCATION_PATH,
    TOKEN_PATH,
    USERINFO_PATH,
)
from durward.core.values import Instant, Seconds
from durward.entrypoints.http.caller import source_of
from durward.entrypoints.http.replies import NO_STORE

TOO_MANY = 429


def document() -> Response:
    """The refusal for programs, in the format of OAuth (RFC 6749 §5.2, RFC 6585 §4)."""
    told = "too many requests came from your network"
    body = {"error": ErrorCode.TEMPORARILY_UNAVAILABLE.value, "error_description": told}
    return JSONResponse(body, TOO_MANY, NO_STORE)


@dataclass(frozen=True)
class PathClass:
    """Endpoints that share a budget."""

    name: str
    paths: frozenset[str]
    budget: Budget
    for_people: bool = False
    """Whether a refusal is a page."""


BUDGETS: tuple[PathClass, ...] = (
    # Each may leave a row: an office of 300 that arrives at once, then ten people a second.
    PathClass(
        "sign-in",
        frozenset({AUTHORIZATION_PATH, ACCOUNT_PATH, RECOVERY_PATH}),
        Budget(300, 10),
        for_people=True,
    ),
    # A sign-in takes three of these, and a password costs a verification at most.
    PathClass(
        "pages",
        frozenset({INTERACTION_PATH, LOGOUT_PATH, PASSWORD_PATH, RESET_PATH}),
        Budget(900, 30),
        for_people=True,
    ),
    # All servers behind one gateway, each with its people's refreshes; the store does some
    # hundreds of transactions a second.
    PathClass("token", frozenset({TOKEN_PATH, REVOCATION_PATH}), Budget(1_000, 100)),
    # As many as tokens, which follow them; each leaves a row for half an hour.
    PathClass("pushed requests", frozenset({PAR_PATH}), Budget(1_000, 100)),
    PathClass("userinfo", frozenset({USERINFO_PATH}), Budget(1_000, 100)),
    # A gateway asks for every request that it lets through.
    PathClass(
        "decisions",
        frozenset(
            {
                authzen.EVALUATION_PATH,
                authzen.EVALUATIONS_PATH,
                authzen.SUBJECT_PATH,
                authzen.RESOURCE_PATH,
                authzen.ACTION_PATH,
            }
        ),
        Budget(2_000, 1_000),
    ),
)

UNBOUNDED = frozenset({*DOCUMENTS, *authzen.DOCUMENTS})
"""Documents in memory: they do not use the store."""


class Budgeted:
    """An application whose endpoints have budgets."""

    def __init__(
        self,
        app: ASGIApp,
        now: Callable[[], Instant],
        count_refused: Callable[[str, str], None],
        page: Callable[[Seconds], Response],
    ) -> None:
        self._app = app
        self._now = now
        self._count_refused = count_refused
        self._page = page
        self._by_path: Mapping[str, tuple[PathClass, Buckets]] = {
            path: (one, buckets)
            for one, buckets in ((one, Buckets(one.budget)) for one in BUDGETS)
            for path in one.paths
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 429 if the budget is used up, without any other work."""
        known = self._by_path.get(scope["path"]) if scope["type"] == "http" else None
        if known is not None:
            endpoint, buckets = known
            source = counted_source(source_of(Request(scope)))
            if wait := buckets.take(source, self._now()):
                self._count_refused(endpoint.name, source)
                refusal = self._page(wait) if endpoint.for_people else document()
                refusal.headers["retry-after"] = str(wait)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
