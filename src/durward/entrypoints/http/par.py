"""The pushed authorization request endpoint (RFC 9126 §2)."""

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward.core.oauth.metadata import PAR_PATH
from durward.entrypoints.http.client_endpoint import client_endpoint
from durward.entrypoints.http.correction_lines import Corrections
from durward.entrypoints.http.replies import NO_STORE
from durward.services.authorization_requests import Pushed, push
from durward.wiring import ControlPlane

CREATED = 201


def routes(plane: ControlPlane, corrections: Corrections) -> list[Route]:
    """POST only; 405 for any other method (RFC 9126 §2.3)."""

    def reply(done: Pushed) -> Response:
        body = {"request_uri": done.request_uri, "expires_in": done.lifetime}
        return JSONResponse(body, CREATED, NO_STORE)

    endpoint = client_endpoint(plane, "pushed requests", PAR_PATH, push, reply, corrections)
    return [Route(PAR_PATH, endpoint, methods=["POST"])]
