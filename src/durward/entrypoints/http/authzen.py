"""Decisions over HTTP (AuthZEN Authorization API 1.0 §10), a protected resource (RFC 6750)."""

import re
from collections.abc import Awaitable, Callable
from functools import partial

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward import __version__
from durward.core.audit.event import AuditContext, AuditEvent
from durward.core.authzen import pdp_metadata
from durward.core.authzen.api_description import openapi_document
from durward.core.authzen.requests import MAX_BODY_BYTES
from durward.core.edge.envoy.client_headers import REQUEST_ID_OF_CLIENT
from durward.core.errors import ErrorCode, ProtocolError, Unavailable
from durward.core.oauth import protected_resource
from durward.entrypoints.http.body import JSON, read_body
from durward.entrypoints.http.caller import bearer_token, source_of
from durward.entrypoints.http.metadata import CACHED
from durward.entrypoints.http.replies import NO_STORE, unavailable
from durward.services.authzen import Answer, AuthzenService
from durward.services.context import Context
from durward.wiring import ControlPlane

REQUEST_ID = "x-request-id"
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,200}\Z")
DECISION_HEADER = "durward-decision"
Ask = Callable[[AuthzenService, bytes], Answer]
ENDPOINTS: dict[str, Ask] = {
    pdp_metadata.EVALUATION_PATH: AuthzenService.evaluate,
    pdp_metadata.EVALUATIONS_PATH: AuthzenService.evaluate_many,
    pdp_metadata.SUBJECT_PATH: AuthzenService.search_subjects,
    pdp_metadata.RESOURCE_PATH: AuthzenService.search_resources,
    pdp_metadata.ACTION_PATH: AuthzenService.search_actions,
}


def routes(plane: ControlPlane) -> list[Route]:
    """The endpoints, their metadata and their OpenAPI document."""
    resource = plane.issuer + pdp_metadata.ACCESS_PATH

    async def configuration(_: Request) -> Response:
        return JSONResponse(pdp_metadata.metadata(plane.issuer), headers=CACHED)

    async def resource_metadata(_: Request) -> Response:
        document = protected_resource.metadata(resource, plane.issuer, ())
        return JSONResponse(document, headers=CACHED)

    async def openapi(_: Request) -> Response:
        return JSONResponse(openapi_document(plane.issuer, __version__), headers=CACHED)

    return [
        Route(pdp_metadata.CONFIGURATION_PATH, configuration),
        Route(pdp_metadata.RESOURCE_METADATA_PATH, resource_metadata),
        Route(pdp_metadata.OPENAPI_PATH, openapi),
        *(Route(path, endpoint(plane, ask), methods=["POST"]) for path, ask in ENDPOINTS.items()),
    ]


def endpoint(plane: ControlPlane, ask: Ask) -> Callable[[Request], Awaitable[Response]]:
    """One endpoint: a denial has status 200, a malformed request 400."""
    challenge = f'Bearer resource_metadata="{plane.issuer}{pdp_metadata.RESOURCE_METADATA_PATH}"'

    async def answer(http: Request) -> Response:
        token = bearer_token(http)
        if not token:
            return uncached_response({"error": "an access token is needed"}, 401, challenge)
        try:
            body = await read_body(http, JSON, MAX_BODY_BYTES)
            answered, events, decisions = await plane.use_cases.read(
                partial(asked, ask, token.strip(), body), "decision endpoint", source_of(http)
            )
            await plane.transactions.record(events)
        except ProtocolError as error:
            if error.code is ErrorCode.INVALID_TOKEN:
                return uncached_response(
                    {"error": error.public}, 401, f'{challenge}, error="{error.code}"'
                )
            return uncached_response({"error": error.public}, 400)
        except Unavailable as error:
            return unavailable(error)
        reply = uncached_response(answered, 200)
        if decisions:
            reply.headers[DECISION_HEADER] = ", ".join(decisions)
        return reply

    async def with_request_id(http: Request) -> Response:
        """Repeat the caller's request id in the response (§10.1.3)."""
        reply = await answer(http)
        id = http.headers.get(REQUEST_ID_OF_CLIENT, "")
        if _PRINTABLE.match(id):
            reply.headers[REQUEST_ID] = id
        return reply

    return with_request_id


def asked(
    ask: Ask,
    token: str,
    body: bytes,
    connection: Connection,
    context: Context,
    audit: AuditContext,
) -> tuple[Answer, list[AuditEvent], list[str]]:
    """The response, the events to record before it is sent, and the ids of decisions."""
    service = AuthzenService(connection, context, token, audit)
    return ask(service, body), service.events, service.decisions


def uncached_response(body: Answer, status: int, challenge: str = "") -> Response:
    """A response that must not be cached."""
    headers = {**NO_STORE, "www-authenticate": challenge} if challenge else NO_STORE
    return JSONResponse(body, status, headers)
