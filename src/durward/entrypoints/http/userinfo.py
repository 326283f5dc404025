"""The userinfo endpoint (OIDC Core §5.3), a protected resource (RFC 6750)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward.core.errors import ErrorCode, ProtocolError, Unavailable
from durward.core.oauth.metadata import USERINFO_PATH
from durward.entrypoints.http.caller import bearer_token, source_of
from durward.entrypoints.http.replies import NO_STORE, unavailable
from durward.services.userinfo import load_claims
from durward.wiring import ControlPlane


def routes(plane: ControlPlane) -> list[Route]:
    """The token is read from the Authorization header only (AS-78)."""

    async def userinfo(http: Request) -> Response:
        token = bearer_token(http)
        if not token:
            return JSONResponse({}, 401, {**NO_STORE, "www-authenticate": "Bearer"})
        try:
            claims = await plane.use_cases.read(
                lambda c, x, t: load_claims(c, x, token, t), "userinfo endpoint", source_of(http)
            )
        except ProtocolError as error:
            status = 403 if error.code is ErrorCode.INSUFFICIENT_SCOPE else 401
            code = error.code if status != 401 else ErrorCode.INVALID_TOKEN  # noqa: PLR2004
            challenge = f'Bearer error="{code}", error_description="{error.public}"'
            return JSONResponse({}, status, {**NO_STORE, "www-authenticate": challenge})
        except Unavailable as error:
            return unavailable(error)
        return JSONResponse(dict(claims), headers=NO_STORE)

    return [Route(USERINFO_PATH, userinfo, methods=["GET", "POST"])]
