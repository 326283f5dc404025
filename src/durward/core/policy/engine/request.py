"""A request for a decision: principal, action, resource and context, prepared for look-ups."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from sys import intern
from types import NoneType
from typing import Final

from durward.core.policy.engine.predicate import ACTION, PRINCIPAL, RESOURCE, Facts
from durward.core.policy.language.dialect import DELEGATE, ROOT
from durward.core.policy.language.document import value_text
from durward.core.policy.language.pattern import ARN_SEGMENTS

SCOPES: Final = "scopes"
"""A fact that no condition reads: the token's scopes, or None if scopes do not restrict."""

TENANT_SEGMENT: Final = 4
MAX_LEVELS: Final = 4
"""The levels of `type/id/type/id` that an index distinguishes."""
WHOLE: Final = MAX_LEVELS + 1
"""The position of the whole resource, behind its levels."""

Levels = tuple[str | None, ...]
"""The prefixes of a string by its first levels: empty, `order/`, `order/1/` …, then all of it."""


PRINCIPAL_ARN: Final = intern("durward:principalarn")
PRINCIPAL_TYPE: Final = intern("durward:principaltype")
SUBJECT: Final = intern("durward:subject")
TENANT_ID: Final = intern("durward:tenantid")
CLIENT_ID: Final = intern("durward:clientid")
ROLES: Final = intern("durward:roles")
GROUPS: Final = intern("durward:groups")
TOKEN_SCOPES: Final = intern("durward:scopes")
"""A key of the principal; interned, as by `folded`."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A principal. `scopes` is None if scopes do not restrict it.

    `policies` and `boundary` are the names of a person's own documents: the whole boundary is one
    ceiling. `attachments` are the names to which policies are attached, such as `client/cli`,
    `role/clerk`; `through` is the client through which a user calls, whose boundaries count too.
    `arns` are the principal's own name, then those of its roles and groups, then `root`: its whole
    tenant, as documents of AWS name it (and `delegate`, for the tenant itself). `facts` are the
    keys that conditions read; `spelled` is a unique string of the principal.
    """

    subject: str
    kind: str
    tenant: str
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    client: str = ""
    scopes: frozenset[str] | None = None
    policies: tuple[str, ...] = ()
    boundary: tuple[str, ...] = ()
    attachments: tuple[str, ...] = field(init=False, compare=False, repr=False)
    through: str = field(init=False, compare=False, repr=False)
    arns: tuple[str, ...] = field(init=False, compare=False, repr=False)
    facts: Facts = field(init=False, compare=False, repr=False)
    spelled: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        attachments = (
            f"{self.kind}/{self.subject}",
            *[f"role/{role}" for role in self.roles],
            *[f"group/{group}" for group in self.groups],
        )
        through = f"client/{self.client}" if self.client and self.kind != "client" else ""
        whole = (ROOT, DELEGATE) if self.kind == ROOT else (ROOT,)
        beginning = f"arn:durward:iam::{self.tenant}:"
        arns = tuple([beginning + name for name in (*attachments, *whole)])
        scopes = None if self.scopes is None else sorted(self.scopes)
        object.__setattr__(self, "attachments", attachments)
        object.__setattr__(self, "through", through)
        object.__setattr__(self, "arns", arns)
        facts = {
            PRINCIPAL: arns,
            SCOPES: self.scopes,
            PRINCIPAL_ARN: arns[0],
            PRINCIPAL_TYPE: self.kind,
            SUBJECT: self.subject or None,
            TENANT_ID: self.tenant or None,
            CLIENT_ID: self.client or None,
            ROLES: self.roles,
            GROUPS: self.groups,
            TOKEN_SCOPES: tuple(filter(None, scopes or ())),
        }
        # Each part as `repr` spells it: no content can imitate the end of a part.
        names = f"{self.kind!r}{self.subject!r}{self.tenant!r}{self.client!r}"
        own = f"{self.policies!r}{self.boundary!r}" if self.policies or self.boundary else ""
        spelled = f"{names}{self.roles!r}{self.groups!r}{own}{scopes!r}"
        object.__setattr__(self, "facts", facts)
        object.__setattr__(self, "spelled", spelled)


NOBODY: Final = Principal("", "anonymous", "")
"""The anonymous principal, in questions; a request without a token has None instead."""
UNKNOWN: Final = "-"
"""The string for no principal; that of a principal never begins so."""
ANONYMOUS: Final[Facts] = {
    **dict.fromkeys(NOBODY.facts),  # absent, whatever the context says
    PRINCIPAL: (),
}


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A request: a principal, an action, a resource and a context.

    `context` has values by key, ignoring the key's case: strings, booleans, numbers and lists of
    them, up to MAX_TEXT_CHARACTERS and MAX_LISTED. None is an absent key; any other value is
    malformed, and so is a key that is given twice. Keys of the principal in a context are ignored.

    The other attributes prepare look-ups: `asked` is principal and action in one string, which
    unlike a tuple caches its hash; `levels` are the prefixes of the resource by level, `lasts`
    those of its last segment; `facts` are the values by key, None for a missing one; `get` gives
    the value of a key. If the resource is not an ARN, `is_arn` is false and no index applies.
    `is_cross_tenant`: the resource belongs to another tenant than the principal, by `owner` if it
    is given, else by the tenant of its ARN.
    """

    principal: Principal | None
    action: str
    resource: str
    context: Mapping[str, object] = field(default_factory=dict)
    owner: str = ""
    folded_action: str = field(init=False, compare=False, repr=False)
    asked: str = field(init=False, compare=False, repr=False)
    is_arn: bool = field(init=False, compare=False, repr=False)
    segments: tuple[str, ...] = field(init=False, compare=False, repr=False)
    levels: Levels = field(init=False, compare=False, repr=False)
    lasts: Levels = field(init=False, compare=False, repr=False)
    is_cross_tenant: bool = field(init=False, compare=False, repr=False)
    facts: dict[str, object] = field(init=False, compare=False, repr=False)
    get: Callable[[str], object] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        segments = tuple(self.resource.split(":", ARN_SEGMENTS - 1))
        facts = defaultdict[str, object](NoneType, read_context(self.context))
        facts.update(self.principal.facts if self.principal else ANONYMOUS)
        facts[ACTION], facts[RESOURCE] = self.action, self.resource
        put = object.__setattr__
        folded = self.action.lower()
        lasts = levels_of(segments[-1])
        head = self.resource[: len(self.resource) - len(segments[-1])]
        put(self, "folded_action", folded)
        person = self.principal
        put(self, "asked", (person.spelled if person else UNKNOWN) + folded)
        put(self, "is_arn", len(segments) == ARN_SEGMENTS)
        put(self, "segments", segments)
        put(self, "lasts", lasts)
        put(self, "levels", tuple([None if end is None else head + end for end in lasts]))
        put(self, "facts", facts)
        put(self, "get", facts.get)
        home = self.principal.tenant if self.principal else ""
        named = self.owner or (segments[TENANT_SEGMENT] if len(segments) == ARN_SEGMENTS else "")
        put(self, "is_cross_tenant", self.principal is not None and named not in {"", home})
        if person and self.is_cross_tenant:
            facts[PRINCIPAL] = (*person.arns, f"arn:durward:iam::{home}:{DELEGATE}")


def levels_of(last: str) -> Levels:
    """The prefixes of a resource's last segment by its first levels."""
    found: list[str | None] = [""]
    end = last.find("/") + 1
    while end and len(found) < WHOLE:
        found.append(last[:end])
        end = last.find("/", end) + 1
    return (*found, *[None] * (WHOLE - len(found)), last)


def read_context(context: Mapping[str, object]) -> dict[str, object]:
    """The facts of a context: keys in lower case, values as strings."""
    facts = {
        folded(key): value
        if value.__class__ is str and len(value) <= MAX_TEXT_CHARACTERS
        else _fact(value)
        for key, value in context.items()
    }
    if len(facts) != len(context):
        keys = [key.lower() for key in context]
        facts |= dict.fromkeys((key for key in facts if keys.count(key) > 1), UNREADABLE)
    return facts


@lru_cache(maxsize=4_096)
def folded(key: str) -> str:
    """A key in lower case, interned, so that comparisons are fast."""
    return intern(key.lower())


MAX_LISTED: Final = 200
"""The number of values of a key, each up to MAX_TEXT_CHARACTERS: decisions take bounded time for
any request."""
MAX_TEXT_CHARACTERS: Final = 8_192
UNREADABLE: Final = object()
"""A malformed value: neither a string nor strings."""


def _fact(value: object) -> object:
    if value is None:
        return None
    if isinstance(value, list | tuple):
        texts = [_readable(item) for item in value] if len(value) <= MAX_LISTED else [None]
        return UNREADABLE if None in texts else tuple(texts)
    text = _readable(value)
    return UNREADABLE if text is None else text


def _readable(value: object) -> str | None:
    text = value_text(value)
    return text if text is None or len(text) <= MAX_TEXT_CHARACTERS else None
