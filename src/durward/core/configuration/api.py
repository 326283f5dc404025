"""APIs behind the edge, and what is known here of their objects."""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import msgspec

from durward.core.api import METADATA, Api
from durward.core.configuration.declaration import (
    NAME,
    NAME_CHARACTERS,
    Body,
    DeclarationKind,
    Names,
    Text,
)
from durward.core.configuration.upstream import parse_upstream
from durward.core.errors import Misconfigured
from durward.core.openapi.faults import DocumentRefused, first_lines
from durward.core.openapi.operations import Inventory, is_object, read_inventory
from durward.core.openapi.router import Route, overlaps
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
    upstream: Text
    """Where the service is: `host:port`, `[v6]:port`, `unix:/path` or `http://host[:port]`."""
    openapi: dict[str, Any]
    """Its OpenAPI document: in a file the path of one, beside the file that declares it."""
    headers: Names | None = None
    """Which of a client's headers reach the service, beside those of HTTP itself."""
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


def read_apis(
    declared: Mapping[str, ProtectedApi], problems: list[str]
) -> Iterator[tuple[Api, Inventory]]:
    """The APIs and what was read of their documents; what does not fit is added to `problems`."""
    audiences: dict[tuple[str, str], str] = {}
    routes: list[Route[str]] = []
    for name, body in declared.items():
        if (other := audiences.setdefault(metadata_place(body.audience), name)) != name:
            problems.append(f"apis/{name}: has the audience of `{other}`")
        try:
            check_resource(body.audience)
            inventory = read_inventory(body.openapi, name)
            upstream = parse_upstream(body.upstream)
        except DocumentRefused as error:
            problems += first_lines(f"apis/{name}: {fault}" for fault in error.faults)
            continue
        except Misconfigured as error:
            advice = f"; {error.hint}" if error.hint else ""
            problems.append(f"apis/{name}: {error.path}: {error.problem}{advice}")
            continue
        operations = inventory.operations
        routes += (Route(one.method, one.path, f"apis/{name}") for one in operations)
        scopes = inventory.scopes
        api = Api(
            *(ApiId(name), body.audience, body.stage, upstream, operations, scopes),
            headers=None if body.headers is None else tuple(sorted({*body.headers})),
        )
        yield api, inventory
    problems += unsettled(routes)


def unsettled(routes: Sequence[Route[str]]) -> Iterator[str]:
    """Operations of two APIs that answer the same requests, and those that the edge answers."""
    for route in routes:
        if route.template.startswith(METADATA):
            problem = "reserved: the edge itself serves this path (RFC 9728 §3.1)"
            yield f"{route.what}: `{route.method} {route.template}`: {problem}"
    for first, second in overlaps(routes):
        if first.what != second.what:  # within one document it is told with its place there
            other, one = (f"`{each.method} {each.template}`" for each in (first, second))
            yield f"{second.what}: {one} answers the same requests as {other} of {first.what}"


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
