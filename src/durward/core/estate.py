"""The estate: everything that is declared to Durward, read and checked as one value.

A declaration is a kind, a name and a body, such as a file holds under `roles: clerk: {…}`. Names
point at each other; nothing is accepted unless everything fits.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import msgspec

from durward.core.edge.node import Address
from durward.core.edge.snapshot import Api
from durward.core.errors import Misconfigured
from durward.core.oauth.protected_resource import check_resource
from durward.core.oauth.redirect import check_redirect_uri
from durward.core.openapi.operations import is_object, read_inventory
from durward.core.policy.bundle import Bundle, compile_bundle
from durward.core.policy.catalogue import DeclaredKey, Key
from durward.core.policy.dialect import OWN
from durward.core.policy.source import PolicyError
from durward.core.values import ApiId
from durward.core.wire import Json


class Kind(StrEnum):
    """What can be declared, in the order in which one kind stands on another."""

    TENANT = "tenants"
    POLICY = "policies"
    ROLE = "roles"
    API = "apis"
    CLIENT = "clients"
    USER = "users"
    TESTS = "tests"


@dataclass(frozen=True)
class Declaration:
    """One thing that somebody declared."""

    kind: Kind
    name: str
    body: Mapping[str, Json]


DEFAULT_STAGE = "default"
Text = Annotated[str, msgspec.Meta(max_length=200)]
Names = tuple[Text, ...]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every body has."""

    name: Text = ""
    """What people call it."""


class Tenant(Body, frozen=True):
    """An organization; users and clients belong to one."""


class Role(Body, frozen=True):
    """Policies that come with a role."""

    policies: Names = ()
    boundary: Names = ()


class User(Body, frozen=True):
    """A person."""

    tenant: Text
    email: Text = ""
    roles: Names = ()
    groups: Names = ()
    policies: Names = ()
    boundary: Names = ()
    disabled: bool = False


class Client(Body, frozen=True):
    """An application: what it may do at the authorization server, and who it is as a principal."""

    tenant: Text
    grants: Names = ("authorization_code", "refresh_token")
    authentication: Text = "client_secret_basic"
    apis: Names = ()
    evaluates: Names = ()
    scopes: Names = ()
    redirect_uris: Names = ()
    post_logout_redirect_uris: Names = ()
    jwks: dict[str, Any] | None = None
    first_party: bool = False
    roles: Names = ()
    policies: Names = ()
    boundary: Names = ()
    disabled: bool = False

    @property
    def has_secret(self) -> bool:
        """Whether it proves itself by a secret."""
        return self.authentication in {"client_secret_basic", "client_secret_post"}


class DeclaredObject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known here of an object of an API, for decisions that others ask for."""

    tenant: Text
    owner: Text = ""
    members: Names = ()
    attributes: dict[Text, str | int | float | bool] = {}


class ProtectedApi(Body, frozen=True):
    """An API behind the edge; `openapi` is its document."""

    audience: Text
    upstream: Text
    openapi: dict[str, Any]
    stage: Text = DEFAULT_STAGE
    policies: Names = ()
    keys: dict[Text, DeclaredKey] = {}
    objects: dict[Text, DeclaredObject] = {}


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}\Z")
_API = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
MAX_OBJECTS = 10_000
GRANTS = {"authorization_code", "refresh_token", "client_credentials"}
AUTHENTICATIONS = {"none", "client_secret_basic", "client_secret_post", "private_key_jwt"}
SHAPES: dict[Kind, type[Body]] = {
    Kind.TENANT: Tenant,
    Kind.ROLE: Role,
    Kind.API: ProtectedApi,
    Kind.CLIENT: Client,
    Kind.USER: User,
}
T = TypeVar("T", bound=Body)


@dataclass(frozen=True)
class Estate:
    """Everything, by name. Policies stay as they were written; they are proven to be readable.

    `tests` are the suites that stand beside the policies; `promises` reads and runs them.
    """

    tenants: Mapping[str, Tenant]
    policies: Mapping[str, Mapping[str, Json]]
    roles: Mapping[str, Role]
    apis: Mapping[str, Api]
    clients: Mapping[str, Client]
    users: Mapping[str, User]
    bundle: Bundle
    tests: Mapping[str, Mapping[str, Json]]
    objects: Mapping[str, Mapping[str, DeclaredObject]] = field(default_factory=dict)
    """By API, and by `type/id`."""
    keys: tuple[Key, ...] = ()
    """What the services of APIs tell."""

    @property
    def evaluated(self) -> frozenset[str]:
        """The APIs about which enforcement points of others may ask for decisions."""
        asking = (client for client in self.clients.values() if not client.disabled)
        return frozenset(name for client in asking for name in client.evaluates)


def read_estate(declarations: Iterable[Declaration]) -> Estate:
    """Read everything that is declared. Raises Misconfigured with every problem."""
    listed = list(declarations)
    problems: list[str] = []
    bodies = _bodies(listed, problems)
    declared = {
        declaration.name: declaration.body
        for declaration in listed
        if declaration.kind is Kind.POLICY
    }
    tenants, roles = _of(bodies, Tenant), _of(bodies, Role)
    clients, users = _of(bodies, Client), _of(bodies, User)
    protected = _of(bodies, ProtectedApi)
    problems += _broken_names(listed)
    problems += _broken_references(tenants, roles, clients, users, protected, declared)
    problems += _broken_clients(clients)
    problems += _broken_objects(protected, tenants)
    if not problems:
        bundle = _bundle(declared, roles, clients, users, protected)
        try:
            compile_bundle(bundle, {})
        except PolicyError as error:
            problems += [str(problem) for problem in error.problems]
    apis = dict(_apis(protected, problems))
    if problems:
        raise Misconfigured("declarations", "\n  ".join(["", *problems]).rstrip(), hint="")
    tests = {found.name: found.body for found in listed if found.kind is Kind.TESTS}
    objects = {name: body.objects for name, body in protected.items() if body.objects}
    keys = [key.named(name) for body in protected.values() for name, key in body.keys.items()]
    return Estate(
        tenants, declared, roles, apis, clients, users, bundle, tests, objects, tuple(keys)
    )


def _bodies(listed: list[Declaration], problems: list[str]) -> dict[tuple[Kind, str], Body]:
    found: dict[tuple[Kind, str], Body] = {}
    for declaration in listed:
        shape = SHAPES.get(declaration.kind)
        if shape is not None:
            try:
                body = msgspec.convert(declaration.body, shape)
            except msgspec.ValidationError as error:
                problems.append(f"{declaration.kind}/{declaration.name}: {error}")
            else:
                found[declaration.kind, declaration.name] = body
    return found


def _of(bodies: Mapping[tuple[Kind, str], Body], shape: type[T]) -> dict[str, T]:
    return {name: body for (_, name), body in bodies.items() if isinstance(body, shape)}


def _broken_names(listed: list[Declaration]) -> Iterator[str]:
    people = {found.name for found in listed if found.kind is Kind.USER}
    for declaration in listed:
        pattern = _API if declaration.kind is Kind.API else _NAME
        if not pattern.match(declaration.name):
            signs = (
                "lower case letters, digits, `-`" if pattern is _API else "letters, digits, `_.@+-`"
            )
            yield f"{declaration.kind}/{declaration.name}: a name is {signs}"
        if declaration.kind is Kind.CLIENT and declaration.name in people:
            yield f"clients/{declaration.name}: a user has that name; tokens must tell them apart"


def _broken_references(
    tenants: Mapping[str, Tenant],
    roles: Mapping[str, Role],
    clients: Mapping[str, Client],
    users: Mapping[str, User],
    apis: Mapping[str, ProtectedApi],
    policies: Mapping[str, Any],
) -> Iterator[str]:
    known: dict[str, Iterable[str]] = {
        "tenant": tenants,
        "roles": roles,
        "policies": policies,
        "boundary": policies,
        "apis": apis,
        "evaluates": apis,
    }
    groups: dict[str, Mapping[str, Body]] = {
        "roles": roles,
        "clients": clients,
        "users": users,
        "apis": apis,
    }
    for kind, bodies in groups.items():
        for name, body in bodies.items():
            for member, there in known.items():
                value = getattr(body, member, ())
                for named in (value,) if isinstance(value, str) else value:
                    if named not in there:
                        yield f"{kind}/{name}: {member} names `{named}`, which is not declared"


def _broken_clients(clients: Mapping[str, Client]) -> Iterator[str]:
    for name, client in clients.items():
        for grant in set(client.grants) - GRANTS:
            yield f"clients/{name}: `{grant}` is not a grant; {', '.join(sorted(GRANTS))} are"
        if client.authentication not in AUTHENTICATIONS:
            known = ", ".join(sorted(AUTHENTICATIONS))
            yield f"clients/{name}: authentication is one of {known}"
        if client.authentication == "none" and "client_credentials" in client.grants:
            yield f"clients/{name}: a public client cannot act for itself"
        if client.authentication == "private_key_jwt" and not client.jwks:
            yield f"clients/{name}: private_key_jwt needs `jwks`, the client's public keys"
        if client.evaluates and "client_credentials" not in client.grants:
            yield f"clients/{name}: `evaluates` needs the grant client_credentials"
        if "authorization_code" in client.grants and not client.redirect_uris:
            yield f"clients/{name}: authorization_code needs `redirect_uris`"
        for uri in (*client.redirect_uris, *client.post_logout_redirect_uris):
            try:
                check_redirect_uri(uri)
            except Misconfigured as error:
                yield f"clients/{name}: `{uri}`: {error.problem}"


def _broken_objects(
    apis: Mapping[str, ProtectedApi], tenants: Mapping[str, Tenant]
) -> Iterator[str]:
    for name, api in apis.items():
        if len(api.objects) > MAX_OBJECTS:
            yield f"apis/{name}: declares more than {MAX_OBJECTS} objects"
        for object_name, found in api.objects.items():
            if not is_object(object_name):
                yield f"apis/{name}: `{object_name}` is not an object; write `type/id`"
            if found.tenant not in tenants:
                yield f"apis/{name}: tenant names `{found.tenant}`, which is not declared"


def _apis(protected: Mapping[str, ProtectedApi], problems: list[str]) -> Iterator[tuple[str, Api]]:
    audiences: dict[str, str] = {}
    served: dict[tuple[str, str], str] = {}
    for name, body in protected.items():
        if (other := audiences.setdefault(body.audience, name)) != name:
            problems.append(f"apis/{name}: has the audience of `{other}`")
        problems += [
            f"apis/{name}: `{key}` is not a key; write `prefix:Name`"
            for key in body.keys
            if not OWN.key.match(key)
        ]
        if not _NAME.match(body.stage):  # it is a segment of every resource's name
            problems.append(f"apis/{name}: `{body.stage}` is no stage; letters, digits, `_.@+-`")
        try:
            check_resource(body.audience)
            inventory = read_inventory(body.openapi, name)
            upstream = Address.parse(body.upstream.removeprefix("http://"))
        except Misconfigured as error:
            problems.append(f"apis/{name}: {error.path}: {error.problem}")
            continue
        operations = inventory.operations
        for operation in operations:
            other = served.setdefault(operation.route, name)
            if other != name:
                what = f"`{operation.method} {operation.path}`"
                problems.append(f"apis/{name}: {what} is an operation of `{other}` already")
        yield (
            name,
            Api(ApiId(name), body.audience, body.stage, upstream, operations, inventory.scopes),
        )


def _bundle(
    policies: Mapping[str, Mapping[str, Json]],
    roles: Mapping[str, Role],
    clients: Mapping[str, Client],
    users: Mapping[str, User],
    apis: Mapping[str, ProtectedApi],
) -> Bundle:
    attached: dict[str, Role | Client | User] = {
        **{f"role/{name}": role for name, role in roles.items()},
        **{f"client/{name}": client for name, client in clients.items()},
        **{f"user/{name}": user for name, user in users.items()},
    }
    return Bundle(
        documents=policies,
        identity={to: body.policies for to, body in attached.items() if body.policies},
        boundaries={to: body.boundary for to, body in attached.items() if body.boundary},
        resources={name: api.policies for name, api in apis.items() if api.policies},
    )
