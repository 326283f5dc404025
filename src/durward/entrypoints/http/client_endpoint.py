"""Endpoints with client authentication: from a form to an outcome or an error."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from durward.core.audit.event import AuditContext
from durward.core.errors import ProtocolError, Unavailable
from durward.entrypoints.http.body import read_form
from durward.entrypoints.http.caller import authorization_of, source_of
from durward.entrypoints.http.replies import refusal, unavailable
from durward.services.client_authentication import ClientRequest
from durward.services.context import Context
from durward.wiring import ControlPlane


class Outcome(Protocol):
    """The outcome of a use case; an error is a value, so that its events are committed."""

    @property
    def error(self) -> ProtocolError | None:
        """The error for the client, if any."""


T = TypeVar("T", bound=Outcome)
UseCase = Callable[[Connection, Context, ClientRequest, AuditContext], T]


def client_endpoint(
    plane: ControlPlane, name: str, use_case: UseCase[T], reply: Callable[[T], Response]
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint of this name in the log."""

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
        return refusal(done.error) if done.error else reply(done)

    return answer
