"""The page of the control plane tells every endpoint, what is sent there and what is answered."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from tests.issuer import Issuer
from tests.issuer import issuer as fresh_issuer

from durward.core.edge.report import NodeReport
from durward.entrypoints.http.admin import Application, DeclarationBody, RotationBody
from durward.entrypoints.http.groups import GroupBody
from durward.entrypoints.http.people import EmailBody, PersonBody
from durward.entrypoints.http.people_import import ImportBatch
from durward.entrypoints.server import control, public
from durward.settings import MailSettings

pytestmark = pytest.mark.anyio
PAGE = Path(__file__).parents[2] / "docs" / "control-plane.md"
ENDPOINT = re.compile(r"^\| `([A-Z, ]+) (/\S*)` \|(.*)\|$", re.MULTILINE)
NAME = re.compile(r"`(\w+)`")
INNER = re.compile(r"`(\w+)`:?[^`(]* \(([^)]*)\)")

BODIES: dict[tuple[str, str], type[msgspec.Struct]] = {
    ("POST", "/admin/v1/plan"): Application,
    ("POST", "/admin/v1/apply"): Application,
    ("POST", "/admin/v1/keys/rotate"): RotationBody,
    ("POST", "/admin/v1/people"): PersonBody,
    ("PUT", "/admin/v1/people/{person}"): PersonBody,
    ("PUT", "/admin/v1/groups/{group}"): GroupBody,
    ("POST", "/admin/v1/people/import"): ImportBatch,
}
PARTS: dict[str, type[msgspec.Struct]] = {"declarations": DeclarationBody, "emails": EmailBody}
PERSON = {"tenant": "acme", "logins": ["cleo"], "emails": [{"address": "cleo@acme.example"}]}
CHANGED = {"tenant": "acme", "grants": ["client_credentials"], "apis": ["orders"], "scopes": []}
OTHER = {
    "audience": "https://other.example",
    "upstream": "unix:/nowhere.sock",
    "openapi": {"openapi": "3.1.0", "paths": {"/other": {"get": {}}}},
}
WAIVER = {
    "client": "desk",
    "relaxes": "pkce",
    "owner": "web team",
    "reason": "its library has no PKCE",
    "until": "2027-03-31",
}
WANTED = {
    "declarations": [
        {"kind": "apis", "name": "other", "body": OTHER},
        {"kind": "clients", "name": "reporting", "body": CHANGED},
        {"kind": "clients", "name": "fresh", "body": CHANGED},
        {"kind": "waivers", "name": "desk-pkce", "body": WAIVER},
    ]
}
SENT: dict[str, object] = {
    "/admin/v1/plan": WANTED,
    "/admin/v1/apply": WANTED,
    "/admin/v1/keys/rotate": {"dry_run": True},
    "/admin/v1/people": PERSON,
    "/admin/v1/people/{person}": PERSON,
    "/admin/v1/people/import": {"people": [{"login": "eve"}], "dry_run": True},
    "/edge/v1/events": [],
    "/edge/v1/join": {"place": "elsewhere"},
    "/edge/v1/reports": {"node": "edge-1", "place": "here", "durward": "0"},
}


@pytest.fixture
async def issuer(tmp_path: Path) -> AsyncIterator[Issuer]:
    """An authorization server that sends mails: what needs them is answered too."""
    settings = MailSettings(sender="accounts@issuer.example", folder=str(tmp_path))
    async with fresh_issuer(mail=settings) as running:
        yield running


def told() -> dict[tuple[str, str], tuple[str, str]]:
    """What the page says is sent and answered, by method and path."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for methods, path, cells in ENDPOINT.findall(PAGE.read_text()):
        *sent, answered = cells.split("|")
        found |= {(method, path): ("".join(sent), answered) for method in methods.split(", ")}
    return found


def served(app: Starlette) -> Iterator[tuple[str, str]]:
    for route in app.routes:
        assert isinstance(route, Route)
        path = route.path.replace(":path}", "}")
        yield from ((method, path) for method in (route.methods or set()) - {"HEAD"})


def names(cell: str) -> set[str]:
    """What a cell names, without what it names within that."""
    return set(NAME.findall(re.sub(r"\([^)]*\)", "", cell)))


async def test_every_endpoint_is_told_and_no_other(issuer: Issuer) -> None:
    apps = public(issuer.plane), control(issuer.plane)
    assert sorted(told()) == sorted(found for app in apps for found in served(app))


def test_every_field_of_a_body_is_told() -> None:
    for (method, path), body in BODIES.items():
        sent, _ = told()[method, path]
        assert names(sent) == set(body.__struct_fields__), path
        for name, inner in INNER.findall(sent):
            assert names(inner) == set(PARTS[name].__struct_fields__), path


async def test_every_parameter_that_is_told_is_read(issuer: Issuer) -> None:
    async with reached(issuer) as http:
        for (method, path), (sent, _) in told().items():
            for name in names(sent) if method == "GET" else ():
                reply = await http.get(path, params={name: "no number\x00"})
                assert reply.status_code == 400, (path, name)


async def test_what_is_answered_is_told_and_nothing_else(issuer: Issuer) -> None:
    await issuer.plane.fleet.join("edge-1", "here")
    await issuer.plane.fleet.receive_report(
        NodeReport(node="edge-1", place="here", durward="0", closed={"keys": "x"})
    )
    async with reached(issuer) as http:
        for (method, path), (_, answered) in told().items():
            if not (wanted := names(answered)):
                continue
            event = await newest_event(issuer)
            named = {"person": "cleo", "group": "night", "client": "desk", "node": "edge-1"}
            where = path.format(id=event, **named)
            reply = await http.request(method, where, json=SENT.get(path, {}))
            assert reply.status_code in {200, 201}, reply.text
            found = reply.json()
            assert set(found) == wanted, path
            for name, inner in INNER.findall(answered):
                each = found[name].values() if isinstance(found[name], dict) else found[name]
                assert each, f"{path}: nothing in `{name}`"
                assert all(set(one) == names(inner) for one in each), (path, name)
            if "details" in found:
                lines = [line for one in found["details"] for line in one["lines"]]
                assert set(lines[0]) == {"sign", "place", "text", "widens"}
                assert all(f"`{name}`" in PAGE.read_text() for name in lines[0])


async def newest_event(issuer: Issuer) -> str:
    await issuer.plane.upkeep.sequence()
    newest: dict[str, Any] = msgspec.json.decode((await issuer.plane.log.newest(1))[0][1])
    return str(newest["id"])


def reached(issuer: Issuer) -> httpx2.AsyncClient:
    """What an operator reaches."""
    transport = httpx2.ASGITransport(app=control(issuer.plane))
    return httpx2.AsyncClient(transport=transport, base_url="http://durward")
