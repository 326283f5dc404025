"""The body of a request: of the media type that an endpoint accepts, and bounded."""

from starlette.requests import Request

from durward.core.errors import ErrorCode, Misconfigured, ProtocolError
from durward.core.oauth.form import MAX_FORM_BYTES

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


async def read_body(http: Request, content_type: str, limit_bytes: int) -> bytes:
    """The body, of this media type. Raises ProtocolError `invalid_request`."""
    if http.headers.get("content-type", "").partition(";")[0].strip().lower() != content_type:
        raise ProtocolError(ErrorCode.INVALID_REQUEST, f"the content type is not {content_type}")
    body = await _bounded(http, limit_bytes)
    if body is None:
        raise ProtocolError(ErrorCode.INVALID_REQUEST, "the body is too large")
    return body


async def read_part(http: Request, limit_bytes: int) -> bytes:
    """The body that a node sent, of any media type. Raises Misconfigured."""
    body = await _bounded(http, limit_bytes)
    if body is None:
        raise Misconfigured("body", f"larger than {limit_bytes} bytes")
    return body


async def _bounded(http: Request, limit_bytes: int) -> bytes | None:
    """The body; None if it is larger than the limit, without reading on."""
    chunks, size = [], 0
    async for chunk in http.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit_bytes:
            return None
    return b"".join(chunks)


async def read_form(http: Request) -> bytes:
    """The body of a form. Raises ProtocolError `invalid_request`."""
    return await read_body(http, FORM, MAX_FORM_BYTES)
