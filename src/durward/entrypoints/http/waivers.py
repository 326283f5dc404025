"""The waivers as they stand today, and the metadata of a client, for the command line."""

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward.core.oauth.client_metadata import client_metadata
from durward.core.oauth.waiver_status import waiver_statuses
from durward.core.values import ClientId
from durward.entrypoints.http.admin import problem, with_problem_documents
from durward.wiring import ControlPlane


def routes(plane: ControlPlane) -> list[Route]:
    """Only on the control socket, which its owner alone can open."""

    async def waivers(_: Request) -> Response:
        context = plane.use_cases.context()
        found = waiver_statuses(context.published.configuration, context.profile, plane.now())
        return JSONResponse({"waivers": msgspec.to_builtins(list(found))})

    async def metadata(http: Request) -> Response:
        """What holds for one client now."""
        context, id = plane.use_cases.context(), ClientId(http.path_params["client"])
        configuration = context.published.configuration
        client = configuration.clients.get(id)
        if client is None:
            return problem(404, f"clients/{id}: is not declared", "durward export")
        found = client_metadata(
            configuration, id, client, context.profile, plane.now(), pushes=context.pushes
        )
        return JSONResponse(found)

    return [
        Route("/admin/v1/waivers", with_problem_documents(waivers)),
        Route("/admin/v1/clients/{client}", with_problem_documents(metadata)),
    ]
