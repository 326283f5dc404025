"""The revocation endpoint (RFC 7009)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durward.core.errors import ProtocolError, Unavailable
from durward.core.oauth.metadata import REVOCATION_PATH
from durward.faces.http.body import read_form
from durward.faces.http.token import NO_STORE, refusal, source_of, unavailable
from durward.services.client_authentication import ClientRequest
from durward.services.revoke import revoke
from durward.wiring import ControlPlane


def routes(plane: ControlPlane) -> list[Route]:
    """200 also for a token that is not known (RFC 7009 §2.2)."""

    async def take_back(http: Request) -> Response:
        try:
            request = ClientRequest(http.headers.get("authorization"), await read_form(http))
            done = await plane.use(
                lambda c, x, t: revoke(c, x, request, t), "revocation endpoint", source_of(http)
            )
        except ProtocolError as error:
            return refusal(error)
        except Unavailable as error:
            return unavailable(error)
        return refusal(done.error) if done.error else Response(headers=NO_STORE)

    return [Route(REVOCATION_PATH, take_back, methods=["POST"])]
