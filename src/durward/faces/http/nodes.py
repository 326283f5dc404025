"""The nodes of the edge, as the command line asks for them."""

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward.core.edge.report import (
    BEHIND_AFTER,
    NodeState,
    Standing,
    reasons,
    seconds_since,
    standing,
)
from durward.core.values import Instant
from durward.core.wire import JsonLike
from durward.faces.http.admin import told
from durward.wiring import ControlPlane

LONGEST_WAIT_SECONDS = 20.0
HISTORY = 100


class PutBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator knows of what nodes had: a version that the next one must be beyond."""

    beyond: int = 0


def routes(plane: ControlPlane) -> list[Route]:
    """Only on the control socket, which its owner alone can open."""

    async def fleet(http: Request) -> Response:
        """How each node stands to a version; waits while one that is in contact is behind it."""
        version = int(http.query_params.get("version", "0"))
        wait = min(float(http.query_params.get("wait", "0")), LONGEST_WAIT_SECONDS)
        deadline = asyncio.get_running_loop().time() + wait
        while True:
            found = await plane.fleet()
            asked, now = version or found.version, plane.now()
            listed = [shown(node, asked, now) for node in found.nodes]
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0 or not any(node["standing"] == Standing.BEHIND for node in listed):
                break
            await plane.wait_for_nodes(min(left, 0.5))  # other replicas hear of nodes too
        age = seconds_since(found.published_at, now)
        return JSONResponse(
            {
                "version": asked,
                "database": found.deployment.database,
                "epoch": found.deployment.epoch,
                "published_seconds_ago": age,
                "settled": age > BEHIND_AFTER,
                "nodes": listed,
            }
        )

    async def history(http: Request) -> Response:
        found = await plane.node_history(http.path_params["node"], HISTORY)
        return JSONResponse(
            {
                "reports": [
                    {"at": at, "version": version, "reasons": dict(reasons(report))}
                    for at, version, report in found
                ]
            }
        )

    async def forget(http: Request) -> Response:
        await plane.forget_node(http.path_params["node"])
        return JSONResponse({})

    async def restored(http: Request) -> Response:
        asked = msgspec.json.decode(await http.body(), type=PutBack)
        epoch, version = await plane.restored(asked.beyond)
        return JSONResponse({"epoch": epoch, "version": version})

    return [
        Route("/admin/v1/nodes", told(fleet)),
        Route("/admin/v1/nodes/{node}/history", told(history)),
        Route("/admin/v1/nodes/{node}/forget", told(forget), methods=["POST"]),
        Route("/admin/v1/restored", told(restored), methods=["POST"]),
    ]


def shown(node: NodeState, version: int, now: Instant) -> dict[str, JsonLike]:
    """A node as it is told."""
    report = node.report
    found: dict[str, JsonLike] = {
        "id": node.id,
        "standing": standing(node, version, now).value,
        "version": node.version,
        "heard_seconds_ago": seconds_since(node.heard_at, now),
    }
    if report is not None:
        found |= {
            "durward": report.durward,
            "parts": report.parts,
            "reasons": dict(reasons(report)),
            "revocations": report.revocations,
            "push_seconds": report.push_seconds,
            "spool_bytes": report.spool_bytes,
            "disk_free_bytes": report.disk_free_bytes,
            "troubles": list(report.troubles),
        }
    return found
