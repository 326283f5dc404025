"""The endpoints for edges: lists of parts, parts, revocations, events, reports (ADR 22)."""

import re
from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from durward.core.audit.event import AuditEvent
from durward.core.configuration.api import check_resource
from durward.core.edge.report import NodeReport
from durward.core.errors import Conflict, Misconfigured
from durward.core.sizes import PUBLISHED_BYTES
from durward.entrypoints.http.body import read_part
from durward.wiring import ControlPlane

WAIT_SECONDS = 20.0
DIGEST = re.compile(r"[0-9a-f]{64}")
Endpoint = Callable[[Request], Awaitable[Response]]


class Joining(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request of a node for its id."""

    place: str
    wish: str | None = None


class Leaving(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sign-off of a node that stops."""

    node: str
    place: str


def routes(plane: ControlPlane) -> list[Route]:
    """The routes; `after` is the version that the edge has, 204 says that there is no newer one."""

    async def snapshot(http: Request) -> Response:
        after = number(http, "after")
        signed = await plane.publication.newer(after, digest(http), waiting(http))
        if signed is None:
            return Response(status_code=204)
        return Response(signed, media_type="application/jose")

    async def parts(http: Request) -> Response:
        wanted = msgspec.json.decode(await http.body(), type=list[str])
        found = await plane.fleet.parts(wanted)
        texts = {digest: body.decode() for digest, body in found.items()}
        return Response(msgspec.json.encode(texts), media_type="application/json")

    async def ahead(http: Request) -> Response:
        await plane.fleet.overtake((await http.body()).decode("ascii"))
        return JSONResponse({})

    async def revocations(http: Request) -> Response:
        after, at = number(http, "after"), number(http, "at")
        feed = await plane.fleet.revocations_after(after, at, waiting(http))
        listing = {
            "sequence": feed.sequence,
            "at": feed.at,
            "entries": feed.entries,
        }
        return Response(msgspec.json.encode(listing), media_type="application/json")

    async def canaries(http: Request) -> Response:
        return JSONResponse(plane.fleet.canaries(audience(http)))

    async def events(http: Request) -> Response:
        listed = msgspec.json.decode(await http.body(), type=list[AuditEvent])
        ingested = await plane.fleet.ingest(listed)
        lacking = sorted(ingested.lacking)
        return JSONResponse({"taken": ingested.taken, "lacking": lacking})

    async def policies(http: Request) -> Response:
        await plane.fleet.keep_policies(await read_part(http, PUBLISHED_BYTES))
        return JSONResponse({})

    async def reports(http: Request) -> Response:
        heard = await plane.fleet.receive_report(
            msgspec.json.decode(await http.body(), type=NodeReport)
        )
        return JSONResponse({"known": heard.known, "is_ahead": heard.is_ahead})

    return [
        Route("/edge/v1/snapshot", with_agent_errors(snapshot)),
        Route("/edge/v1/parts", with_agent_errors(parts), methods=["POST"]),
        Route("/edge/v1/ahead", with_agent_errors(ahead), methods=["POST"]),
        Route("/edge/v1/revocations", with_agent_errors(revocations)),
        Route("/edge/v1/canaries", with_agent_errors(canaries)),
        Route("/edge/v1/events", with_agent_errors(events), methods=["POST"]),
        Route("/edge/v1/policies", with_agent_errors(policies), methods=["POST"]),
        Route("/edge/v1/reports", with_agent_errors(reports), methods=["POST"]),
        *of_membership(plane),
    ]


def of_membership(plane: ControlPlane) -> list[Route]:
    """The routes for joining and leaving."""

    async def join(http: Request) -> Response:
        asked = msgspec.json.decode(await http.body(), type=Joining)
        return JSONResponse({"id": await plane.fleet.join(asked.wish, asked.place)})

    async def leave(http: Request) -> Response:
        asked = msgspec.json.decode(await http.body(), type=Leaving)
        await plane.fleet.leave(asked.node, asked.place)
        return JSONResponse({})

    return [
        Route("/edge/v1/join", with_agent_errors(join), methods=["POST"]),
        Route("/edge/v1/leave", with_agent_errors(leave), methods=["POST"]),
    ]


def number(http: Request, name: str) -> int:
    """A number of the query; 0 if it is absent. Raises ValueError."""
    text = http.query_params.get(name, "0")
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"`{name}` must be a number")
    return int(text)


def digest(http: Request) -> str:
    """The digest of the edge's list; empty if it has none. Raises ValueError."""
    text = http.query_params.get("list", "")
    if text and not DIGEST.fullmatch(text):
        raise ValueError("`list` must be a SHA-256 in hexadecimal")
    return text


def audience(http: Request) -> str:
    """The audience of the requested tokens. Raises ValueError."""
    text = http.query_params.get("audience", "")
    try:
        check_resource(text)
    except Misconfigured as error:
        raise ValueError(str(error)) from error
    return text


def waiting(http: Request) -> float:
    """The seconds to wait for news."""
    return 0 if http.query_params.get("wait") == "no" else WAIT_SECONDS


def with_agent_errors(endpoint: Endpoint) -> Endpoint:
    """Errors in the form that the agent of a node passes on."""

    async def respond(http: Request) -> Response:
        try:
            return await endpoint(http)
        except Misconfigured as error:
            return PlainTextResponse(str(error), 422)
        except Conflict as error:
            return PlainTextResponse(str(error), 409)
        except (msgspec.DecodeError, ValueError) as error:
            return PlainTextResponse(str(error), 400)

    return respond
