"""The catalogue: the actions, resource types and context keys of each API.

Actions and types come from the operations of an API's OpenAPI document. Keys are those that
`core.edge.facts` and `Principal.facts` provide; `Presence` says when they do. The keys that a
service provides for its own objects are declared with its API. Where enforcement points of others
ask for decisions about an API, their requests have the keys that `core.authzen.question` takes from
them.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from durward.core.openapi.operations import Operation
from durward.core.openapi.template import variables_of

PREFIX = "durward:"
MAX_COMPARED = 200
"""How many known names a misspelled one is compared with: those of the closest length."""
CLOSE_ENOUGH = 0.6


class Type(StrEnum):
    """The type of a key's value; `ANY` is a string that only its author can interpret."""

    STRING = "string"
    NUMBER = "number"
    TIMESTAMP = "timestamp"
    BOOLEAN = "boolean"
    IP = "ip"
    ARN = "arn"
    ANY = "any"


class Presence(StrEnum):
    """When a key has a value."""

    ALWAYS = "always"
    SIGNED_IN = "with a token"
    TENANT = "where the operation names a tenant"
    OWNER = "where the operation names an owner"
    PATH = "where the path has it"
    SOMETIMES = "sometimes"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Key:
    """A context key; a name that ends with `/` is a family of keys. `many`: it has several values.

    `presence` is its presence at the edge, `elsewhere` in the requests of other enforcement points.
    """

    name: str
    type: Type
    presence: Presence
    many: bool = False
    elsewhere: Presence = Presence.SOMETIMES


class DeclaredKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The declaration of a key that an API's service provides: `durward:ResourceAttr/state`."""

    type: Type = Type.STRING
    """The type of its values."""
    many: bool = False
    """It may have several values."""
    always: bool = False
    """It has a value whenever it is asked for."""

    def named(self, name: str) -> Key:
        """The key."""
        presence = Presence.ALWAYS if self.always else Presence.SOMETIMES
        return Key(name, self.type, presence, self.many, presence)


def _keys(
    presence: Presence,
    kind: Type,
    *names: str,
    many: bool = False,
    elsewhere: Presence = Presence.SOMETIMES,
) -> list[Key]:
    return [Key(PREFIX + name, kind, presence, many, elsewhere) for name in names]


KEYS: tuple[Key, ...] = (
    *_keys(Presence.ALWAYS, Type.STRING, "RequestMethod", "RequestPath"),
    *_keys(Presence.ALWAYS, Type.STRING, "OperationId", elsewhere=Presence.NEVER),
    *_keys(Presence.ALWAYS, Type.STRING, "Stage", elsewhere=Presence.ALWAYS),
    *_keys(Presence.ALWAYS, Type.IP, "SourceIp"),
    *_keys(Presence.ALWAYS, Type.BOOLEAN, "SecureTransport"),
    *_keys(Presence.ALWAYS, Type.TIMESTAMP, "CurrentTime", "EpochTime", elsewhere=Presence.ALWAYS),
    *_keys(Presence.SOMETIMES, Type.STRING, "TlsVersion", "UserAgent"),
    *_keys(Presence.PATH, Type.ANY, "PathParam/"),
    *_keys(Presence.TENANT, Type.STRING, "ResourceTenant", elsewhere=Presence.TENANT),
    *_keys(Presence.OWNER, Type.STRING, "ResourceOwner"),
    *_keys(Presence.SIGNED_IN, Type.ARN, "PrincipalArn", elsewhere=Presence.ALWAYS),
    *_keys(Presence.SIGNED_IN, Type.STRING, "PrincipalType", "Subject", elsewhere=Presence.ALWAYS),
    *_keys(Presence.SIGNED_IN, Type.STRING, "TokenBinding"),
    *_keys(Presence.SIGNED_IN, Type.BOOLEAN, "MultiFactorAuthPresent"),
    *_keys(Presence.SIGNED_IN, Type.STRING, "Issuer", elsewhere=Presence.NEVER),
    *_keys(Presence.SIGNED_IN, Type.STRING, "Audience", many=True, elsewhere=Presence.NEVER),
    *_keys(Presence.SOMETIMES, Type.STRING, "TenantId", "ClientId", "SessionId", "Acr"),
    *_keys(Presence.SOMETIMES, Type.STRING, "Roles", "Groups", "Scopes", "Amr", many=True),
    *_keys(Presence.SOMETIMES, Type.TIMESTAMP, "AuthTime", "TokenIssueTime"),
    *_keys(Presence.SOMETIMES, Type.NUMBER, "AuthAge", "TokenAge"),
    *_keys(Presence.SOMETIMES, Type.ANY, "TokenClaim/", elsewhere=Presence.NEVER),
    # No request at the edge has them: others alone tell them.
    *_keys(Presence.NEVER, Type.ANY, "QueryParam/", "Header/", many=True),
    *_keys(Presence.NEVER, Type.STRING, "RequestedFields", "ResourceMembers", many=True),
    *_keys(Presence.NEVER, Type.ANY, "PrincipalTag/", "ResourceAttr/", "RequestTag/"),
    *_keys(Presence.NEVER, Type.STRING, "DeviceId", "DeviceTrust"),
    *_keys(Presence.NEVER, Type.NUMBER, "MultiFactorAuthAge", "RiskScore"),
    # Names that are kept for what is to come: nobody tells them yet.
    *_keys(Presence.NEVER, Type.ANY, "TagKeys", many=True, elsewhere=Presence.NEVER),
    *_keys(Presence.NEVER, Type.ANY, "ResourceTag/", elsewhere=Presence.NEVER),
    *_keys(Presence.NEVER, Type.STRING, "Actor", elsewhere=Presence.NEVER),
)
"""Every key that Durward itself provides.

Of a token only that is certain without which the edge refuses it: issuer and audience, which Envoy
compares, and a subject. Other claims are `SOMETIMES`, even those that RFC 9068 requires.
"""

FAMILIES: Mapping[Type, frozenset[str]] = {
    Type.STRING: frozenset({"String"}),
    Type.NUMBER: frozenset({"Numeric"}),
    Type.TIMESTAMP: frozenset({"Date", "Numeric"}),
    Type.BOOLEAN: frozenset({"Bool"}),
    Type.IP: frozenset({"IpAddress"}),
    Type.ARN: frozenset({"Arn", "String"}),
}
"""The families of operators that fit a type; a type that is missing here fits all."""


def family_of(operator: str) -> str:
    """The family of an operator: `Numeric` of `NumericLessThan`."""
    if operator in {"IpAddress", "NotIpAddress"}:
        return "IpAddress"
    families = ("String", "Numeric", "Date", "Bool", "Binary", "Arn")
    return next(family for family in families if operator.startswith(family))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The operations of each API, and the keys by their names in lower case.

    Without any API actions and resources are unknown, and not checked. `evaluated` are the APIs
    about which other enforcement points ask for decisions.
    """

    apis: Mapping[str, tuple[Operation, ...]] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    evaluated: frozenset[str] = frozenset()
    types_by_api: Mapping[str, frozenset[str]] = field(init=False, compare=False, repr=False)
    path_names: frozenset[str] = field(init=False, compare=False, repr=False)
    """The variables of all paths, in lower case."""

    def __post_init__(self) -> None:
        types = {
            api: frozenset(o.resource.partition("/")[0] for o in operations if o.resource)
            for api, operations in self.apis.items()
        }
        object.__setattr__(self, "types_by_api", types)
        names = frozenset().union(*map(_path_names, self.operations))
        object.__setattr__(self, "path_names", names)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations of all APIs."""
        return tuple(found for operations in self.apis.values() for found in operations)

    def types(self, apis: Iterable[str]) -> frozenset[str]:
        """The resource types of these APIs: `order` of `order/{order_id}`."""
        return frozenset().union(*(self.types_by_api[api] for api in apis))

    def key(self, name: str) -> Key | None:
        """The key of that name, case-insensitive; for a family, its member."""
        folded = name.lower()
        head, slash, rest = folded.partition("/")
        found = self.keys.get(folded)
        return found or (self.keys.get(f"{head}/") if slash and rest else None)

    def is_present(self, name: str, operations: Sequence[Operation]) -> bool | None:
        """Whether a key has a value in every request to these operations; None: in no request.

        If no operation is known, the request is one to the edge, with a token.
        """
        at_the_edge = self.is_present_at_the_edge(name, operations)
        asked_about = [each for each in operations if self._is_evaluated(each)]
        if not asked_about:
            return at_the_edge
        key = self.key(name)
        presence = key.elsewhere if key else Presence.SOMETIMES
        return _whenever([at_the_edge, *(_elsewhere(presence, each) for each in asked_about)])

    def is_present_at_the_edge(self, name: str, operations: Sequence[Operation]) -> bool | None:
        """The same for requests to Durward's own edge."""
        key = self.key(name)
        presence = key.presence if key else Presence.SOMETIMES
        match presence:
            case Presence.ALWAYS:
                return True
            case Presence.SOMETIMES:
                return False
            case Presence.NEVER:
                return None
            case Presence.SIGNED_IN:
                return all(not operation.public for operation in operations)
            case Presence.TENANT:
                having = [operation.tenant is not None for operation in operations]
            case Presence.OWNER:
                having = [operation.owner is not None for operation in operations]
            case Presence.PATH:
                wanted = name.lower().partition("/")[2]
                having = [wanted in _path_names(operation) for operation in operations]
        return _whenever([True if each else None for each in having])

    def _is_evaluated(self, operation: Operation) -> bool:
        return operation.action.partition(":")[0] in self.evaluated


def catalogue_of(
    apis: Mapping[str, Iterable[Operation]],
    provided: Iterable[Key] = (),
    evaluated: Iterable[str] = (),
) -> Catalogue:
    """The catalogue of APIs by name.

    `provided` are keys from other sources, `evaluated` the APIs about which other enforcement
    points ask for decisions.
    """
    keys = {key.name.lower(): key for key in (*KEYS, *provided)}
    listed = {name: tuple(operations) for name, operations in apis.items()}
    return Catalogue(listed, keys, frozenset(evaluated))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or an empty string if no known name is close."""
    nearest = sorted(known, key=lambda each: (abs(len(each) - len(name)), each))
    spelled = {each.lower(): each for each in nearest[:MAX_COMPARED]}
    close = difflib.get_close_matches(name.lower(), spelled, n=1, cutoff=CLOSE_ENOUGH)
    return f"; did you mean `{spelled[close[0]]}`?" if close else ""


def _path_names(operation: Operation) -> frozenset[str]:
    return frozenset(map(str.lower, variables_of(operation.path)))


def _elsewhere(presence: Presence, operation: Operation) -> bool | None:
    """Whether the requests of other enforcement points about an operation have a key.

    They must name the tenant of an object where the operation names one, and may elsewhere.
    """
    match presence:
        case Presence.ALWAYS:
            return True
        case Presence.NEVER:
            return None
        case Presence.TENANT:
            return operation.tenant is not None
        case _:
            return False


def _whenever(having: Sequence[bool | None]) -> bool | None:
    """Whether all requests have a key, or none has it (None), from each kind of them."""
    if having and all(each is None for each in having):
        return None
    return bool(having) and all(having)
