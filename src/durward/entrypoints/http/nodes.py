"""The endpoints of the command line for nodes of the edge."""

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward.core.edge.report import (
    NodeState,
    RolloutStatus,
    is_late,
    lacks,
    reasons,
    rollout_status,
    seconds_since,
)
from durward.core.values import Instant
from durward.core.wire import JsonLike
from durward.entrypoints.http.admin import with_problem_documents
from durward.wiring import ControlPlane

LONGEST_WAIT_SECONDS = 20.0
HISTORY = 100


class PutBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report of a restore, with a version that the next one must exceed."""

    beyond: int = 0


def routes(plane: ControlPlane) -> list[Route]:
    """Only on the control socket, which its owner alone can open."""

    async def fleet(http: Request) -> Response:
        """The status of each node for a version and for revocations up to a sequence number.

        Waits while a node in contact is behind. The defaults are the newest ones when the request
        began.
        """
        version = int(http.query_params.get("version", "0"))
        revocations = int(http.query_params.get("revocations", "-1"))
        wait = min(float(http.query_params.get("wait", "0")), LONGEST_WAIT_SECONDS)
        deadline = asyncio.get_running_loop().time() + wait
        while True:
            found = await plane.fleet.load()
            version, now = version or found.version, plane.now()
            revocations = found.revocations if revocations < 0 else revocations
            listed = [
                render_node(node, version, revocations, found.lacking_since.get(node.id), now)
                for node in found.nodes
            ]
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0 or not any(node["standing"] == RolloutStatus.BEHIND for node in listed):
                break
            await plane.publication.wait_for_news(min(left, 0.5))  # other replicas get reports too
        return JSONResponse(
            {
                "version": version,
                "revocations": revocations,
                "database": found.deployment.database,
                "epoch": found.deployment.epoch,
                "published_seconds_ago": seconds_since(found.published_at, now),
                "log": await plane.upkeep.log_notes(),
                "mail": await plane.upkeep.mail_notes(),
                "unsettled": msgspec.to_builtins(list(await plane.people.unsettled())),
                "nodes": listed,
            }
        )

    async def history(http: Request) -> Response:
        found = await plane.fleet.history(http.path_params["node"], HISTORY)
        return JSONResponse(
            {
                "reports": [
                    {"at": at, "version": version, "reasons": dict(reasons(report))}
                    for at, version, report in found
                ]
            }
        )

    async def forget(http: Request) -> Response:
        await plane.fleet.forget(http.path_params["node"])
        return JSONResponse({})

    async def restored(http: Request) -> Response:
        asked = msgspec.json.decode(await http.body(), type=PutBack)
        epoch, version = await plane.administration.restored(asked.beyond)
        return JSONResponse({"epoch": epoch, "version": version})

    return [
        Route("/admin/v1/nodes", with_problem_documents(fleet)),
        Route("/admin/v1/nodes/{node}/history", with_problem_documents(history)),
        Route("/admin/v1/nodes/{node}/forget", with_problem_documents(forget), methods=["POST"]),
        Route("/admin/v1/restored", with_problem_documents(restored), methods=["POST"]),
    ]


def render_node(
    node: NodeState, version: int, revocations: int, since: Instant | None, now: Instant
) -> dict[str, JsonLike]:
    """A node as JSON. It is late if it has lacked something of the newest for too long."""
    report, stands = node.report, rollout_status(node, version, revocations, now)
    found: dict[str, JsonLike] = {
        "id": node.id,
        "standing": stands.value,
        "late": is_late(stands, since, now),
        "version": node.version,
        "lacks": lacks(node, version, revocations),
        "heard_seconds_ago": seconds_since(node.heard_at, now),
    }
    if report is not None:
        found |= {
            "durward": report.durward,
            "kept": report.kept,
            "parts": report.parts,
            "reasons": dict(reasons(report)),
            "revocations": report.revocations,
            "push_seconds": report.push_seconds,
            "spool_bytes": report.spool_bytes,
            "disk_free_bytes": report.disk_free_bytes,
            "troubles": list(report.troubles),
            "warnings": list(report.warnings),
        }
    return found
