"""The whole configuration, read and checked as one value."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeVar

import msgspec

from durward.core.api import Api
from durward.core.configuration.api import (
    API_NAME,
    API_NAME_CHARACTERS,
    DeclaredObject,
    ProtectedApi,
    read_apis,
)
from durward.core.configuration.client import Client
from durward.core.configuration.declaration import (
    NAME,
    NAME_CHARACTERS,
    Body,
    Declaration,
    DeclarationKind,
)
from durward.core.configuration.group import Group
from durward.core.configuration.own_policies import own_problems
from durward.core.configuration.profile import LADDER, Profile, highest
from durward.core.configuration.role import Role
from durward.core.configuration.tenant import Tenant
from durward.core.configuration.user import User
from durward.core.configuration.waiver import Waiver
from durward.core.errors import Misconfigured
from durward.core.openapi.faults import first_lines
from durward.core.openapi.operations import Inventory
from durward.core.policy.engine.bundle import Bundle, compile_bundle, document_kinds
from durward.core.policy.language.catalogue import Key
from durward.core.policy.language.document import PolicyKind
from durward.core.policy.language.source import PolicyError
from durward.core.wire import Json

SHAPES: Final[Mapping[DeclarationKind, type[Body]]] = {
    DeclarationKind.TENANT: Tenant,
    DeclarationKind.ROLE: Role,
    DeclarationKind.GROUP: Group,
    DeclarationKind.API: ProtectedApi,
    DeclarationKind.CLIENT: Client,
    DeclarationKind.WAIVER: Waiver,
    DeclarationKind.USER: User,
}
T = TypeVar("T", bound=Body)


@dataclass(frozen=True)
class Configuration:
    """Everything, by name. Policies stay as they were written; they are proven to be readable.

    `tests` are the suites that stand beside the policies; `invariants` reads and runs them.
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
    inventories: Mapping[str, Inventory] = field(default_factory=dict)
    """What was read of the documents of the APIs, and what was not."""
    groups: Mapping[str, Group] = field(default_factory=dict)
    """Those that policies come with: users may be in others."""
    waivers: Mapping[str, Waiver] = field(default_factory=dict)

    @cached_property
    def kinds(self) -> Mapping[str, PolicyKind]:
        """What each policy is read as."""
        return document_kinds(self.bundle)

    @cached_property
    def page_origins(self) -> frozenset[str]:
        """The origins whose scripts may call the endpoints for tokens."""
        return frozenset(
            origin
            for client in self.clients.values()
            if not client.disabled
            for origin in client.page_origins
        )

    @cached_property
    def waived(self) -> Mapping[tuple[str, str], tuple[str, Waiver]]:
        """Each waiver and its name, by its client and what it relaxes, ended or not."""
        return {(one.client, one.relaxes): (name, one) for name, one in self.waivers.items()}

    def profile_of(self, client: Client) -> Profile:
        """The profile that the declarations hold a client to; that of the server is beside."""
        return highest(client.floor, self.tenants[client.tenant].floor)

    @property
    def evaluated(self) -> frozenset[str]:
        """The APIs about which enforcement points of others may ask for decisions."""
        asking = (client for client in self.clients.values() if not client.disabled)
        return frozenset(name for client in asking for name in client.authzen_apis)


@dataclass(frozen=True)
class Bodies:
    """The typed content of declarations, by kind and name; policies and tests have no type here."""

    tenants: Mapping[str, Tenant]
    roles: Mapping[str, Role]
    groups: Mapping[str, Group]
    apis: Mapping[str, ProtectedApi]
    clients: Mapping[str, Client]
    waivers: Mapping[str, Waiver]
    users: Mapping[str, User]

    def items(self) -> Iterator[tuple[DeclarationKind, str, Body]]:
        """Each body with its kind and name."""
        for kind, bodies in (
            (DeclarationKind.TENANT, self.tenants),
            (DeclarationKind.ROLE, self.roles),
            (DeclarationKind.GROUP, self.groups),
            (DeclarationKind.API, self.apis),
            (DeclarationKind.CLIENT, self.clients),
            (DeclarationKind.WAIVER, self.waivers),
            (DeclarationKind.USER, self.users),
        ):
            for name, body in bodies.items():
                yield kind, name, body


def read_bodies(declarations: Iterable[Declaration], problems: list[str]) -> Bodies:
    """Convert each declaration to the type of its kind; what does not fit is in `problems`."""
    found: dict[tuple[DeclarationKind, str], Body] = {}
    for declaration in declarations:
        shape = SHAPES.get(declaration.kind)
        if shape is not None:
            try:
                body = msgspec.convert(declaration.body, shape)
            except msgspec.ValidationError as error:
                problems.append(f"{declaration.kind}/{declaration.name}: {error}")
            else:
                found[declaration.kind, declaration.name] = body
    return Bodies(
        *(_of(found, Tenant), _of(found, Role), _of(found, Group), _of(found, ProtectedApi)),
        *(_of(found, Client), _of(found, Waiver), _of(found, User)),
    )


def read_configuration(declarations: Iterable[Declaration]) -> Configuration:
    """Read everything that is declared. Raises Misconfigured with every problem."""
    listed = list(declarations)
    problems: list[str] = []
    bodies = read_bodies(listed, problems)
    policies = {found.name: found.body for found in listed if found.kind is DeclarationKind.POLICY}
    tenants, roles, protected = bodies.tenants, bodies.roles, bodies.apis
    clients, users = bodies.clients, bodies.users
    problems += _broken_names(listed)
    declared: dict[DeclarationKind, Container[str]] = {
        DeclarationKind.TENANT: tenants,
        DeclarationKind.ROLE: roles,
        DeclarationKind.POLICY: policies,
        DeclarationKind.API: protected,
        DeclarationKind.CLIENT: clients,
    }
    for kind, name, body in bodies.items():
        problems += [f"{kind}/{name}: {found}" for found in body.broken_references(declared)]
    people = {user.id or name for name, user in users.items()}
    for name, client in clients.items():
        problems += [f"clients/{name}: {found}" for found in client.problems(name, people)]
    problems += _problems_of_profiles(bodies)
    for name, user in users.items():
        problems += [f"users/{name}: {found}" for found in user.problems(name)]
    for name, api in protected.items():
        problems += [f"apis/{name}: {found}" for found in api.problems(tenants)]
    bundle = _bundle(policies, bodies)
    kinds = document_kinds(bundle)
    for name, user in users.items():
        found = own_problems(user.policies, user.boundary, kinds)
        problems += [f"users/{name}: {problem}" for problem in found]
    if not problems:
        try:
            compile_bundle(bundle, {})
        except PolicyError as error:
            problems += [str(problem) for problem in error.problems]
    read = list(read_apis(protected, problems))
    if problems:
        raise Misconfigured(
            "declarations", "\n  ".join(["", *first_lines(problems)]).rstrip(), hint=""
        )
    tests = {found.name: found.body for found in listed if found.kind is DeclarationKind.TESTS}
    objects = {name: body.objects for name, body in protected.items() if body.objects}
    keys = [key.named(name) for body in protected.values() for name, key in body.keys.items()]
    apis: dict[str, Api] = {api.id: api for api, _ in read}
    inventories: dict[str, Inventory] = {api.id: inventory for api, inventory in read}
    return Configuration(
        *(tenants, policies, roles, apis, clients, users, bundle, tests, objects),
        keys=tuple(keys),
        inventories=inventories,
        groups=bodies.groups,
        waivers=bodies.waivers,
    )


def _problems_of_profiles(bodies: Bodies) -> Iterator[str]:
    """What does not fit the profile of a tenant or client; what of waivers needs no clock."""
    for name, tenant in bodies.tenants.items():
        yield from (f"tenants/{name}: {found}" for found in tenant.problems())
    names = {profile.value for profile in LADDER}
    held: dict[str, Profile] = {}
    for name, client in bodies.clients.items():
        above = bodies.tenants.get(client.tenant)
        if client.profile in names and above and above.profile in names:
            held[name] = highest(client.floor, above.floor)
            problems = client.problems_under(held[name])
            yield from (f"clients/{name}: {found}" for found in problems)
    known: dict[tuple[str, str], str] = {}
    for name, waiver in bodies.waivers.items():
        yield from (f"waivers/{name}: {found}" for found in waiver.problems(bodies.clients))
        profile = held.get(waiver.client, Profile.OAUTH21)
        yield from (f"waivers/{name}: {found}" for found in waiver.problems_of_profile(profile))
        other = known.setdefault((waiver.client, waiver.relaxes), name)
        if other != name:
            yield f"waivers/{name}: waivers/{other} relaxes the same for `{waiver.client}`"


def _of(bodies: Mapping[tuple[DeclarationKind, str], Body], shape: type[T]) -> dict[str, T]:
    return {name: body for (_, name), body in bodies.items() if isinstance(body, shape)}


def _broken_names(listed: list[Declaration]) -> Iterator[str]:
    for declaration in listed:
        of_api = declaration.kind is DeclarationKind.API
        if not (API_NAME if of_api else NAME).match(declaration.name):
            characters = API_NAME_CHARACTERS if of_api else NAME_CHARACTERS
            yield f"{declaration.kind}/{declaration.name}: a name is {characters}"


def _bundle(policies: Mapping[str, Mapping[str, Json]], bodies: Bodies) -> Bundle:
    """What is attached to people travels in their tokens, by name (ADR 24)."""
    attached: dict[str, Role | Group | Client] = {
        **{f"role/{name}": role for name, role in bodies.roles.items()},
        **{f"group/{name}": group for name, group in bodies.groups.items()},
        **{f"client/{name}": client for name, client in bodies.clients.items()},
    }
    return Bundle(
        documents=policies,
        identity={to: body.policies for to, body in attached.items() if body.policies},
        boundaries={to: body.boundary for to, body in attached.items() if body.boundary},
        resources={name: api.policies for name, api in bodies.apis.items() if api.policies},
        tenant_guardrails={
            name: tenant.guardrails for name, tenant in bodies.tenants.items() if tenant.guardrails
        },
    )
