"""Import of people over the admin API: idempotent batches, each all or nothing."""

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward.core.people.import_line import ImportLine
from durward.entrypoints.http.admin import with_problem_documents
from durward.entrypoints.http.body import read_part
from durward.services.people_import import check_import, import_people
from durward.wiring import ControlPlane

MAX_BATCH_BYTES = 4 << 20


class ImportBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines of an import; `tenant` is the default of lines without one."""

    people: tuple[ImportLine, ...]
    tenant: str = ""
    dry_run: bool = False


def routes(plane: ControlPlane) -> list[Route]:
    """Only on the control socket, which its owner alone can open."""

    async def add(http: Request) -> Response:
        body = await read_part(http, MAX_BATCH_BYTES)
        batch = msgspec.json.decode(body, type=ImportBatch)
        use = check_import if batch.dry_run else import_people
        report = await use(plane.use_cases, batch.people, batch.tenant)
        if report.kinds - plane.publication.kinds:  # decoys use these kinds too
            await plane.publication.count_hashes()
        return JSONResponse(
            {
                "added": report.added,
                "existing": report.existing,
                "problems": msgspec.to_builtins(report.problems),
            }
        )

    return [Route("/admin/v1/people/import", with_problem_documents(add), methods=["POST"])]
