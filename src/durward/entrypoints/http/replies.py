"""Replies that endpoints of the authorization server share."""

from starlette.responses import JSONResponse, Response

from durward.core.errors import ErrorCode, ProtocolError, Unavailable
from durward.entrypoints.http.failures import come_back

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


def unavailable(error: Unavailable) -> Response:
    """The response while the store is away: no token is given."""
    body = {"error": ErrorCode.TEMPORARILY_UNAVAILABLE.value}
    return come_back(JSONResponse(body, 503, NO_STORE), error)


def refusal(error: ProtocolError) -> Response:
    """An error of the token endpoint (RFC 6749 §5.2), without its private part."""
    body = {"error": error.code.value, "error_description": error.public}
    if error.code is ErrorCode.INVALID_CLIENT:
        return JSONResponse(body, 401, {**NO_STORE, "www-authenticate": 'Basic realm="token"'})
    too_many = error.code is ErrorCode.TEMPORARILY_UNAVAILABLE  # RFC 6585 §4
    return JSONResponse(body, 429 if too_many else 400, NO_STORE)
