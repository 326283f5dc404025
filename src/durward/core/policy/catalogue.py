"""The catalogue: which actions, resource types and context keys there are, per API.

Actions and types come from the operations of an API's OpenAPI document. Keys are those that
`core.edge.facts` and `Principal.facts` provide; `Presence` says under which circumstances they do.
What a service tells of its own objects is declared with its API.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from durward.core.openapi.operations import Operation

PREFIX = "durward:"
MAX_COMPARED = 200
"""How many names are looked through for the one that was meant: those of a like length first."""
CLOSE_ENOUGH = 0.6


class Type(StrEnum):
    """What a key's value is; `ANY` is text of which only its author knows more."""

    TEXT = "text"
    NUMBER = "number"
    INSTANT = "instant"
    TRUTH = "truth value"
    ADDRESS = "address"
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
    """A context key; a name that ends with `/` is a family of them. `many`: several values."""

    name: str
    type: Type
    presence: Presence
    many: bool = False


class DeclaredKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an API declares of a key that its service tells, such as `durward:ResourceAttr/state`.

    `many`: it has several values; `always`: it has a value whenever it is asked for.
    """

    type: Type = Type.TEXT
    many: bool = False
    always: bool = False

    def named(self, name: str) -> Key:
        """The key."""
        presence = Presence.ALWAYS if self.always else Presence.SOMETIMES
        return Key(name, self.type, presence, self.many)


def _keys(presence: Presence, kind: Type, *names: str, many: bool = False) -> list[Key]:
    return [Key(PREFIX + name, kind, presence, many) for name in names]


KEYS: tuple[Key, ...] = (
    *_keys(Presence.ALWAYS, Type.TEXT, "RequestMethod", "RequestPath", "OperationId", "Stage"),
    *_keys(Presence.ALWAYS, Type.ADDRESS, "SourceIp"),
    *_keys(Presence.ALWAYS, Type.TRUTH, "SecureTransport"),
    *_keys(Presence.ALWAYS, Type.INSTANT, "CurrentTime", "EpochTime"),
    *_keys(Presence.SOMETIMES, Type.TEXT, "TlsVersion", "UserAgent"),
    *_keys(Presence.PATH, Type.ANY, "PathParam/"),
    *_keys(Presence.TENANT, Type.TEXT, "ResourceTenant"),
    *_keys(Presence.OWNER, Type.TEXT, "ResourceOwner"),
    *_keys(Presence.SIGNED_IN, Type.ARN, "PrincipalArn"),
    *_keys(Presence.SIGNED_IN, Type.TEXT, "PrincipalType", "Subject", "Issuer", "TokenBinding"),
    *_keys(Presence.SIGNED_IN, Type.TRUTH, "MultiFactorAuthPresent"),
    *_keys(Presence.SIGNED_IN, Type.TEXT, "Audience", many=True),
    *_keys(Presence.SOMETIMES, Type.TEXT, "TenantId", "ClientId", "SessionId", "Acr"),
    *_keys(Presence.SOMETIMES, Type.TEXT, "Roles", "Groups", "Scopes", "Amr", many=True),
    *_keys(Presence.SOMETIMES, Type.INSTANT, "AuthTime", "TokenIssueTime"),
    *_keys(Presence.SOMETIMES, Type.NUMBER, "AuthAge", "TokenAge"),
    *_keys(Presence.SOMETIMES, Type.ANY, "TokenClaim/"),
    # No request at the edge has them yet; an enforcement point of somebody else may tell them.
    *_keys(Presence.NEVER, Type.ANY, "QueryParam/", "Header/", "TagKeys", many=True),
    *_keys(Presence.NEVER, Type.TEXT, "RequestedFields", "ResourceMembers", many=True),
    *_keys(Presence.NEVER, Type.ANY, "PrincipalTag/", "ResourceTag/", "ResourceAttr/"),
    *_keys(Presence.NEVER, Type.ANY, "RequestTag/"),
    *_keys(Presence.NEVER, Type.TEXT, "Actor", "DeviceId", "DeviceTrust"),
    *_keys(Presence.NEVER, Type.NUMBER, "MultiFactorAuthAge", "RiskScore"),
)
"""Every key that Durward itself provides.

A token is only known to have what the edge refuses it without: issuer and audience, which Envoy
compares, and a subject. Whatever else RFC 9068 asks of a token is `SOMETIMES` here.
"""

FAMILIES: Mapping[Type, frozenset[str]] = {
    Type.TEXT: frozenset({"String"}),
    Type.NUMBER: frozenset({"Numeric"}),
    Type.INSTANT: frozenset({"Date", "Numeric"}),
    Type.TRUTH: frozenset({"Bool"}),
    Type.ADDRESS: frozenset({"IpAddress"}),
    Type.ARN: frozenset({"Arn", "String"}),
}
"""The families of operators that fit a type; all fit one that is missing here."""


def family_of(operator: str) -> str:
    """The family of an operator: `Numeric` of `NumericLessThan`."""
    if operator in {"IpAddress", "NotIpAddress"}:
        return "IpAddress"
    families = ("String", "Numeric", "Date", "Bool", "Binary", "Arn")
    return next(family for family in families if operator.startswith(family))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The operations of each API, and the keys by their name in lower case.

    Without any API nothing is said about actions and resources: they are not known.
    """

    apis: Mapping[str, tuple[Operation, ...]] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    types_by_api: Mapping[str, frozenset[str]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        types = {
            api: frozenset(o.resource.partition("/")[0] for o in operations if o.resource)
            for api, operations in self.apis.items()
        }
        object.__setattr__(self, "types_by_api", types)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations of all APIs."""
        return tuple(found for operations in self.apis.values() for found in operations)

    def types(self, apis: Iterable[str]) -> frozenset[str]:
        """The resource types of these APIs: `order` of `order/{order_id}`."""
        return frozenset().union(*(self.types_by_api[api] for api in apis))

    def key(self, name: str) -> Key | None:
        """A key by its name, without regard to case; of a family its member."""
        folded = name.lower()
        head, slash, rest = folded.partition("/")
        found = self.keys.get(folded)
        return found or (self.keys.get(f"{head}/") if slash and rest else None)

    def path_names(self) -> frozenset[str]:
        """The variables of all paths, in lower case."""
        return frozenset().union(*map(_path_names, self.operations))

    def is_present(self, name: str, operations: Sequence[Operation]) -> bool | None:
        """Whether a key has a value in every request to these operations; None: in no request.

        Where no operation is known, a request is supposed to carry a token and nothing else.
        """
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
                having = [not operation.public for operation in operations]
                return all(having)
            case Presence.TENANT:
                having = [operation.tenant is not None for operation in operations]
            case Presence.OWNER:
                having = [operation.owner is not None for operation in operations]
            case Presence.PATH:
                wanted = name.lower().partition("/")[2]
                having = [wanted in _path_names(operation) for operation in operations]
        if not having:
            return False
        return all(having) if any(having) else None


def catalogue_of(
    apis: Mapping[str, Iterable[Operation]], provided: Iterable[Key] = ()
) -> Catalogue:
    """The catalogue of APIs by name; `provided` are keys that come from elsewhere too."""
    keys = {key.name.lower(): key for key in (*KEYS, *provided)}
    return Catalogue({name: tuple(operations) for name, operations in apis.items()}, keys)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing where no known name is close."""
    nearest = sorted(known, key=lambda each: (abs(len(each) - len(name)), each))
    spelled = {each.lower(): each for each in nearest[:MAX_COMPARED]}
    close = difflib.get_close_matches(name.lower(), spelled, n=1, cutoff=CLOSE_ENOUGH)
    return f"; did you mean `{spelled[close[0]]}`?" if close else ""


def _path_names(operation: Operation) -> frozenset[str]:
    segments = operation.path.split("/")
    return frozenset(found[1:-1].lower() for found in segments if found.startswith("{"))
