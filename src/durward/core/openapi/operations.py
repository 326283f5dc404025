"""From an OpenAPI document to the operations it declares (OpenAPI 3.0 and 3.1).

An operation names its object by `x-durward`: action, resource, tenant, owner, audit, fresh. Without
it the action comes from the operation id, and no statement about a resource can allow it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from durward.core.errors import Misconfigured
from durward.core.sizes import OPERATIONS
from durward.core.wire import Json

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
READS = {"GET", "HEAD", "OPTIONS"}
MAX_PATH_CHARACTERS = 1_000
TEXTS = ("action", "resource", "tenant", "owner")
EXTENSION = {*TEXTS, "audit", "fresh"}

_NAME = r"[A-Za-z][A-Za-z0-9_-]*"
_VARIABLE = re.compile(r"\{(" + _NAME + r")\}")
_TEMPLATE = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()+,=:@-]+|\{" + _NAME + r"\}))+\Z|/\Z")
_OPERATION_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}\Z")
_ACTION = re.compile(r"[a-z][a-z0-9-]*:[A-Za-z][A-Za-z0-9_.-]{0,127}\Z")
_TYPE = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
_RESOURCE = re.compile(r"[a-z][a-z0-9-]*/[^\s*?$]{1,200}\Z")
DOTS = {".", ".."}
_VALUE = re.compile(r"[^/:*?$\\\x00-\x20\x7f]{1,256}\Z")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path template, and the object it is about."""

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
        """Whether a token's scopes satisfy one of the alternatives, or none is asked for."""
        return not self.scopes or any(wanted <= held for wanted in self.scopes)

    @property
    def route(self) -> tuple[str, str]:
        """Its method, and its path whatever the variables are called."""
        return self.method, _VARIABLE.sub("{}", self.path)

    @property
    def asked_scopes(self) -> frozenset[str]:
        """Every scope that an alternative names."""
        return frozenset().union(*self.scopes)


@dataclass(frozen=True, slots=True)
class Inventory:
    """All operations of a document, and its scopes in words."""

    operations: tuple[Operation, ...]
    scopes: Mapping[str, str]


def read_inventory(document: Json, api: str) -> Inventory:
    """The inventory of an API's OpenAPI document.

    Raises Misconfigured that lists every problem with its place (a JSON pointer).
    """
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3."):
        raise Misconfigured(f"{api}: /openapi", "not an OpenAPI 3 document", hint="openapi: 3.1.0")
    problems: list[str] = []
    operations = tuple(_operations(document, api, problems))
    problems += _collisions(operations)
    if len(operations) > OPERATIONS:
        problems.append(f"/paths: {len(operations)} operations, and {OPERATIONS} are served")
    if not operations and not problems:
        problems.append("/paths: declares no operation")
    if problems:
        raise Misconfigured(api, "; ".join(problems), hint="every place is a JSON pointer")
    return Inventory(operations, _scopes(document))


def resource_arn(
    operation: Operation, api: str, stage: str, values: Mapping[str, str]
) -> str | None:
    """The resource that a request is about; None where a value cannot stand in a name.

    A value with a separator or a wildcard in it would name something else than it says.
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
    """Whether a value can stand in the name of a resource, as one part of it."""
    return bool(_VALUE.match(value)) and value not in DOTS


def is_object(name: str) -> bool:
    """Whether a text is the last segment of a resource: `type/id`, or `type/id/type/id`."""
    kind, *parts = name.split("/")
    return bool(_TYPE.match(kind)) and bool(parts) and all(map(can_be_named, parts))


def filled(expression: str | None, values: Mapping[str, str]) -> str | None:
    """An expression of `x-durward` with the path's values; None where one is missing."""
    try:
        return expression and _VARIABLE.sub(lambda found: values[found[1]], expression)
    except KeyError:
        return None


def _operations(document: dict[str, Json], api: str, problems: list[str]) -> Iterator[Operation]:
    paths = document.get("paths")
    default = document.get("security")
    for path, item in (paths if isinstance(paths, dict) else {}).items():
        place = f"/paths/{path.replace('~', '~0').replace('/', '~1')}"
        if not isinstance(item, dict):
            problems.append(f"{place}: not an object")
        elif "$ref" in item:
            problems.append(f"{place}: a path item by `$ref` is not read; write it in place")
        elif problem := _path_problem(path):
            problems.append(f"{place}: {problem}")
        else:
            for method in METHODS:
                if method in item:
                    where = f"{place}/{method}"
                    found = _operation(item[method], method, path, api, default, where, problems)
                    if found:
                        yield found


def _path_problem(path: str) -> str | None:
    if len(path) > MAX_PATH_CHARACTERS:
        return f"longer than {MAX_PATH_CHARACTERS} characters"
    if not _TEMPLATE.match(path):
        return "a segment is literal text or one `{variable}`, with no empty segment"
    if {".", ".."} & set(path.split("/")):
        return "has a dot segment"
    names = _VARIABLE.findall(path)
    return "names a variable twice" if len(names) != len(set(names)) else None


def _operation(
    value: Json,
    method: str,
    path: str,
    api: str,
    default: Json,
    place: str,
    problems: list[str],
) -> Operation | None:
    if not isinstance(value, dict):
        problems.append(f"{place}: not an object")
        return None
    identity = value.get("operationId", _fallback_id(method, path))
    if not isinstance(identity, str) or not _OPERATION_ID.match(identity):
        problems.append(f"{place}/operationId: letters, digits, `_`, `.`, `-`; first a letter")
        return None
    extension = value.get("x-durward", {})
    if not isinstance(extension, dict) or extension.keys() - EXTENSION:
        known = ", ".join(sorted(EXTENSION))
        problems.append(f"{place}/x-durward: an object with members out of: {known}")
        return None
    before = len(problems)
    audit = extension.get("audit", "batched" if method.upper() in READS else "strict")
    problems += _extension_problems(extension, audit, api, path, f"{place}/x-durward")
    if len(problems) > before:
        return None
    texts = {name: str(extension[name]) for name in TEXTS if name in extension}
    security = value.get("security", default)
    return Operation(
        id=identity,
        method=method.upper(),
        path=path,
        action=texts.get("action", f"{api}:{identity[0].upper()}{identity[1:]}"),
        public=security == [],
        scopes=tuple(_required_scopes(security)),
        resource=texts.get("resource"),
        tenant=texts.get("tenant"),
        owner=texts.get("owner"),
        strict_audit=audit == "strict",
        fresh=extension.get("fresh") is True,
    )


def _extension_problems(
    extension: dict[str, Json], audit: Json, api: str, path: str, place: str
) -> Iterator[str]:
    variables = set(_VARIABLE.findall(path))
    for name in TEXTS:
        text = extension.get(name, "-")
        if not isinstance(text, str) or not text:
            yield f"{place}/{name}: text that is not empty"
        elif missing := set(_VARIABLE.findall(text)) - variables:
            yield f"{place}/{name}: the path has no `{{{min(missing)}}}`"
    action = extension.get("action")
    if isinstance(action, str) and not (_ACTION.match(action) and action.startswith(f"{api}:")):
        yield f"{place}/action: `{api}:Name`"
    resource = extension.get("resource")
    if isinstance(resource, str) and not _RESOURCE.match(resource):
        yield f"{place}/resource: `type/{{variable}}`"
    if audit not in ("strict", "batched"):
        yield f"{place}/audit: `strict` or `batched`"
    if not isinstance(extension.get("fresh", False), bool):
        yield f"{place}/fresh: true or false"


def _fallback_id(method: str, path: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", path)
    return method.capitalize() + "".join(word[0].upper() + word[1:] for word in words)


def _required_scopes(security: Json) -> Iterator[frozenset[str]]:
    """One set for each alternative (OpenAPI 3.1 §4.8.30): all of one of them are needed."""
    for requirement in security if isinstance(security, list) else []:
        if isinstance(requirement, dict):
            listed = [scopes for scopes in requirement.values() if isinstance(scopes, list)]
            yield frozenset(s for scopes in listed for s in scopes if isinstance(s, str))


def _collisions(operations: tuple[Operation, ...]) -> Iterator[str]:
    ids: dict[str, str] = {}
    shapes: dict[tuple[str, str], str] = {}
    for operation in operations:
        if other := ids.get(operation.id.lower()):
            yield f"operation ids `{other}` and `{operation.id}` are the same but for case"
        ids[operation.id.lower()] = operation.id
        shape = (operation.method, _VARIABLE.sub("{}", operation.path))
        if shape in shapes:
            yield f"`{operation.id}` and `{shapes[shape]}` answer the same requests"
        shapes[shape] = operation.id


def _scopes(document: dict[str, Json]) -> dict[str, str]:
    scopes: dict[str, str] = {}
    components = document.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, dict) else None
    for scheme in (schemes if isinstance(schemes, dict) else {}).values():
        flows = scheme.get("flows") if isinstance(scheme, dict) else None
        for flow in (flows if isinstance(flows, dict) else {}).values():
            named = flow.get("scopes") if isinstance(flow, dict) else None
            for scope, words in (named if isinstance(named, dict) else {}).items():
                scopes[scope] = str(words)
    return scopes
