"""The public documents of the authorization server: metadata (RFC 8414), keys (RFC 7517)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward.core.oauth.metadata import DISCOVERY_PATH, JWKS_PATH, METADATA_PATH, server_metadata
from durward.wiring import ControlPlane

ANY_ORIGIN = {"access-control-allow-origin": "*"}
CACHED = {"cache-control": "public, max-age=60", **ANY_ORIGIN}


def routes(plane: ControlPlane) -> list[Route]:
    """Both documents are public and may be read by any origin."""

    async def metadata(_: Request) -> Response:
        pushes = plane.settings.require_pushed_authorization_requests
        apis = plane.published.configuration.apis.values()
        scopes = {scope for api in apis for scope in api.scopes}
        return JSONResponse(server_metadata(plane.issuer, scopes, pushes=pushes), headers=CACHED)

    async def jwks(_: Request) -> Response:
        kept = {"cache-control": f"public, max-age={plane.keys.kept}", **ANY_ORIGIN}
        return JSONResponse({"keys": plane.keys.public()}, headers=kept)

    return [
        Route(METADATA_PATH, metadata),
        Route(DISCOVERY_PATH, metadata),
        Route(JWKS_PATH, jwks),
    ]
