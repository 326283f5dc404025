"""The policies in files: in declarations, where they are attached, or one policy to a file."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from durward.core.errors import Misconfigured
from durward.core.estate.api import DEFAULT_STAGE
from durward.core.estate.declaration import Declaration
from durward.core.estate.declaration import Kind as Kinds
from durward.core.oauth.scopes import OFFLINE, OPENID
from durward.core.openapi.operations import Inventory, read_inventory
from durward.core.policy.catalogue import Catalogue, DeclaredKey, Key, catalogue_of
from durward.core.policy.checks.view import Declared
from durward.core.policy.document import Kind
from durward.core.policy.source import PolicyError, escape
from durward.core.policy.written import Written, kind_of, read_written
from durward.core.wire import Json
from durward.faces.declarations import declarations_of, is_policy
from durward.faces.files import parsed

WHOLE_FILE = "durward.yaml"


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One policy, and where it stands: a file, and the JSON pointer of it in there.

    `grants` is False where it is attached as a boundary alone.
    """

    file: Path
    pointer: str
    name: str
    value: Json
    kind: Kind
    grants: bool = True

    def read(self) -> Written:
        """The policy with its places. Raises PolicyError."""
        return read_written(self.value, self.name, self.kind)


@dataclass(frozen=True, slots=True)
class Project:
    """What some files say about policies: those, what else is declared, which names there are.

    `unread` are files that are neither JSON nor YAML: what they declare is not known.
    """

    policies: tuple[PolicyFile, ...]
    unread: tuple[tuple[PolicyFile, PolicyError], ...]
    declarations: tuple[Declaration, ...]
    catalogue: Catalogue
    names: Declared


def read_project(paths: Iterable[Path]) -> Project:
    """The policies of files and folders. Raises Misconfigured."""
    declared: dict[Path, list[Declaration]] = {}
    alone: list[PolicyFile] = []
    unread: list[tuple[PolicyFile, PolicyError]] = []
    for file in files_of(paths):
        try:
            content = parsed(file)
        except PolicyError as error:
            unread.append((PolicyFile(file, "", file.stem, None, Kind.IDENTITY), error))
            continue
        if is_policy(content):
            alone.append(PolicyFile(file, "", file.stem, content, kind_of(content)))
        else:
            declared[file] = list(declarations_of(file))
    everything = tuple(found for listed in declared.values() for found in listed)
    resources, granting, capping = _attached(everything)
    policies = [
        PolicyFile(
            file,
            f"/{found.kind}/{escape(found.name)}",
            found.name,
            dict(found.body),
            _kind(found, resources, granting | capping),
            grants=found.name not in capping or found.name in granting | resources,
        )
        for file, listed in declared.items()
        for found in listed
        if found.kind is Kinds.POLICY
    ]
    read = dict(_inventories(everything))
    operations = {name: inventory.operations for name, inventory in read.items()}
    catalogue = catalogue_of(operations, _keys(everything), _evaluated(everything))
    names = _declared(everything, _scopes(everything, read.values()))
    return Project((*policies, *alone), tuple(unread), everything, catalogue, names)


def files_of(paths: Iterable[Path], pattern: str = "*.durward.yaml") -> list[Path]:
    """The files that are named, and of folders those of declarations. Raises Misconfigured."""
    found: dict[Path, None] = {}
    for path in paths:
        listed = [path]
        if path.is_dir():
            whole = path / WHOLE_FILE
            listed = sorted(path.glob(pattern)) + ([whole] if whole.exists() else [])
            if not listed:
                hint = f"{pattern}, or {WHOLE_FILE}"
                raise Misconfigured(str(path), "has no files of declarations", hint=hint)
        found |= dict.fromkeys(listed)
    return list(found)


def _kind(declaration: Declaration, resources: set[str], identity: set[str]) -> Kind:
    """A policy is read as what it is attached to; one that is not, as it names principals."""
    if declaration.name in resources:
        return Kind.RESOURCE
    return Kind.IDENTITY if declaration.name in identity else kind_of(dict(declaration.body))


def _attached(declarations: Iterable[Declaration]) -> tuple[set[str], set[str], set[str]]:
    """The policies of APIs, those that grant to somebody, and those that are boundaries."""
    resources, granting, capping = set[str](), set[str](), set[str]()
    for found in declarations:
        if found.kind is not Kinds.POLICY:
            named = resources if found.kind is Kinds.API else granting
            named |= _names(found.body, "policies")
            capping |= _names(found.body, "boundary")
    return resources, granting, capping


def _names(body: Mapping[str, Json], member: str) -> set[str]:
    listed = body.get(member)
    return {name for name in (listed if isinstance(listed, list) else []) if isinstance(name, str)}


def _scopes(
    declarations: Iterable[Declaration], inventories: Iterable[Inventory]
) -> frozenset[str]:
    """What APIs name or ask for, and what tokens may have beside; nothing where no API does."""
    found = {
        scope
        for inventory in inventories
        for named in (inventory.scopes, *(each.asked_scopes for each in inventory.operations))
        for scope in named
    }
    if not found:
        return frozenset()
    clients = (each.body for each in declarations if each.kind is Kinds.CLIENT)
    return frozenset({OPENID, OFFLINE}).union(found, *(_names(body, "scopes") for body in clients))


def _declared(declarations: Iterable[Declaration], scopes: frozenset[str]) -> Declared:
    """Tenants, the stages of APIs, and everybody by the names that policies have for them."""
    named: dict[Kinds, dict[str, Mapping[str, Json]]] = {kind: {} for kind in Kinds}
    for found in declarations:
        named[found.kind][found.name] = found.body
    people = [
        (f"{kind.removesuffix('s')}/{name}", str(body.get("tenant")), body)
        for kind in (Kinds.USER, Kinds.CLIENT)
        for name, body in named[kind].items()
    ]
    principals = {f"arn:durward:iam::{tenant}:{name}" for name, tenant, _ in people}
    principals |= {
        f"arn:durward:iam::{tenant}:group/{group}"
        for _, tenant, body in people
        for group in _names(body, "groups")
    }
    stages = {
        name: str(body.get("stage", DEFAULT_STAGE)) for name, body in named[Kinds.API].items()
    }
    return Declared(
        frozenset(named[Kinds.TENANT]),
        stages,
        frozenset(named[Kinds.ROLE]),
        frozenset(principals),
        scopes,
    )


def _inventories(declarations: Iterable[Declaration]) -> Iterator[tuple[str, Inventory]]:
    for found in declarations:
        if found.kind is Kinds.API:
            yield found.name, read_inventory(found.body.get("openapi"), found.name)


def _keys(declarations: Iterable[Declaration]) -> Iterator[Key]:
    """What the APIs declare of the keys that their services tell. Raises Misconfigured."""
    for found in declarations:
        if found.kind is Kinds.API:
            try:
                declared = msgspec.convert(found.body.get("keys", {}), dict[str, DeclaredKey])
            except msgspec.ValidationError as error:
                raise Misconfigured(f"apis/{found.name}/keys", str(error)) from error
            yield from (key.named(name) for name, key in declared.items())


def _evaluated(declarations: Iterable[Declaration]) -> set[str]:
    """The APIs about which some client asks for decisions."""
    found = set[str]()
    for each in declarations:
        if each.kind is Kinds.CLIENT and each.body.get("disabled") is not True:
            found |= _names(each.body, "authzen_apis")
    return found
