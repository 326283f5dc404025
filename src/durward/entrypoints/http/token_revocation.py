"""The revocation endpoint (RFC 7009)."""

from starlette.responses import Response
from starlette.routing import Route

from durward.core.oauth.metadata import REVOCATION_PATH
from durward.entrypoints.http.client_endpoint import client_endpoint
from durward.entrypoints.http.correction_lines import Corrections
from durward.entrypoints.http.replies import NO_STORE
from durward.services.revoke import Revoked, revoke
from durward.wiring import ControlPlane


def routes(plane: ControlPlane, corrections: Corrections) -> list[Route]:
    """200 also for an unknown token (RFC 7009 §2.2)."""

    def reply(_: Revoked) -> Response:
        return Response(headers=NO_STORE)

    endpoint = client_endpoint(
        plane, "revocation endpoint", REVOCATION_PATH, revoke, reply, corrections
    )
    return [Route(REVOCATION_PATH, endpoint, methods=["POST"])]
