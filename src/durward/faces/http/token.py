"""The token endpoint (OAuth 2.1 draft-15 §3.2)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward.core.edge.envoy.filters import SOURCE
from durward.core.errors import ErrorCode, ProtocolError, Unavailable
from durward.core.oauth.metadata import TOKEN_PATH
from durward.faces.http.body import read_form
from durward.services.client_authentication import ClientRequest
from durward.services.token import exchange
from durward.wiring import ControlPlane

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


def routes(plane: ControlPlane) -> list[Route]:
    """POST only; the answer is never stored (RFC 6749 §5.1)."""

    async def answer_client(http: Request) -> Response:
        try:
            request = ClientRequest(http.headers.get("authorization"), await read_form(http))
            answer = await plane.use(
                lambda c, x, t: exchange(c, x, request, t), "token endpoint", source_of(http)
            )
        except ProtocolError as error:
            return refusal(error)
        except Unavailable as error:
            return unavailable(error)
        if answer.error:
            return refusal(answer.error)
        return JSONResponse(dict(answer.body or {}), headers=NO_STORE)

    return [Route(TOKEN_PATH, answer_client, methods=["POST"])]


def source_of(http: Request) -> str:
    """Where the request came from, as Envoy saw it."""
    return http.headers.get(SOURCE, "")


def unavailable(error: Unavailable) -> Response:
    """The store does not answer: nothing is given out meanwhile."""
    body = {"error": ErrorCode.TEMPORARILY_UNAVAILABLE.value}
    return JSONResponse(body, 503, {**NO_STORE, "retry-after": str(error.retry_after)})


def refusal(error: ProtocolError) -> Response:
    """An error of the token endpoint (RFC 6749 §5.2); its private side stays here."""
    body = {"error": error.code.value, "error_description": error.public}
    if error.code is ErrorCode.INVALID_CLIENT:
        return JSONResponse(body, 401, {**NO_STORE, "www-authenticate": 'Basic realm="token"'})
    return JSONResponse(body, 400, NO_STORE)
