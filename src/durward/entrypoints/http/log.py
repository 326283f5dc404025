"""The audit log, as operators and auditors read it."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from durward.entrypoints.http.admin import problem, with_problem_documents
from durward.wiring import ControlPlane

USUAL_LEAVES = 100
MAX_LEAVES = 1000


def routes(plane: ControlPlane) -> list[Route]:
    """Only on the control socket, which its owner alone can open."""

    async def log(http: Request) -> Response:
        asked = {name: http.query_params.get(name, "") for name in ("start", "limit", "last")}
        if not all(text.isascii() and text.isdigit() for text in asked.values() if text):
            return problem(400, "`start`, `limit` and `last` are numbers")
        if asked["last"]:
            leaves = await plane.log.newest(min(int(asked["last"]), MAX_LEAVES))
        else:
            limit = min(int(asked["limit"] or USUAL_LEAVES), MAX_LEAVES)
            leaves = await plane.log.leaves(int(asked["start"] or 0), limit)
        events = [
            {"index": index, "event": body.decode(errors="backslashreplace")}
            for index, body in leaves
        ]
        return JSONResponse({"events": events})

    async def checkpoint(_: Request) -> Response:
        found = await plane.log.checkpoint()
        return PlainTextResponse(found[1]) if found else Response(status_code=404)

    async def event(http: Request) -> Response:
        found = await plane.log.event(http.path_params["id"])
        if found is None:
            return problem(404, "no such event")
        return Response(found.to_wire(), media_type="application/json")

    return [
        Route("/admin/v1/log", with_problem_documents(log)),
        Route("/admin/v1/log/checkpoint", with_problem_documents(checkpoint)),
        Route("/admin/v1/events/{id}", with_problem_documents(event)),
    ]
