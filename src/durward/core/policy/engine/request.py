"""A request for a decision, taken apart once: who, what, on which resource, in which context."""

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
"""The fact that no condition reads: the token's scopes, or None where none narrows."""

TENANT_SEGMENT: Final = 4
MAX_LEVELS: Final = 4
"""How many levels of `type/id/type/id` an index tells apart."""
WHOLE: Final = MAX_LEVELS + 1
"""Where the whole of a resource stands, behind its levels."""

Levels = tuple[str | None, ...]
"""A text cut after each of its first levels: nothing, `order/`, `order/1/` …, then all of it."""


PRINCIPAL_ARN: Final = intern("durward:principalarn")
PRINCIPAL_TYPE: Final = intern("durward:principaltype")
SUBJECT: Final = intern("durward:subject")
TENANT_ID: Final = intern("durward:tenantid")
CLIENT_ID: Final = intern("durward:clientid")
ROLES: Final = intern("durward:roles")
GROUPS: Final = intern("durward:groups")
TOKEN_SCOPES: Final = intern("durward:scopes")
"""What a principal tells; the same object for the same key, as with `folded`."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `scopes` is None where no token narrows what they may do.

    `policies` and `boundary` are the names of the documents that are a person's own: all of the
    boundary together is one ceiling.
    `attachments` are the names that policies are attached to, such as `client/cli`, `role/clerk`;
    `through` is the client that a user came through, whose boundaries count too; `arns` are the
    principal's own name, then those of its roles and groups, then `root`: its whole tenant, as
    documents of AWS name it (and `delegate`, where the principal is that itself); `facts` are what
    conditions read; `spelled` is all of the principal in one text, and no other's.
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
        # Each part as Python spells it, whose end nothing within can feign.
        names = f"{self.kind!r}{self.subject!r}{self.tenant!r}{self.client!r}"
        own = f"{self.policies!r}{self.boundary!r}" if self.policies or self.boundary else ""
        spelled = f"{names}{self.roles!r}{self.groups!r}{own}{scopes!r}"
        object.__setattr__(self, "facts", facts)
        object.__setattr__(self, "spelled", spelled)


NOBODY: Final = Principal("", "anonymous", "")
"""Stands for who asks without a token, where somebody is asked about; a request has None there."""
UNKNOWN: Final = "-"
"""How nobody is spelled: as no principal begins."""
ANONYMOUS: Final[Facts] = {
    **dict.fromkeys(NOBODY.facts),  # absent, whatever the context says
    PRINCIPAL: (),
}


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Who wants to do what to which resource, under which circumstances.

    `context` is what is known beside: values by key, without regard to the key's case. Text, truth
    values, numbers and lists of them are read, up to MAX_TEXT_CHARACTERS and MAX_LISTED; None is an
    absent key; anything else is a value that cannot be read, and so is what stands under one key
    twice. Who the principal is the context cannot say.

    What an index asks of it is prepared here: `asked` tells who asks for what, in one text, which
    unlike a tuple remembers its hash; `levels` is the resource cut after each of its levels,
    `lasts` the same of its last segment; `facts` are the values by key, None for one that is not
    among them; `get` gives the value of a key. Where the resource is no ARN, `is_arn` is false and
    nothing can be looked up.
    `is_cross_tenant` tells whether the resource is another tenant's than the principal's: `owner`
    where it is told whose it is, else the tenant of its ARN.
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
    """The last segment of a resource, cut after each of its first levels."""
    found: list[str | None] = [""]
    end = last.find("/") + 1
    while end and len(found) < WHOLE:
        found.append(last[:end])
        end = last.find("/", end) + 1
    return (*found, *[None] * (WHOLE - len(found)), last)


def read_context(context: Mapping[str, object]) -> dict[str, object]:
    """What conditions read of a context: keys in lower case, values as text."""
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
    """A key in lower case; the same object for the same key, so that comparing it is quick."""
    return intern(key.lower())


MAX_LISTED: Final = 200
"""How many values a key may have, and MAX_TEXT_CHARACTERS how long each may be: decisions take
bounded time whatever a request brings."""
MAX_TEXT_CHARACTERS: Final = 8_192
UNREADABLE: Final = object()
"""A value that is neither text nor texts."""


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
