"""The token endpoint (OAuth 2.1 draft-15 §3.2)."""

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward.core.oauth.metadata import TOKEN_PATH
from durward.entrypoints.http.client_endpoint import client_endpoint
from durward.entrypoints.http.correction_lines import Corrections
from durward.entrypoints.http.replies import NO_STORE
from durward.services.token import TokenAnswer, exchange
from durward.wiring import ControlPlane


def routes(plane: ControlPlane, corrections: Corrections) -> list[Route]:
    """POST only; the response is never stored (RFC 6749 §5.1)."""

    def reply(answer: TokenAnswer) -> Response:
        return JSONResponse(dict(answer.body or {}), headers=NO_STORE)

    endpoint = client_endpoint(plane, "token endpoint", TOKEN_PATH, exchange, reply, corrections)
    return [Route(TOKEN_PATH, endpoint, methods=["POST"])]
