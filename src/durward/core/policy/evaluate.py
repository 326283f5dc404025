"""The decision: which layers apply to a request, and what they say together.

One Deny in any layer wins. Then every ceiling that is present must allow, and a grant must exist:
of an identity policy, or of a resource policy; across tenants of both. Ceilings always cap. Where
nothing is said the answer is no.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Final

from durward.core.policy.block import Block, Plan
from durward.core.policy.document import Document, value_text
from durward.core.policy.index import Levels, Rule, levels_of
from durward.core.policy.pattern import ARN_SEGMENTS, parse_action
from durward.core.policy.predicate import ACTION, PRINCIPAL, RESOURCE, Facts

TENANT_SEGMENT: Final = 4
MAX_PREPARED: Final = 200_000
"""How many plans are made at load; what is beyond them is made when it is asked for first."""


class Layer(StrEnum):
    """Where a statement stands."""

    GUARDRAIL = "guardrail"
    RESOURCE = "resource policy"
    IDENTITY = "identity policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"


GRANTS: Final = (Layer.IDENTITY, Layer.RESOURCE)


class Result(StrEnum):
    """The answer; only the first is a yes."""

    ALLOW = "allow"
    EXPLICIT_DENY = "explicit deny"
    IMPLICIT_DENY = "implicit deny"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `scopes` is None where no token narrows what they may do.

    `attachments` are the names that policies are attached to, such as `user/ann` and `role/clerk`,
    `bounds` those and the client that a user came through, whose boundaries count too; `arns` are
    the principal's own name, then those of its roles and groups; `facts` what conditions read.
    """

    subject: str
    kind: str
    tenant: str
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    client: str = ""
    scopes: frozenset[str] | None = None
    attachments: tuple[str, ...] = field(init=False, compare=False, repr=False)
    bounds: tuple[str, ...] = field(init=False, compare=False, repr=False)
    arns: tuple[str, ...] = field(init=False, compare=False, repr=False)
    facts: Facts = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        attachments = (
            f"{self.kind}/{self.subject}",
            *(f"role/{role}" for role in self.roles),
            *(f"group/{group}" for group in self.groups),
        )
        through = (f"client/{self.client}",) if self.client and self.kind != "client" else ()
        arns = tuple(f"arn:durward:iam::{self.tenant}:{name}" for name in attachments)
        object.__setattr__(self, "attachments", attachments)
        object.__setattr__(self, "bounds", attachments + through)
        object.__setattr__(self, "arns", arns)
        facts = {
            PRINCIPAL: arns,
            "durward:principalarn": arns[0],
            "durward:principaltype": self.kind,
            "durward:subject": self.subject or None,
            "durward:tenantid": self.tenant or None,
            "durward:clientid": self.client or None,
            "durward:roles": self.roles,
            "durward:groups": self.groups,
            "durward:scopes": tuple(sorted(filter(None, self.scopes or ()))),
        }
        object.__setattr__(self, "facts", facts)


ANONYMOUS: Final[Facts] = {
    **dict.fromkeys(Principal("", "", "").facts),  # absent, whatever the context says
    PRINCIPAL: (),
}


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Who wants to do what to which resource, under which circumstances.

    `context` is what is known beside: values by key, without regard to the key's case. Text, truth
    values, numbers and lists of them are read; None is an absent key; anything else is a value that
    cannot be read, and so is what stands under one key twice. Who the principal is the context
    cannot say. `is_cross_tenant` tells whether the resource is another tenant's than the
    principal's. All is taken apart here, once.
    """

    principal: Principal | None
    action: str
    resource: str
    context: Mapping[str, object] = field(default_factory=dict)
    folded_action: str = field(init=False, compare=False, repr=False)
    segments: tuple[str, ...] = field(init=False, compare=False, repr=False)
    levels: Levels = field(init=False, compare=False, repr=False)
    is_cross_tenant: bool = field(init=False, compare=False, repr=False)
    facts: Facts = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        segments = tuple(self.resource.split(":", ARN_SEGMENTS - 1))
        facts = read_context(self.context)
        facts.update(self.principal.facts if self.principal else ANONYMOUS)
        facts[ACTION], facts[RESOURCE] = self.action, self.resource
        object.__setattr__(self, "folded_action", self.action.lower())
        object.__setattr__(self, "segments", segments)
        object.__setattr__(self, "levels", levels_of(segments[-1]))
        object.__setattr__(self, "facts", facts)
        home = self.principal.tenant if self.principal else ""
        named = segments[TENANT_SEGMENT] if len(segments) == ARN_SEGMENTS else ""
        crosses = self.principal is not None and named not in {"", home}
        object.__setattr__(self, "is_cross_tenant", crosses)


def read_context(context: Mapping[str, object]) -> dict[str, object]:
    """What conditions read of a context: keys in lower case, values as text."""
    facts = {
        key.lower(): value if value.__class__ is str else _fact(value)
        for key, value in context.items()
    }
    if len(facts) != len(context):
        keys = [key.lower() for key in context]
        facts |= dict.fromkeys((key for key in facts if keys.count(key) > 1), UNREADABLE)
    return facts


UNREADABLE: Final = object()
"""A value that is neither text nor texts."""


def _fact(value: object) -> object:
    if value is None:
        return None
    if isinstance(value, list | tuple):
        texts = [value_text(item) for item in value]
        return UNREADABLE if None in texts else tuple(texts)
    text = value_text(value)
    return UNREADABLE if text is None else text


Deciding = tuple[Layer, Rule]
"""A statement that decided, and where it stands."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result, the statement that decided, or else the layers that blocked.

    Across tenants two statements allow together.
    """

    result: Result
    deciding: tuple[Deciding, ...] = ()
    blocked_by: tuple[Layer, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the answer is yes."""
        return self.result is Result.ALLOW

    @property
    def because(self) -> tuple[str, ...]:
        """The names of the statements that decided."""
        return tuple(rule.id for _, rule in self.deciding)


@dataclass(frozen=True)
class Policies:
    """Documents and what they are attached to.

    `identity` and `boundaries` by `user/ann`, `client/cli`, `role/clerk`, `group/staff`;
    `resources` by API; `guardrails` are levels for everybody, each of which must allow;
    `scopes` says for each scope which actions it covers.
    """

    identity: Mapping[str, Sequence[Document]] = field(default_factory=dict)
    resources: Mapping[str, Sequence[Document]] = field(default_factory=dict)
    boundaries: Mapping[str, Sequence[Document]] = field(default_factory=dict)
    guardrails: Sequence[Sequence[Document]] = ()
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)


class PolicySet:
    """Policies, compiled at load: for each attachment and action the plan that decides."""

    def __init__(self, policies: Policies) -> None:
        self._identity = _blocks(policies.identity)
        self._resources = _blocks(policies.resources)
        self._boundaries = _blocks(policies.boundaries)
        self._guardrails = [Block(level) for level in policies.guardrails]
        self._scopes = {
            scope: tuple(parse_action(action) for action in sorted(actions))
            for scope, actions in policies.scopes.items()
        }
        self._prepare({action.lower() for named in policies.scopes.values() for action in named})

    def _prepare(self, asked: set[str]) -> None:
        """Make the plans of the actions that are known: that scopes cover or a statement names."""
        attached = (self._identity, self._resources, self._boundaries)
        blocks = [*self._guardrails, *chain.from_iterable(found.values() for found in attached)]
        known = sorted(asked.union(*(block.actions for block in blocks)))
        self._covering = {action: self._scopes_over(action) for action in known}
        left = MAX_PREPARED
        for block in blocks:
            if block.is_open and left >= len(known):
                block.prepare(known)
                left -= len(known)

    def evaluate(self, request: AccessRequest) -> Answer:
        """Decide one request."""
        ceilings, grants = self._ceilings(request), self._grants(request)
        denying = _denying(ceilings + grants if ceilings else grants, request)
        if denying:
            return Answer(Result.EXPLICIT_DENY, (denying,))
        granting = _granting(grants, request)
        blocked = []
        if not granting or (request.is_cross_tenant and len(granting) < len(GRANTS)):
            blocked += [layer for layer in GRANTS if layer not in granting]
        if ceilings:
            blocked += [layer for layer, plan in ceilings if not _allowing(plan, request)]
        if not self.scope_covers(request):
            blocked.append(Layer.SESSION)
        if blocked:
            return Answer(Result.IMPLICIT_DENY, blocked_by=tuple(dict.fromkeys(blocked)))
        return Answer(Result.ALLOW, tuple(granting.items()))

    def layers(self, request: AccessRequest) -> list[tuple[Layer, Plan]]:
        """The layers that apply to the request, each with its plan for the action."""
        return self._ceilings(request) + self._grants(request)

    def keys_read(self, request: AccessRequest) -> frozenset[str]:
        """The keys on which the decision can depend: equal values of them, equal decisions."""
        return frozenset().union(*(plan.keys for _, plan in self.layers(request)))

    def scope_covers(self, request: AccessRequest) -> bool:
        """Whether the token's scopes leave the action: they narrow, and never widen."""
        principal = request.principal
        if principal is None or principal.scopes is None:
            return True
        return not principal.scopes.isdisjoint(self.scopes_for(request.action))

    def scopes_for(self, action: str) -> frozenset[str]:
        """The scopes that cover an action."""
        folded = action.lower()
        known = self._covering.get(folded)
        return self._scopes_over(folded) if known is None else known

    def _scopes_over(self, action: str) -> frozenset[str]:
        return frozenset(
            scope
            for scope, patterns in self._scopes.items()
            if any(pattern.matches(action) for pattern in patterns)
        )

    def _ceilings(self, request: AccessRequest) -> list[tuple[Layer, Plan]]:
        action, principal = request.folded_action, request.principal
        found = [(Layer.GUARDRAIL, block.plan(action)) for block in self._guardrails]
        if principal and self._boundaries:
            found += _attached(Layer.BOUNDARY, self._boundaries, principal.bounds, action)
        return found

    def _grants(self, request: AccessRequest) -> list[tuple[Layer, Plan]]:
        action, principal = request.folded_action, request.principal
        names = principal.attachments if principal else ()
        found = _attached(Layer.IDENTITY, self._identity, names, action)
        if self._resources and (block := self._resources.get(action.partition(":")[0])):
            found.append((Layer.RESOURCE, block.plan(action)))
        return found


def _attached(
    layer: Layer, blocks: Mapping[str, Block], names: Sequence[str], action: str
) -> list[tuple[Layer, Plan]]:
    return [(layer, blocks[name].plan(action)) for name in names if name in blocks]


def _denying(plans: list[tuple[Layer, Plan]], request: AccessRequest) -> Deciding | None:
    for layer, plan in plans:
        if plan.denies:
            rule = plan.denies.first(request.facts, request.segments, request.levels)
            if rule:
                return layer, rule
    return None


def _allowing(plan: Plan, request: AccessRequest) -> Rule | None:
    allows = plan.allows
    return allows.first(request.facts, request.segments, request.levels) if allows else None


def _granting(grants: list[tuple[Layer, Plan]], request: AccessRequest) -> dict[Layer, Rule]:
    """A statement of each layer that grants; within a tenant one of any layer is enough."""
    granting: dict[Layer, Rule] = {}
    for layer, plan in grants:
        if layer not in granting and (rule := _allowing(plan, request)):
            granting[layer] = rule
            if not request.is_cross_tenant:
                break
    return granting


def _blocks(attached: Mapping[str, Sequence[Document]]) -> dict[str, Block]:
    return {name: Block(documents) for name, documents in attached.items()}
