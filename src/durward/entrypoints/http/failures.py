"""Unexpected failures of endpoints: a client disconnected, a bug, the database is away."""

import traceback
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from durward.core.authn.budget import Buckets, Budget
from durward.core.errors import Unavailable
from durward.core.values import Instant
from durward.entropy import new_id

PRINTED = Budget(burst=1, per_second=1)
"""Tracebacks have some kilobytes each: a bug in every request must not fill a disk or hide another
one."""


class Incidents:
    """Bugs that requests meet: each gets an id for the client, and one a second is printed."""

    def __init__(self, now: Callable[[], Instant], report: Callable[[str], None]) -> None:
        self._now = now
        self._report = report
        self._room = Buckets(PRINTED, names=1)
        self._silent = 0

    def record(self, error: Exception) -> str:
        """Print the error, or count it for the next one printed; return its id."""
        incident = new_id("x")
        if self._room.take("", self._now()):
            self._silent += 1
            return incident
        text = "".join(traceback.format_exception(error))
        more = f" ({self._silent} more since the one before, not printed)" if self._silent else ""
        self._silent = 0
        self._report(f"incident {incident}{more}: {text}")
        return incident


async def hung_up(_: Request, __: Exception) -> Response:
    """The response after a disconnect, which no client reads; it is not an error."""
    return Response(status_code=400)


GONE = {ClientDisconnect: hung_up}
"""For every application: an endpoint that waits for the rest of a body ends quietly."""


def come_back(answer: Response, error: Unavailable) -> Response:
    """A 503 with Retry-After (RFC 9110 §10.2.3)."""
    answer.headers["retry-after"] = str(error.retry_after)
    return answer


def not_now(error: Unavailable) -> Response:
    """A 503 with the reason and what to do, for edges, operators and supervisors."""
    told = f"{error}; {error.hint}" if error.hint else str(error)
    return come_back(PlainTextResponse(told, 503), error)
