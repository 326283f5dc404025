"""From an OpenAPI document to the operations that it declares (OpenAPI 3.0 and 3.1).

A member that could restrict access is read, or refused with its place (a JSON pointer) and a
correction; other members are counted and not read. An operation names its object by `x-durward`:
action, resource, tenant, owner, audit, fresh. Without it the action comes from the operation id,
and no statement about a resource can allow the operation.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from durward.core.difference import excerpt
from durward.core.openapi.crossings import Crossing, find_crossings
from durward.core.openapi.extension import STRICT, read_extension
from durward.core.openapi.faults import DocumentRefused, Findings, TooMany, pointed
from durward.core.openapi.members import (
    EXTENSION,
    METHODS,
    OF_A_DOCUMENT,
    OF_COMPONENTS,
    REF,
    check_no_extension,
    read_members,
    read_operation,
    read_path_item,
)
from durward.core.openapi.operation_ids import (
    MAX_ID_CHARACTERS,
    action_of,
    actions_of,
    ids_of,
    is_hashed,
    is_id,
)
from durward.core.openapi.parameters import (
    PathParameter,
    check_variables,
    read_parameters,
    with_labels,
)
from durward.core.openapi.references import References
from durward.core.openapi.router import Route, ambiguous_routes
from durward.core.openapi.security import (
    A_TOKEN,
    MAX_ASKED_CHARACTERS,
    Demand,
    Scheme,
    read_demand,
    read_schemes,
)
from durward.core.openapi.servers import (
    MAX_URLS,
    ServerUrl,
    base_path_of,
    check_inner,
    read_servers,
)
from durward.core.openapi.spec_version import version_problem
from durward.core.openapi.template import filled, path_problem, shape_of, variables_of
from durward.core.sizes import OPERATIONS
from durward.core.wire import Json

READS: Final = {"GET", "HEAD", "OPTIONS"}
DOTS: Final = {".", ".."}

_TYPE = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
_VALUE = re.compile(r"[^/:*?$\\\x00-\x20\x7f]{1,256}\Z")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path template, and its object."""

    id: str
    method: str
    path: str
    action: str
    public: bool = False
    scopes: tuple[frozenset[str], ...] = ()
    resource: str | None = None
    tenant: str | None = None
    owner: str | None = None
    strict_audit: bool = True
    fresh: bool = False

    def allows_scopes(self, held: frozenset[str]) -> bool:
        """Whether a token's scopes satisfy one of the alternatives, or none is required."""
        return not self.scopes or any(wanted <= held for wanted in self.scopes)

    def takes_scopes_beyond(self, other: "Operation") -> bool:
        """Whether the scopes of some token are enough that are not for the other."""
        enough = self.scopes or (frozenset(),)
        return not all(map(other.allows_scopes, enough))

    def asks_less_than(self, other: "Operation") -> bool:
        """Whether it lets in a request, before policies are asked, that the other refuses."""
        if other.public:
            return self.fresh < other.fresh
        return self.public or self.fresh < other.fresh or self.takes_scopes_beyond(other)

    @property
    def route(self) -> tuple[str, str]:
        """Its method and path, without the names of variables."""
        return self.method, shape_of(self.path)

    @property
    def asked_scopes(self) -> frozenset[str]:
        """Every scope that an alternative names."""
        return frozenset().union(*self.scopes)


@dataclass(frozen=True, slots=True)
class Inventory:
    """All operations of a document, the descriptions of its scopes, and notes for its author.

    `unread` counts the unread members by name; `notes` are readings that the author may not expect.
    """

    operations: tuple[Operation, ...]
    scopes: Mapping[str, str]
    unread: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    opening: int = 0
    """The number of notes about open access; these come first."""
    base_path: str = ""
    """The path below which the service serves the paths: as declared, or that of `servers`."""


def read_inventory(document: Json, api: str, base_path: str | None = None) -> Inventory:
    """The inventory of an API's OpenAPI document; `base_path` is the declared one, if any.

    Raises DocumentRefused with every fault and its place (a JSON pointer).
    """
    found = Findings()
    try:
        inventory = _inventory(document, api, base_path, found)
    except TooMany:
        inventory = None
    if inventory is None or found.faults:
        raise DocumentRefused(api, found.faults)
    return inventory


def _inventory(
    document: Json, api: str, base_path: str | None, found: Findings
) -> Inventory | None:
    if problem := version_problem(document):
        found.refuse(*problem)
    if problem or not isinstance(document, dict):
        return None
    reading = _Reading(document, api, base_path, found)
    operations = tuple(map(reading.with_labels, reading.operations()))
    for problem_of_two in _collisions(operations):
        found.refuse("/paths", problem_of_two)
    if not operations and not found.faults:
        found.refuse("/paths", "declares no operation")
    if not found.faults:
        _note_crossings(operations, found)
    unread, notes, opening = dict(found.unread), found.notes, found.opening
    return Inventory(operations, reading.scopes, unread, notes, opening, reading.base_path)


def resource_arn(
    operation: Operation, api: str, stage: str, values: Mapping[str, str]
) -> str | None:
    """The resource of a request; None if a value cannot be part of a name.

    A value with a separator or a wildcard would name another resource.
    """
    if any(value in DOTS for value in values.values()):
        return None
    safe = {name: value for name, value in values.items() if can_be_named(value)}
    tenant = filled(operation.tenant or "", safe)
    resource = filled(operation.resource or "", safe)
    if tenant is None or resource is None:
        return None
    return f"arn:durward:{api}:{stage}:{tenant}:{resource}"


def can_be_named(value: str) -> bool:
    """Whether a value can be one part of the name of a resource."""
    return bool(_VALUE.match(value)) and value not in DOTS


def is_object(name: str) -> bool:
    """Whether a text is the last segment of a resource: `type/id`, or `type/id/type/id`."""
    kind, *parts = name.split("/")
    return bool(_TYPE.match(kind)) and bool(parts) and all(map(can_be_named, parts))


InPath: TypeAlias = tuple[PathParameter, ...]
"""The parameters of a list that are in the path."""


@dataclass(frozen=True, slots=True)
class _Content:
    """The content of an operation without its path; None if it is refused."""

    parameters: InPath
    demand: Demand | None


class _Reading:
    """One reading of one document."""

    def __init__(
        self, document: Mapping[str, Json], api: str, base_path: str | None, found: Findings
    ) -> None:
        self._document = document
        self._api = api
        self._found = found
        self.base_path = (base_path or "").removesuffix("/")
        self._base_paths = {self.base_path}
        self._references = References(dict(document))
        # References can put one thing under thousands of paths: it is read once, by its identity,
        # and its faults are told where it is met first. As an operation it is another thing.
        self._items: dict[int, InPath] = {}
        self._of_paths: dict[str, InPath] = {}
        self._with_labels: dict[tuple[str, str], str] = {}
        self._contents: dict[int, _Content] = {}
        self._urls = self._asked = 0
        self._schemes: Mapping[str, Scheme]
        self._schemes, self.scopes = read_schemes(document, self._references, found)
        self._default: Demand | None = A_TOKEN
        if "security" in document:
            self._default = read_demand(document["security"], "/security", self._schemes, found)
        self._paths = self._read_paths()
        self._read_document(base_path)

    def operations(self) -> Iterator[Operation]:
        """The operations that can be read; the others become faults."""
        read = [*self._places()]
        written = [self._written_id(value, place) for _, _, value, place, _ in read]
        keys = [(method, path) for path, method, _, _, _ in read]
        ids = ids_of([(*key, identity) for key, identity in zip(keys, written, strict=True)])
        found: list[tuple[Operation, str]] = []
        for path, method, value, place, variables in read:
            identity = ids[method, path]
            operation = self._operation(value, identity, method, path, variables, place)
            if operation:
                found.append((operation, place))
        actions = actions_of(self._api, (each.id for each, _ in found if not each.action))
        named = dict(zip(keys, written, strict=True))
        for each, place in found:
            operation = each if each.action else replace(each, action=actions[each.id])
            self._note_name(operation, named[each.method.lower(), each.path], place)
            yield operation

    def _written_id(self, value: dict[str, Json], place: str) -> str | None:
        """The written id of an operation; None if there is none, or one that cannot be its name."""
        identity, where = value.get("operationId"), f"{place}/operationId"
        if identity is None or (isinstance(identity, str) and is_id(identity)):
            return identity
        problem = f"printable ASCII, at most {MAX_ID_CHARACTERS} characters, a letter among them"
        if isinstance(identity, str) and identity:
            self._found.note(where, f"not {problem}: the operation is named after its path")
        else:
            self._found.refuse(where, problem)
        return None

    def _note_name(self, operation: Operation, written: str | None, place: str) -> None:
        """Note the name of an operation that shares its id or its action with another one."""
        if written is None:
            return
        if operation.id != written:
            told = f"the id of several operations, so this one is `{operation.id}`"
            self._found.note(f"{place}/operationId", f"`{excerpt(written)}` is {told}")
        elif is_hashed(operation.action, action_of(self._api, written)):
            told = f"another id is the same action, so this one is `{operation.action}`"
            self._found.note(f"{place}/operationId", told)

    def _read_paths(self) -> dict[str, Json]:
        paths = self._document.get("paths", {})
        if not isinstance(paths, dict):
            self._found.refuse("/paths", "not an object of paths")
            return {}
        check_no_extension(paths, "/paths", self._found)
        if REF in paths:
            hint = "refer to each path item, as in `/things: {$ref: things.yaml}`"
            self._found.refuse(f"/paths/{REF}", f"all paths by one reference are not read; {hint}")
        return {path: item for path, item in paths.items() if not path.startswith(("x-", REF))}

    def with_labels(self, operation: Operation) -> Operation:
        """An operation with the path of requests, by the styles of its parameters."""
        path = self._with_labels.get((operation.method, operation.path))
        return replace(operation, path=path) if path else operation

    def _read_document(self, base_path: str | None) -> None:
        document, found = self._document, self._found
        read_members(document, "", OF_A_DOCUMENT, found)
        components = document.get("components")
        for name, named in (components if isinstance(components, dict) else {}).items():
            if name not in OF_COMPONENTS and isinstance(named, dict):
                found.leave(name, len(named))
        if isinstance(components, dict):
            check_no_extension(components, "/components", found)
        if "servers" in document:
            servers = self._servers(document["servers"], "/servers")
            if base_path is None:
                self.base_path = base_path_of(servers, found)
                self._base_paths = {self.base_path}
            self._base_paths.update(one.base_path for one in servers)

    def _places(self) -> Iterator[tuple[str, str, dict[str, Json], str, frozenset[str]]]:
        """Path, method, content, place and variables of every operation."""
        found = self._found
        number = 0
        for path, written in self._paths.items():
            place = pointed("/paths", path)
            before = len(found.faults)
            item = self._references.read(written, place, found)
            if problem := path_problem(path):
                found.refuse(place, problem)
            elif not isinstance(item, dict):
                if len(found.faults) == before:
                    found.refuse(place, "not an object")
            else:
                variables = frozenset(variables_of(path))
                if id(item) not in self._items:
                    read_path_item(item, place, found)
                    self._items[id(item)] = self._shared(item, place)
                self._of_paths[path] = self._items[id(item)]
                check_variables(self._items[id(item)], f"{place}/parameters", variables, found)
                for method in filter(item.__contains__, METHODS):
                    where = f"{place}/{method}"
                    count = len(found.faults)
                    value = self._references.read(item[method], where, found)
                    if isinstance(value, dict):
                        number += 1
                        if number > OPERATIONS:
                            problem = f"more than {OPERATIONS} operations, the maximum"
                            found.refuse("/paths", problem)
                            raise TooMany
                        yield path, method, value, where, variables
                    elif len(found.faults) == count:
                        found.refuse(where, "not an object")

    def _shared(self, value: Mapping[str, Json], place: str) -> InPath:
        """The members that path items and operations share."""
        parameters: InPath = ()
        if "parameters" in value:
            listed, where = value["parameters"], f"{place}/parameters"
            parameters = read_parameters(listed, where, self._references, self._found)
        if "servers" in value:
            servers = self._servers(value["servers"], f"{place}/servers")
            check_inner(servers, self._base_paths, self._found)
        return parameters

    def _servers(self, value: Json, place: str) -> Sequence[ServerUrl]:
        servers = read_servers(value, place, self._found)
        self._urls += len(servers)
        if self._urls > MAX_URLS:
            problem = f"the servers of the document have more than {MAX_URLS} URLs"
            self._found.refuse(place, problem)
            raise TooMany
        return servers

    def _content(self, value: dict[str, Json], place: str) -> _Content:
        found = self._found
        before = len(found.faults)
        read_operation(value, place, found)
        parameters = self._shared(value, place)
        demand = self._default
        if "security" in value:
            demand = read_demand(value["security"], f"{place}/security", self._schemes, found)
        return _Content(parameters, demand if len(found.faults) == before else None)

    def _operation(
        self,
        value: dict[str, Json],
        identity: str,
        method: str,
        path: str,
        variables: frozenset[str],
        place: str,
    ) -> Operation | None:
        found = self._found
        before = len(found.faults)
        if id(value) not in self._contents:
            self._contents[id(value)] = self._content(value, place)
        content = self._contents[id(value)]
        check_variables(content.parameters, f"{place}/parameters", variables, found)
        with_dots = with_labels(path, (*self._of_paths[path], *content.parameters))
        if with_dots != path:
            self._with_labels[method.upper(), path] = with_dots
            if problem := path_problem(with_dots):
                found.refuse(place, f"with the style `label` it is `{with_dots}`: {problem}")
        demand = content.demand
        self._asked += demand.characters if demand else 0
        if self._asked > MAX_ASKED_CHARACTERS:
            problem = f"operations ask for more than {MAX_ASKED_CHARACTERS} characters of scopes"
            found.refuse(f"{place}/security", problem)
            raise TooMany
        where = f"{place}/{EXTENSION}"
        written = self._references.read(value.get(EXTENSION, {}), where, found)
        if len(found.faults) > before:
            return None
        extension = read_extension(written, self._api, variables, where, found)
        if extension is None or demand is None:
            return None
        audit = extension.audit or ("batched" if method.upper() in READS else STRICT)
        return Operation(
            id=identity,
            method=method.upper(),
            path=path,
            action=extension.action or "",
            public=demand.public,
            scopes=demand.scopes,
            resource=extension.resource,
            tenant=extension.tenant,
            owner=extension.owner,
            strict_audit=audit == STRICT,
            fresh=extension.fresh,
        )


def _collisions(operations: tuple[Operation, ...]) -> Iterator[str]:
    ids: dict[str, str] = {}
    for operation in operations:
        if other := ids.get(operation.id.lower()):
            yield f"operation ids `{other}` and `{operation.id}` are the same but for case"
        ids[operation.id.lower()] = operation.id
    for first, second in ambiguous_routes(
        Route(each.method, each.path, each.id) for each in operations
    ):
        yield f"`{second.what}` and `{first.what}` answer the same requests"


def _note_crossings(operations: tuple[Operation, ...], found: Findings) -> None:
    """Note pairs that share paths: each that may open something, of the others one and a number."""
    pairs = find_crossings(Route(each.method, each.path, each) for each in operations)
    others: list[Crossing[Operation]] = []
    for pair in pairs.found:
        if pair.taken.what.asks_less_than(pair.other.what):
            found.note("/paths", f"{_told(pair)}, which asks for more; {_advice(pair)}", opens=True)
        else:
            others.append(pair)
    if others:
        more = f" ({len(others) - 1} more pairs share paths)" if len(others) > 1 else ""
        found.note("/paths", f"{_told(others[0])}; {_advice(others[0])}{more}")
    if not pairs.whole:
        found.note("/paths", "more pairs of operations share paths than are searched", opens=True)


def _told(pair: Crossing[Operation]) -> str:
    taken, other = (f"`{one.method} {excerpt(one.template)}`" for one in (pair.taken, pair.other))
    fit = f"fit `{excerpt(pair.shared)}`" if pair.shared else "fit some paths"
    decided = "the edge decides by the first"
    return f"{taken} and {other} both {fit}: {decided}; a service may do the second"


def _advice(pair: Crossing[Operation]) -> str:
    rename = "rename one, or let the service declare the first before the second"
    shared = pair.shared and f"`{pair.method} {excerpt(pair.shared)}`"
    return f"declare {shared} with all that both ask for, or {rename}" if shared else rename
