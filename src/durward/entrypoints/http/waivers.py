"""The waivers, as they stand today, for the command line."""

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward.core.oauth.waiver_status import waiver_statuses
from durward.entrypoints.http.admin import with_problem_documents
from durward.wiring import ControlPlane


def routes(plane: ControlPlane) -> list[Route]:
    """Only on the control socket, which its owner alone can open."""

    async def waivers(_: Request) -> Response:
        context = plane.use_cases.context()
        found = waiver_statuses(context.published.configuration, context.profile, plane.now())
        return JSONResponse({"waivers": msgspec.to_builtins(list(found))})

    return [Route("/admin/v1/waivers", with_problem_documents(waivers))]
