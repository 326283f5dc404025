"""What the edges follow: the signed snapshot, by long poll, and where they send their events."""

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward.core.audit.event import AuditEvent
from durward.wiring import ControlPlane

WAIT_SECONDS = 20.0


def routes(plane: ControlPlane) -> list[Route]:
    """`after` is the version that the edge has; 204 says that there is none newer yet."""

    async def snapshot(http: Request) -> Response:
        text = http.query_params.get("after", "0")
        if not (text.isascii() and text.isdigit()):
            return JSONResponse({"title": "`after` is a number"}, 400)
        wait = 0 if http.query_params.get("wait") == "no" else WAIT_SECONDS
        signed = await plane.snapshot_after(int(text), wait)
        if signed is None:
            return Response(status_code=204)
        return Response(signed, media_type="application/jose")

    async def revocations(http: Request) -> Response:
        text = http.query_params.get("after", "0")
        if not (text.isascii() and text.isdigit()):
            return JSONResponse({"title": "`after` is a number"}, 400)
        wait = WAIT_SECONDS if http.query_params.get("wait") == "yes" else 0
        feed = await plane.revocations_after(int(text), wait)
        told = {"sequence": feed.sequence, "entries": feed.entries, "canaries": plane.canaries()}
        return Response(msgspec.json.encode(told), media_type="application/json")

    async def events(http: Request) -> Response:
        try:
            listed = msgspec.json.decode(await http.body(), type=list[AuditEvent])
        except msgspec.DecodeError as error:
            return JSONResponse({"title": str(error)}, 400)
        return JSONResponse({"taken": await plane.ingest(listed)})

    return [
        Route("/edge/v1/snapshot", snapshot),
        Route("/edge/v1/revocations", revocations),
        Route("/edge/v1/events", events, methods=["POST"]),
    ]
