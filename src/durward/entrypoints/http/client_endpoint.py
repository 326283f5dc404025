"""Endpoints with client authentication: from a form to an outcome or an error."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from durward.core.audit.event import AuditContext
from durward.core.errors import ProtocolError, Unavailable
from durward.core.values import ClientId
from durward.entrypoints.http.body import read_form
from durward.entrypoints.http.caller import authorization_of, source_of
from durward.entrypoints.http.correction_lines import Corrections
from durward.entrypoints.http.replies import refusal, unavailable
from durward.services.client_authentication import ClientRequest
from durward.services.context import Context
from durward.wiring import ControlPlane


class Outcome(Protocol):
    """The outcome of a use case; an error is a value, so that its events are committed."""

    @property
    def error(self) -> ProtocolError | None:
        """The error for the client, if any."""

    @property
    def client(self) -> ClientId | None:
        """The client that it is about, where it is a declared one."""


T = TypeVar("T", bound=Outcome)
UseCase = Callable[[Connection, Context, ClientRequest, AuditContext], T]


def client_endpoint(
    plane: ControlPlane,
    name: str,
    path: str,
    use_case: UseCase[T],
    reply: Callable[[T], Response],
    corrections: Corrections,
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint at a path, of this name in the log."""

    async def answer(http: Request) -> Response:
        try:
            request = ClientRequest(authorization_of(http), await read_form(http))
            done = await plane.use_cases.write(
                lambda c, x, t: use_case(c, x, request, t), name, source_of(http)
            )
        except ProtocolError as error:
            return refusal(error)
        except Unavailable as error:
            return unavailable(error)
        if done.error is None:
            return reply(done)
        corrections.report(path, done.error, done.client)
        return refusal(done.error)

    return answer
