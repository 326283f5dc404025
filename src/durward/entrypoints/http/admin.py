"""The admin API, as the command line uses it: declarations and keys."""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Conflict, Misconfigured, Unavailable
from durward.core.values import ClientId, Seconds
from durward.core.wire import Json
from durward.entrypoints.http.failures import come_back
from durward.services.apply import Applied, Plan
from durward.services.keyring import RotationRequest
from durward.wiring import ControlPlane

PROBLEM = "application/problem+json"
Endpoint = Callable[[Request], Awaitable[Response]]


class DeclarationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One declaration on its way."""

    kind: DeclarationKind
    name: str
    body: dict[str, object]


class Application(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What should be: declarations, or all that was declared under a version."""

    declarations: tuple[DeclarationBody, ...] = ()
    prune: bool = False
    version: int | None = None


class RotationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the next keys sign, and how long the present ones stay; without them as safe allows."""

    ahead_seconds: int | None = None
    grace_seconds: int | None = None
    unsafe_now: bool = False
    dry_run: bool = False

    def wish(self) -> RotationRequest:
        """As the service takes it."""
        ahead = None if self.ahead_seconds is None else Seconds(self.ahead_seconds)
        grace = None if self.grace_seconds is None else Seconds(self.grace_seconds)
        return RotationRequest(ahead, grace, self.unsafe_now)


def routes(plane: ControlPlane) -> list[Route]:
    """Only on the control socket, which its owner alone can open."""
    return [*of_declarations(plane), *of_secrets(plane)]


def of_declarations(plane: ControlPlane) -> list[Route]:
    """What is declared, what should be, and what was."""

    async def plan(http: Request) -> Response:
        wanted = msgspec.json.decode(await http.body(), type=Application)
        planned = await plane.administration.plan(
            declarations_of_application(wanted), prune=wanted.prune, version=wanted.version
        )
        return JSONResponse({**changed(planned), "secrets": planned.secrets})

    async def apply(http: Request) -> Response:
        wanted = msgspec.json.decode(await http.body(), type=Application)
        applied = await plane.administration.apply(
            declarations_of_application(wanted), prune=wanted.prune, version=wanted.version
        )
        return JSONResponse(
            {
                "version": applied.version,
                **changed(applied),
                "secrets": {client: secret.reveal() for client, secret in applied.secrets},
            },
            headers={"cache-control": "no-store"},
        )

    async def export(_: Request) -> Response:
        found: dict[str, dict[str, Json]] = {}
        for one in await plane.administration.export():
            found.setdefault(one.kind.value, {})[one.name] = dict(one.body)
        return JSONResponse(found)

    async def history(_: Request) -> Response:
        versions, changes = await plane.administration.history()
        of: dict[int, list[dict[str, str]]] = {one.version: [] for one in versions}
        for one in changes:
            of[one.version].append({"step": one.step, "kind": one.kind.value, "name": one.name})
        listed = [{**msgspec.to_builtins(one), "changes": of[one.version]} for one in versions]
        return JSONResponse({"versions": listed})

    return [
        Route("/admin/v1/plan", with_problem_documents(plan), methods=["POST"]),
        Route("/admin/v1/apply", with_problem_documents(apply), methods=["POST"]),
        Route("/admin/v1/declarations", with_problem_documents(export)),
        Route("/admin/v1/history", with_problem_documents(history)),
    ]


def of_secrets(plane: ControlPlane) -> list[Route]:
    """What clients prove themselves with, and the keys that sign."""

    async def secret(http: Request) -> Response:
        fresh = await plane.administration.new_client_secret(ClientId(http.path_params["client"]))
        return JSONResponse({"secret": fresh.reveal()}, headers={"cache-control": "no-store"})

    async def keys(_: Request) -> Response:
        return JSONResponse({"keys": plane.administration.keys()})

    async def rotate(http: Request) -> Response:
        body = msgspec.json.decode(await http.body(), type=RotationBody)
        wish = body.wish()
        if body.dry_run:
            done, version = plane.administration.plan_rotation(wish), plane.published.version
        else:
            done, version = await plane.administration.rotate_keys(wish)
        return JSONResponse(
            {"signs_from": done.signs_from, "retired_at": done.retired_at, "version": version}
        )

    return [
        Route(
            "/admin/v1/clients/{client}/secret", with_problem_documents(secret), methods=["POST"]
        ),
        Route("/admin/v1/keys", with_problem_documents(keys)),
        Route("/admin/v1/keys/rotate", with_problem_documents(rotate), methods=["POST"]),
    ]


def declarations_of_application(wanted: Application) -> list[Declaration]:
    """Declarations as the core knows them. Raises Misconfigured beside a version."""
    if wanted.version is not None and wanted.declarations:
        raise Misconfigured("version", "declarations are given too; send one of the two")
    return [
        Declaration(found.kind, found.name, msgspec.to_builtins(found.body))
        for found in wanted.declarations
    ]


def changed(done: Plan | Applied) -> dict[str, object]:
    """What changes, as it is sent: each step, what changes within it, what APIs come to."""
    return {"changes": msgspec.to_builtins(done.changes), **msgspec.to_builtins(done.report)}


def with_problem_documents(endpoint: Endpoint) -> Endpoint:
    """Errors as problem documents (RFC 9457)."""

    async def respond(http: Request) -> Response:
        try:
            return await endpoint(http)
        except Misconfigured as error:
            return problem(422, f"{error.path}: {error.problem}", error.hint)
        except (msgspec.DecodeError, ValueError) as error:
            return problem(400, str(error))
        except Conflict as error:
            return problem(409, str(error), error.hint)
        except Unavailable as error:
            if error.unsettled:  # who asks again at once may do it twice
                return problem(503, str(error), error.hint, unsettled=True)
            return come_back(problem(503, str(error), error.hint), error)

    return respond


def problem(status: int, title: str, hint: str = "", **more: object) -> Response:
    """A problem document; whoever reads it may see everything."""
    body = {"type": "about:blank", "title": title, "status": status, "hint": hint, **more}
    return JSONResponse(body, status, media_type=PROBLEM)
