"""The policies in files: in declarations, where they are attached, or one policy to a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Self

from durward.core.configuration.client import Client
from durward.core.configuration.configuration import Bodies, read_bodies
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.configuration.group import Group
from durward.core.configuration.role import Role
from durward.core.configuration.user import User
from durward.core.errors import Misconfigured
from durward.core.oauth.scopes import OFFLINE, OPENID
from durward.core.openapi.faults import first_lines
from durward.core.openapi.operations import Inventory, read_inventory
from durward.core.policy.analysis.checks.view import DeclaredEntities
from durward.core.policy.language.catalogue import Catalogue, catalogue_of
from durward.core.policy.language.document import (
    Document,
    PolicyKind,
    document_kind,
    read_document,
)
from durward.core.policy.language.source import PolicyError, escape
from durward.core.wire import Json
from durward.entrypoints.declarations import (
    declarations_of,
    files_in,
    is_policy,
    refuse_duplicates,
)
from durward.entrypoints.files import parse_file


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One policy, and where it stands: a file, and the JSON pointer of it in there.

    `grants` is False where it is attached as a boundary alone.
    """

    file: Path
    pointer: str
    name: str
    value: Json
    kind: PolicyKind
    grants: bool = True

    def read(self) -> Document:
        """The policy. Raises PolicyError."""
        return read_document(self.value, self.name, self.kind)


@dataclass(frozen=True, slots=True)
class Project:
    """What some files say about policies: those, what else is declared, which names there are.

    `unread` are files that are neither JSON nor YAML: what they declare is not known.
    """

    policies: tuple[PolicyFile, ...]
    unread: tuple[tuple[PolicyFile, PolicyError], ...]
    declarations: tuple[Declaration, ...]
    catalogue: Catalogue
    names: DeclaredEntities


def read_project(paths: Iterable[Path]) -> Project:
    """The policies of files and folders. Raises Misconfigured."""
    declared: dict[Path, list[Declaration]] = {}
    alone: list[PolicyFile] = []
    unread: list[tuple[PolicyFile, PolicyError]] = []
    for file in files_of(paths):
        try:
            content = parse_file(file)
        except PolicyError as error:
            unread.append((PolicyFile(file, "", file.stem, None, PolicyKind.IDENTITY), error))
            continue
        if is_policy(content):
            alone.append(PolicyFile(file, "", file.stem, content, document_kind(content)))
        else:
            declared[file] = list(declarations_of(file))
    refuse_duplicates(declared)
    everything = tuple(chain.from_iterable(declared.values()))
    bodies = typed_bodies(everything)
    attached = Attached.of(bodies)
    policies = [
        PolicyFile(
            file,
            f"/{found.kind}/{escape(found.name)}",
            found.name,
            dict(found.body),
            attached.kind(found),
            grants=attached.grants(found.name),
        )
        for file, listed in declared.items()
        for found in listed
        if found.kind is DeclarationKind.POLICY
    ]
    read = {
        name: read_inventory(api.openapi, name, api.base_path) for name, api in bodies.apis.items()
    }
    operations = {name: inventory.operations for name, inventory in read.items()}
    keys = [key.named(name) for api in bodies.apis.values() for name, key in api.keys.items()]
    asking = [client for client in bodies.clients.values() if not client.disabled]
    evaluated = {name for client in asking for name in client.authzen_apis}
    names = _declared(bodies, _scopes(bodies, read.values()))
    catalogue = catalogue_of(operations, keys, evaluated)
    return Project((*policies, *alone), tuple(unread), everything, catalogue, names)


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files that are named, and those of folders, each once. Raises Misconfigured."""
    return list(dict.fromkeys(file for path in paths for file in files_in(path)))


def typed_bodies(declarations: Iterable[Declaration]) -> Bodies:
    """The declarations as `apply` reads them. Raises Misconfigured."""
    problems: list[str] = []
    bodies = read_bodies(declarations, problems)
    if problems:
        raise Misconfigured("declarations", "\n  ".join(["", *first_lines(problems)]))
    return bodies


@dataclass(frozen=True, slots=True)
class Attached:
    """Which policies are attached to APIs, to whom they grant, and which are boundaries."""

    resources: frozenset[str]
    granting: frozenset[str]
    capping: frozenset[str]

    @classmethod
    def of(cls, bodies: Bodies) -> Self:
        """What the declarations attach."""
        holders: list[Role | Group | Client | User] = [
            *bodies.roles.values(),
            *bodies.groups.values(),
            *bodies.clients.values(),
            *bodies.users.values(),
        ]
        return cls(
            frozenset(name for api in bodies.apis.values() for name in api.policies),
            frozenset(name for holder in holders for name in holder.policies),
            frozenset(name for holder in holders for name in holder.boundary)
            | {name for tenant in bodies.tenants.values() for name in tenant.guardrails},
        )

    def kind(self, declaration: Declaration) -> PolicyKind:
        """A policy is read as what it is attached to; one that is not, as it names principals."""
        if declaration.name in self.resources:
            return PolicyKind.RESOURCE
        if declaration.name in self.granting | self.capping:
            return PolicyKind.IDENTITY
        return document_kind(dict(declaration.body))

    def grants(self, name: str) -> bool:
        """Whether it is not attached as a boundary alone."""
        return name not in self.capping or name in self.granting | self.resources


def _scopes(bodies: Bodies, inventories: Iterable[Inventory]) -> frozenset[str]:
    """What APIs name or ask for, and what tokens may have beside; nothing where no API does."""
    found = {
        scope
        for inventory in inventories
        for named in (inventory.scopes, *(each.asked_scopes for each in inventory.operations))
        for scope in named
    }
    if not found:
        return frozenset()
    return frozenset({OPENID, OFFLINE}).union(
        found, *(client.scopes for client in bodies.clients.values())
    )


def _declared(bodies: Bodies, scopes: frozenset[str]) -> DeclaredEntities:
    """Tenants, the stages of APIs, and everybody by the names that policies have for them."""
    users, clients = bodies.users, bodies.clients
    principals = {
        f"arn:durward:iam::{found.tenant}:{kind}/{name}"
        for kind, named in (
            # Without an id one is made: no policy can know it.
            ("user", {user.id: user for user in users.values() if user.id}),
            ("client", clients),
        )
        for name, found in named.items()
    }
    principals |= {
        f"arn:durward:iam::{user.tenant}:group/{group}"
        for user in users.values()
        for group in user.groups
    }
    principals |= {
        f"arn:durward:iam::{tenant}:group/{group}"
        for tenant in bodies.tenants
        for group in bodies.groups
    }
    return DeclaredEntities(
        frozenset(bodies.tenants),
        {name: api.stage for name, api in bodies.apis.items()},
        frozenset(bodies.roles),
        frozenset(principals),
        scopes,
    )
