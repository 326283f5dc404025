"""People in the admin API: page, search, add, change, delete, a new password.

The entity tag of a person (RFC 9110 §8.8.3) is the revision of the attributes that PUT replaces.
"""

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Final

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from durward.core.configuration.declaration import NAME, Names, Text
from durward.core.people.person import ID, Email, Entitlements, Person, text_problems
from durward.core.values import UserId
from durward.core.wire import Json
from durward.entrypoints.http.admin import problem, with_problem_documents
from durward.entrypoints.http.body import read_part
from durward.services.passwords import no_such_person
from durward.services.people_administration import Outdated, PeopleQuery, SavedPerson
from durward.wiring import ControlPlane

MAX_BODY_BYTES: Final = 524_288
"""Far more than the attributes of one person take."""
TAG: Final = re.compile(r'"([0-9]{1,18})"')
ONE: Final = "/admin/v1/people/{person:path}"
"""A login name may have a `/`."""
BOOLEANS: Final = {"true": True, "false": False}


class EmailBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An e-mail address in a request."""

    address: Text
    verified: bool = False


class PersonBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person in a request; a missing member is empty."""

    tenant: Text
    id: Text = ""
    logins: Names = ()
    emails: tuple[EmailBody, ...] = ()
    name: Text = ""
    locale: Text = ""
    roles: Names = ()
    groups: Names = ()
    policies: Names = ()
    boundary: Names = ()
    disabled: bool = False

    def person(self) -> Person:
        """The person that the services take."""
        return Person(
            id=UserId(self.id),
            entitlements=Entitlements.of(
                self.tenant, self.roles, self.groups, self.policies, self.boundary
            ),
            logins=self.logins,
            emails=tuple(Email(each.address, each.verified) for each in self.emails),
            name=self.name,
            locale=self.locale,
            disabled=self.disabled,
        )


def routes(plane: ControlPlane) -> list[Route]:
    """Only on the control socket, which its owner alone can open."""
    return [*of_all(plane), *of_one(plane), replacing(plane)]


def of_all(plane: ControlPlane) -> list[Route]:
    """Pages of people, and the addition of one."""

    async def page(http: Request) -> Response:
        found = await plane.people.page(query_of(http.query_params))
        listed = [render_person(one, password=one.id in found.passwords) for one in found.people]
        return JSONResponse(
            {"people": listed, "next": None if found.is_last else found.people[-1].id}
        )

    async def add(http: Request) -> Response:
        return answered(await plane.people.add((await read_person(http)).person()))

    return [
        Route("/admin/v1/people", with_problem_documents(page)),
        Route("/admin/v1/people", with_problem_documents(add), methods=["POST"]),
    ]


def of_one(plane: ControlPlane) -> list[Route]:
    """One person, by id, login name or verified address."""

    async def show(http: Request) -> Response:
        found = await plane.people.show(name := http.path_params["person"])
        if found is None:
            return nobody(name)
        body = render_person(found.person, password=found.password)
        return JSONResponse(body, headers=tagged(found.person.revision))

    async def delete(http: Request) -> Response:
        name = http.path_params["person"]
        done = await plane.people.delete(name, revisions_of(http))
        if isinstance(done, Outdated):
            return outdated(name, done.revision)
        if done is None:
            return nobody(name)
        return JSONResponse({"changed": done.changed, "revoked": done.changed})

    async def password(http: Request) -> Response:
        name = http.path_params["person"]
        if await plane.people.show(name) is None:  # no hash is derived for nobody
            return nobody(name)
        fresh = await plane.people.new_password(name)
        return JSONResponse({"password": fresh.reveal()}, headers={"cache-control": "no-store"})

    async def invite(http: Request) -> Response:
        made = await plane.people.invite(name := http.path_params["person"])
        if made is None:
            return nobody(name)
        return JSONResponse({"address": made.address, "expires_at": made.expires_at})

    return [
        Route(f"{ONE}/invitation", with_problem_documents(invite), methods=["POST"]),
        Route(f"{ONE}/password", with_problem_documents(password), methods=["POST"]),
        Route(ONE, with_problem_documents(show)),
        Route(ONE, with_problem_documents(delete), methods=["DELETE"]),
    ]


def replacing(plane: ControlPlane) -> Route:
    """Replace a person; with `If-None-Match: *` add one with a chosen id."""

    async def put(http: Request) -> Response:
        name, wanted = http.path_params["person"], (await read_person(http)).person()
        if http.headers.get("if-none-match", "").strip() == "*":
            return await add(name, wanted)
        saved = await plane.people.change(name, wanted, revisions_of(http))
        if isinstance(saved, Outdated):
            return outdated(name, saved.revision)
        return answered(saved) if saved else nobody(name)

    async def add(name: str, wanted: Person) -> Response:
        if there := await plane.people.show(name):
            return outdated(name, there.person.revision)
        if wanted.id not in ("", name):
            return problem(422, f"people/{name}: the body has another id")
        return answered(await plane.people.add(replace(wanted, id=UserId(name))))

    return Route(ONE, with_problem_documents(put), methods=["PUT"])


def query_of(sent: QueryParams) -> PeopleQuery:
    """The query of a page. Raises ValueError."""
    after, tenant, group = sent.get("after", ""), sent.get("tenant"), sent.get("group")
    if after and not ID.match(after):
        raise ValueError("after: not an id")
    if tenant is not None and not NAME.match(tenant):
        raise ValueError("tenant: not a name")
    search, disabled = sent.get("search"), sent.get("disabled")
    for what, text in (("group", group), ("search", search)):
        if text is not None and (not text or any(text_problems(what, text))):
            raise ValueError(f"{what}: not a valid name")
    if disabled is not None and disabled not in BOOLEANS:
        raise ValueError("disabled: `true` or `false`")
    return PeopleQuery(
        after=after,
        limit=int(sent.get("limit", "100")),
        tenant=tenant,
        group=group,
        search=search,
        disabled=None if disabled is None else BOOLEANS[disabled],
    )


async def read_person(http: Request) -> PersonBody:
    """The body of a request. Raises Misconfigured, DecodeError."""
    return msgspec.json.decode(await read_part(http, MAX_BODY_BYTES), type=PersonBody)


def revisions_of(http: Request) -> Collection[int] | None:
    """The revisions that `If-Match` allows (RFC 9110 §13.1.1); None for any.

    Weak and unknown tags match no revision.
    """
    sent = http.headers.get("if-match")
    if sent is None or sent.strip() == "*":
        return None
    found = (TAG.fullmatch(each.strip()) for each in sent.split(","))
    return {int(each[1]) for each in found if each}


def answered(saved: SavedPerson) -> Response:
    """The person after a change, and what changed."""
    body = {
        "person": render_person(saved.person, password=saved.password),
        "changed": saved.changed,
        "revoked": saved.revoked,
    }
    status = 201 if saved.is_new else 200
    return JSONResponse(body, status, headers=tagged(saved.person.revision))


def render_person(person: Person, *, password: bool) -> dict[str, Json]:
    """The JSON of a person."""
    return {
        "id": person.id,
        "tenant": person.tenant,
        "logins": list(person.logins),
        "emails": [{"address": each.address, "verified": each.verified} for each in person.emails],
        "name": person.name,
        "locale": person.locale,
        "roles": list(person.roles),
        "groups": list(person.groups),
        "policies": list(person.policies),
        "boundary": list(person.boundary),
        "disabled": person.disabled,
        "declared": person.declared,
        "password": password,
        "made_at": person.made_at,
        "made_by": person.made_by,
        "changed_at": person.changed_at,
        "revision": person.revision,
    }


def tagged(revision: int) -> dict[str, str]:
    """The header with the entity tag of a revision."""
    return {"etag": f'"{revision}"'}


def nobody(name: str) -> Response:
    """404: there is no such person."""
    error = no_such_person(name)
    return problem(404, str(error), error.hint)


def outdated(name: str, revision: int) -> Response:
    """412: the person was changed since it was read (RFC 9110 §15.5.13)."""
    told = f"people/{name}: changed meanwhile, to revision {revision}; nothing was changed now"
    reply = problem(412, told, "read the person again: `durward people show NAME`")
    reply.headers["etag"] = tagged(revision)["etag"]
    return reply
