"""Groups of people in the admin API: list, add, describe, delete, members."""

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward.core.configuration.declaration import Text
from durward.core.wire import Json
from durward.entrypoints.http.admin import problem, with_problem_documents
from durward.entrypoints.http.body import read_part
from durward.entrypoints.http.people import answered, nobody
from durward.services.groups import is_name
from durward.store.groups import GroupOfPeople
from durward.wiring import ControlPlane

MAX_BODY_BYTES: Final = 4_096


class GroupBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group in a request."""

    description: Text = ""


def routes(plane: ControlPlane) -> list[Route]:
    """Only on the control socket, which its owner alone can open."""

    async def page(http: Request) -> Response:
        after, limit = http.query_params.get("after", ""), http.query_params.get("limit", "100")
        if after and not is_name(after):
            raise ValueError("after: not a name")
        found = await plane.groups.page(after, int(limit))
        is_full = len(found) == int(limit)
        return JSONResponse(
            {
                "groups": [render_group(one) for one in found],
                "next": found[-1].name if is_full else None,
            }
        )

    async def put(http: Request) -> Response:
        body = msgspec.json.decode(await read_part(http, MAX_BODY_BYTES), type=GroupBody)
        saved = await plane.groups.put(http.path_params["group"], body.description)
        found = {"group": render_group(saved.group), "changed": saved.changed}
        return JSONResponse(found, 201 if saved.is_new else 200)

    async def delete(http: Request) -> Response:
        done = await plane.groups.delete(name := http.path_params["group"])
        if done is None:
            told = f"groups/{name}: there is no such group"
            return problem(404, told, "durward groups list")
        return JSONResponse({"members": done.members})

    async def join(http: Request) -> Response:
        saved = await plane.groups.join(http.path_params["group"], http.path_params["person"])
        return answered(saved) if saved else nobody(http.path_params["person"])

    async def leave(http: Request) -> Response:
        saved = await plane.groups.leave(http.path_params["group"], http.path_params["person"])
        return answered(saved) if saved else nobody(http.path_params["person"])

    one = "/admin/v1/groups/{group:path}"  # groups of files may have a `/`
    member = f"{one}/members/{{person:path}}"
    return [
        Route("/admin/v1/groups", with_problem_documents(page)),
        Route(member, with_problem_documents(join), methods=["PUT"]),
        Route(member, with_problem_documents(leave), methods=["DELETE"]),
        Route(one, with_problem_documents(put), methods=["PUT"]),
        Route(one, with_problem_documents(delete), methods=["DELETE"]),
    ]


def render_group(group: GroupOfPeople) -> dict[str, Json]:
    """The JSON of a group."""
    return {
        "name": group.name,
        "description": group.description,
        "members": group.members,
        "made_at": group.made_at,
        "made_by": group.made_by,
    }
