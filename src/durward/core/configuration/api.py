"""APIs behind the edge, and what is known here of their objects."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import msgspec

from durward.core.api import METADATA, Api
from durward.core.configuration.cors import DeclaredCors, read_cors
from durward.core.configuration.declaration import (
    NAME,
    NAME_CHARACTERS,
    Body,
    DeclarationKind,
    Names,
    Text,
)
from durward.core.configuration.upstream import DeclaredUpstream, read_upstream
from durward.core.difference import excerpt
from durward.core.errors import Misconfigured
from durward.core.host import MAX_HOSTS, declared_host, host_of_url
from durward.core.openapi.faults import DocumentRefused, first_lines
from durward.core.openapi.operations import Inventory, Operation, is_object, read_inventory
from durward.core.openapi.router import Route, ambiguous_routes
from durward.core.openapi.template import path_problem, place_problem
from durward.core.policy.language.catalogue import DeclaredKey
from durward.core.policy.language.dialect import OWN
from durward.core.values import ApiId

DEFAULT_STAGE = "default"
MAX_OBJECTS = 10_000
MAX_HEADERS = 100
HEADER: Final = re.compile(r"[a-z0-9!#$%&'*+.^`|~-]{1,64}\Z")
"""A header's name (RFC 9110 §5.1), in lower case; one with `_` is refused at the edge."""
API_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
_SEGMENT = r"/[A-Za-z0-9._~!$&'()+,=:@-]+"
RESOURCE: Final = re.compile(rf"(?i:https?)://[A-Za-z0-9._:\[\]-]+((?:{_SEGMENT})*)/?")
"""A URL (RFC 3986 §2) without user, query and fragment, whose path Envoy leaves as it is."""
API_NAME_CHARACTERS: Final = "lower case letters, digits, `-`"


class DeclaredObject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known here of an object of an API, for decisions that others ask for."""

    tenant: Text
    """The tenant that it belongs to."""
    owner: Text = ""
    """The id of the user or client that owns it."""
    members: Names = ()
    """The ids of those who share it."""
    attributes: dict[Text, str | int | float | bool] = {}
    """What policies may ask of it, as `durward:ResourceAttr/NAME`."""


class ProtectedApi(Body, frozen=True):
    """An API behind the edge; `openapi` is its document."""

    REFERENCES: ClassVar[Mapping[str, DeclarationKind]] = {"policies": DeclarationKind.POLICY}

    audience: Text
    """The address under which clients reach it: the `aud` of its tokens (RFC 8707)."""
    upstream: Text | DeclaredUpstream
    """The service: `host:port`, `[v6]:port`, `unix:/path`, `http://host[:port]`,
    `https://host[:port]`, or an object."""
    openapi: dict[str, Any]
    """Its OpenAPI document: in a file the path of one, beside the file that declares it; there
    `overlays` are the paths of overlays that are applied to it first."""
    headers: Names | None = None
    """Which of a client's headers reach the service, beside those of HTTP itself."""
    hosts: Names = ()
    """The hosts by which clients reach it, without port: these serve only APIs that name them.
    Without it every host that no API names."""
    prefix: str | None = None
    """The path before the document's paths where clients ask; without it the base path."""
    base_path: str | None = None
    """The path before them at the service; without it that of the document's `servers`."""
    cors: DeclaredCors | None = None
    """Pages of other origins that may call it from a browser; absent: none."""
    stage: Text = DEFAULT_STAGE
    """Its deployment environment, a part of the names of its resources."""
    policies: Names = ()
    """Policies that are attached to it: their statements name principals."""
    keys: dict[Text, DeclaredKey] = msgspec.field(default_factory=dict)
    """The keys that its service tells the SDK, by name."""
    objects: dict[Text, DeclaredObject] = msgspec.field(default_factory=dict)
    """What is known here of its objects, by `type/id`."""

    def problems(self, tenants: Container[str]) -> Iterator[str]:
        """What does not fit, beside what `read_apis` finds."""
        for key in self.keys:
            if not OWN.key.match(key):
                yield f"`{key}` is not a key; write `prefix:Name`"
        yield from self._problems_of_headers()
        yield from self.problems_of_place()
        if not NAME.match(self.stage):  # it is a segment of every resource's name
            yield f"`{self.stage}` is no stage; {NAME_CHARACTERS}"
        if len(self.objects) > MAX_OBJECTS:
            yield f"declares more than {MAX_OBJECTS} objects"
        for name, found in self.objects.items():
            if not is_object(name):
                yield f"`{name}` is not an object; write `type/id`"
            if found.tenant not in tenants:
                yield f"tenant names `{found.tenant}`, which is not declared"

    def _problems_of_headers(self) -> Iterator[str]:
        if len(self.headers or ()) > MAX_HEADERS:
            yield f"`headers` has more than {MAX_HEADERS}"
        for name in self.headers or ():
            if not HEADER.match(name):
                yield f"`headers`: `{name}` is not a header's name in lower case"

    def problems_of_place(self) -> Iterator[str]:
        """What does not fit in `hosts`, `prefix` and `base_path`."""
        if len(self.hosts) > MAX_HOSTS:
            yield f"`hosts` has more than {MAX_HOSTS}"
        for host in self.hosts[: MAX_HOSTS + 1]:
            try:
                declared_host(host)
            except ValueError as error:
                yield f"`hosts`: {error}"
        for name in ("prefix", "base_path"):
            text = before_paths(getattr(self, name) or "")
            if problem := place_problem(text):
                yield f"`{name}`: `{excerpt(text)}`: {problem}"

    @property
    def names(self) -> tuple[str, ...]:
        """Its hosts in the form in which they are compared. Raises ValueError."""
        return tuple(sorted({*map(declared_host, self.hosts)}))


def before_paths(text: str) -> str:
    """A declared prefix or base path: without the `/` at its end, with which paths begin."""
    return text.removesuffix("/")


def read_apis(
    declared: Mapping[str, ProtectedApi], problems: list[str]
) -> Iterator[tuple[Api, Inventory]]:
    """The APIs and what was read of their documents; what does not fit is added to `problems`."""
    audiences: dict[tuple[str, str], str] = {}
    routes: list[Route[str]] = []
    for name, body in declared.items():
        if (other := audiences.setdefault(metadata_place(body.audience), name)) != name:
            problems.append(f"apis/{name}: has the audience of `{other}`")
        if list(body.problems_of_place()):  # told by `problems`
            continue
        base = None if body.base_path is None else before_paths(body.base_path)
        try:
            check_resource(body.audience)
            inventory = read_inventory(body.openapi, name, base)
            upstream = read_upstream(body.upstream)
            cors = read_cors(body.cors) if body.cors else None
        except DocumentRefused as error:
            problems += first_lines(f"apis/{name}: {fault}" for fault in error.faults)
            continue
        except Misconfigured as error:
            advice = f"; {error.hint}" if error.hint else ""
            problems.append(f"apis/{name}: {error.path}: {error.problem}{advice}")
            continue
        base_path, hosts = inventory.base_path, body.names
        prefix = base_path if body.prefix is None else before_paths(body.prefix)
        operations = tuple(_placed(inventory.operations, prefix, f"apis/{name}", problems))
        routes += (Route(one.method, one.path, f"apis/{name}", hosts) for one in operations)
        scopes = inventory.scopes
        api = Api(
            *(ApiId(name), body.audience, body.stage, upstream, operations, scopes),
            headers=None if body.headers is None else tuple(sorted({*body.headers})),
            hosts=hosts,
            prefix=prefix,
            base_path=base_path,
            cors=cors,
        )
        yield api, replace(inventory, notes=(*inventory.notes, *_notes_of_place(api)))
    problems += unsettled(routes)


def _notes_of_place(api: Api) -> Iterator[str]:
    """What surprises in a place that can be served."""
    host = host_of_url(api.audience)
    if api.hosts and host not in api.hosts:
        # RFC 9728 §3.3: the resource in the metadata is the URL that the client asked for.
        yield f"/audience: `{host}` is none of its `hosts`; clients may compare it with their URL"


def _placed(
    operations: Iterable[Operation], prefix: str, name: str, problems: list[str]
) -> Iterator[Operation]:
    """The operations with the paths that clients ask for."""
    for one in operations if prefix else ():
        path = f"{prefix}{one.path}"
        if problem := path_problem(path):
            problems.append(f"{name}: `{one.method} {excerpt(path)}`: {problem}")
        yield replace(one, path=path)
    yield from () if prefix else operations


def check_issuer_host(apis: Iterable[Api], issuer: str) -> None:
    """Refuse APIs on the issuer's host: one address may serve both, told apart by it (ADR 28).

    Raises Misconfigured.
    """
    host = host_of_url(issuer)
    named = [f"apis/{api.id}" for api in apis if host in api.hosts]
    if named:
        problem = f"{', '.join(named)}: `hosts`: `{host}` is the host of the issuer {issuer}"
        raise Misconfigured("declarations", problem, hint="give the API a host of its own")


def unsettled(routes: Sequence[Route[str]]) -> Iterator[str]:
    """Operations of two APIs that answer the same requests, and those that the edge answers."""
    for route in routes:
        if route.template.startswith(METADATA):
            problem = "reserved: the edge itself serves this path (RFC 9728 §3.1)"
            yield f"{route.what}: `{route.method} {route.template}`: {problem}"
    for first, second in ambiguous_routes(routes):
        if first.what != second.what:  # within one document it is told with its place there
            other, one = (f"`{each.method} {each.template}`" for each in (first, second))
            hint = "give one of them a `prefix` or `hosts` of its own"
            same = f"{one} answers the same requests as {other} of {first.what}"
            yield f"{second.what}: {same}; {hint}"


def check_resource(audience: str) -> None:
    """A resource identifier is an absolute URL without query and fragment (RFC 9728 §1.2).

    Raises Misconfigured.
    """
    found = RESOURCE.fullmatch(audience)
    if found is None or not {".", ".."}.isdisjoint(found[1].split("/")):
        hint = "name the address under which clients reach the API: https://api.example.com"
        raise Misconfigured("audience", f"{audience!a} is not a resource identifier", hint=hint)


def metadata_place(audience: str) -> tuple[str, str]:
    """The host and the path that tell where the metadata of a resource lies (RFC 9728 §3.1)."""
    parts = urlsplit(audience)
    return parts.netloc.lower(), parts.path.rstrip("/")
