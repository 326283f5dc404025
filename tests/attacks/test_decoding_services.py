"""Services that decode a path before they route: what the edge allowed is what they do.

The service is a real one on Starlette, whose routes are regular expressions that end in `$`.
"""

import contextlib
import threading
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.live import ISSUER, LiveEdge, live_edge, wait_for

from durward.core.configuration.configuration import read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.edge.snapshot import Snapshot
from durward.core.wire import Json

pytestmark = pytest.mark.requirement("API8-2")

SECRETS = ["/n/users/@me", "/n/users/admin:*", "/n/users/café*", "/n/users/*secret plan*"]
POLICY: dict[str, Json] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": ["n:GetUser", "n:GetFile"]},
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "*",
            "Condition": {"StringLike": {"durward:RequestPath": list[Json](SECRETS)}},
        },
    ],
}
PATHS: dict[str, Json] = {
    "/users/export": {"get": {"operationId": "Export", "security": [{"o": []}]}},
    "/users/{id}": {"get": {"operationId": "GetUser"}},
    "/files/{id}.json": {"get": {"operationId": "Json", "security": [{"o": []}]}},
    "/files/{id}": {"get": {"operationId": "GetFile"}},
}
DOCUMENT: dict[str, Json] = {
    "openapi": "3.1.0",
    "security": [],
    "components": {"securitySchemes": {"o": {"type": "oauth2", "flows": {}}}},
    "paths": PATHS,
}


async def told(request: Request) -> PlainTextResponse:
    """The name of the route that was taken."""
    return PlainTextResponse(request.scope["route"].name)


@contextlib.contextmanager
def service(path: str) -> Iterator[None]:
    routes = [
        Route(template, told, name=str(item["get"]["operationId"]))
        for template, item in PATHS.items()
        if isinstance(item, dict) and isinstance(item["get"], dict)
    ]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), uds=path, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def edge() -> Iterator[LiveEdge]:
    with live_edge() as running, service(f"{running.folder}/n.sock"):
        body: dict[str, Json] = {
            "audience": f"{running.base}/n",
            "upstream": f"unix:{running.folder}/n.sock",
            "prefix": "/n",
            "openapi": DOCUMENT,
            "policies": ["some"],
        }
        found = read_configuration(
            [
                Declaration(DeclarationKind.POLICY, "some", POLICY),
                Declaration(DeclarationKind.API, "n", body),
            ]
        )
        keys = running.snapshot(1).keys
        snapshot = Snapshot(2, ISSUER, keys, tuple(found.apis.values()), found.bundle)
        assert running.publish(snapshot).status_code == 200
        yield running


def test_the_routes_are_those_of_the_document(edge: LiveEdge) -> None:
    assert edge.get("/n/users/7").text == "GetUser"
    assert edge.get("/n/files/7").text == "GetFile"
    assert edge.get("/n/users/a%20b%C3%A9").text == "GetUser"
    assert edge.get("/n/users/export").status_code == 401
    assert edge.get("/n/files/7.json").status_code == 401


@pytest.mark.parametrize(
    "end",
    ["%0A", "%0a", "%0D", "%0D%0A", "%00", "%09", "%7F", "%C2%85", "%E2%80%A8", "%E2%80%A9"],
)
@pytest.mark.parametrize("path", ["/n/users/export", "/n/files/x.json"])
def test_no_control_character_leads_to_another_operation(
    edge: LiveEdge, path: str, end: str
) -> None:
    reply = edge.get(path + end)
    assert reply.status_code in {400, 403, 404}
    assert reply.text not in {"Export", "Json"}


@pytest.mark.parametrize("value", ["@me", "admin:1", "café", "a secret plan"])
def test_a_deny_of_a_path_holds_however_it_is_spelled(edge: LiveEdge, value: str) -> None:
    everything = "".join(f"%{byte:02x}" for byte in value.encode())
    for spelled in {quote(value, safe=""), quote(value, safe="@:"), everything, everything.upper()}:
        assert edge.get(f"/n/users/{spelled}").status_code == 403, spelled
