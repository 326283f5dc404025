"""The decision: which layers apply to a request, and what they say together.

One Deny in any layer wins. Then every ceiling that is present must allow, and a grant must exist:
of an identity policy, or of a resource policy; across tenants of both. Ceilings always cap. Where
nothing is said the answer is no.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from durward.core.policy.document import Document, Effect, Statement
from durward.core.policy.pattern import ARN_SEGMENTS, parse_action
from durward.core.policy.predicate import (
    ACTION,
    PRINCIPAL,
    RESOURCE,
    Acts,
    Facts,
    Predicate,
    Value,
    atom_holds,
    compile_statement,
    holds,
)

TENANT_SEGMENT = 4


class Layer(StrEnum):
    """Where a statement stands."""

    GUARDRAIL = "guardrail"
    RESOURCE = "resource policy"
    IDENTITY = "identity policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"


class Result(StrEnum):
    """The answer; only the first is a yes."""

    ALLOW = "allow"
    EXPLICIT_DENY = "explicit deny"
    IMPLICIT_DENY = "implicit deny"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `scopes` is None where no token narrows what they may do."""

    subject: str
    kind: str
    tenant: str
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    client: str = ""
    scopes: frozenset[str] | None = None

    @property
    def attachments(self) -> tuple[str, ...]:
        """The names that policies are attached to, such as `user/ann` and `role/clerk`."""
        return (
            f"{self.kind}/{self.subject}",
            *(f"role/{role}" for role in self.roles),
            *(f"group/{group}" for group in self.groups),
        )

    @property
    def arns(self) -> tuple[str, ...]:
        """The principal's own name, then those of its roles and groups."""
        return tuple(f"arn:durward:iam::{self.tenant}:{name}" for name in self.attachments)


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Who wants to do what to which resource, under which circumstances.

    `context` holds keys in lower case; those that tell who the principal is are never read from it.
    """

    principal: Principal | None
    action: str
    resource: str
    context: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """A statement, compiled, and where it stands."""

    layer: Layer
    document: str
    statement: Statement
    predicate: Predicate
    actions: Acts

    @property
    def id(self) -> str:
        """`document/statement`."""
        return f"{self.document}/{self.statement.name}"

    @property
    def denies(self) -> bool:
        """Whether it is a Deny."""
        return self.statement.effect is Effect.DENY


@dataclass(frozen=True, slots=True)
class Answer:
    """The result, the statements that decided, or else the layers that blocked."""

    result: Result
    because: tuple[str, ...] = ()
    blocked_by: tuple[Layer, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the answer is yes."""
        return self.result is Result.ALLOW


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
    """Policies, compiled at load: for each action and attachment the rules that can matter."""

    def __init__(self, policies: Policies) -> None:
        self._identity = _compiled(Layer.IDENTITY, policies.identity)
        self._resources = _compiled(Layer.RESOURCE, policies.resources)
        self._boundaries = _compiled(Layer.BOUNDARY, policies.boundaries)
        self._guardrails = [list(_rules(Layer.GUARDRAIL, level)) for level in policies.guardrails]
        self._scopes = {
            scope: tuple(parse_action(action) for action in sorted(actions))
            for scope, actions in policies.scopes.items()
        }
        self._plans: dict[tuple[str, str, str], list[Rule]] = {}

    def evaluate(self, request: AccessRequest) -> Answer:
        """Decide one request."""
        facts, layers = facts_of(request), dict(self.layers(request))
        applying = {
            name: [rule for rule in rules if holds(rule.predicate, facts)]
            for name, rules in layers.items()
        }
        denying = tuple(rule.id for rules in applying.values() for rule in rules if rule.denies)
        if denying:
            return Answer(Result.EXPLICIT_DENY, denying)
        blocked: list[Layer] = [
            layer
            for (layer, _), rules in applying.items()
            if layer in {Layer.GUARDRAIL, Layer.BOUNDARY} and not rules
        ]
        if not self.scope_covers(request):
            blocked.append(Layer.SESSION)
        granted = {
            layer: tuple(rule.id for rule in applying.get((layer, ""), ()))
            for layer in (Layer.IDENTITY, Layer.RESOURCE)
        }
        missing = [layer for layer, rules in granted.items() if not rules]
        both_needed = is_cross_tenant(request)
        if (both_needed and missing) or len(missing) == len(granted):
            blocked = [*missing, *blocked]
        if blocked:
            return Answer(Result.IMPLICIT_DENY, blocked_by=tuple(dict.fromkeys(blocked)))
        return Answer(Result.ALLOW, (*granted[Layer.IDENTITY], *granted[Layer.RESOURCE]))

    def layers(self, request: AccessRequest) -> Iterator[tuple[tuple[Layer, str], list[Rule]]]:
        """The layers that apply, each with its rules that mean the action.

        A layer has a name beside its kind where several of its kind must allow on their own.
        """
        action, principal = request.action.lower(), request.principal
        api = request.action.partition(":")[0]
        yield (Layer.RESOURCE, ""), self._plan(Layer.RESOURCE, api, action)
        if principal:
            names = principal.attachments
            found = [rule for name in names for rule in self._plan(Layer.IDENTITY, name, action)]
            yield (Layer.IDENTITY, ""), found
            through = (f"client/{principal.client}",) if principal.kind != "client" else ()
            for name in (*names, *through):
                if name in self._boundaries:
                    yield (Layer.BOUNDARY, name), self._plan(Layer.BOUNDARY, name, action)
        for number, _ in enumerate(self._guardrails):
            yield (Layer.GUARDRAIL, str(number)), self._plan(Layer.GUARDRAIL, str(number), action)

    def scope_covers(self, request: AccessRequest) -> bool:
        """Whether the token's scopes leave the action: they narrow, and never widen."""
        principal = request.principal
        if principal is None or principal.scopes is None:
            return True
        action = request.action.lower()
        return any(
            pattern.matches(action)
            for scope in principal.scopes
            for pattern in self._scopes.get(scope, ())
        )

    def scopes_for(self, action: str) -> tuple[str, ...]:
        """The scopes that cover an action."""
        wanted = action.lower()
        covering = (
            scope
            for scope, patterns in self._scopes.items()
            if any(pattern.matches(wanted) for pattern in patterns)
        )
        return tuple(sorted(covering))

    def _plan(self, layer: Layer, name: str, action: str) -> list[Rule]:
        key = (layer.value, name, action)
        plan = self._plans.get(key)
        if plan is None:
            rules = self._rules_at(layer, name)
            plan = [rule for rule in rules if atom_holds(rule.actions, {ACTION: action})]
            if rules and len(self._plans) < MAX_PLANS:
                self._plans[key] = plan
        return plan

    def _rules_at(self, layer: Layer, name: str) -> list[Rule]:
        if layer is Layer.GUARDRAIL:
            return self._guardrails[int(name)]
        attached = {
            Layer.IDENTITY: self._identity,
            Layer.RESOURCE: self._resources,
            Layer.BOUNDARY: self._boundaries,
        }[layer]
        return attached.get(name, [])


MAX_PLANS = 100_000


def facts_of(request: AccessRequest) -> Facts:
    """Everything that is known of a request. Who the principal is cannot be said by the context."""
    facts: dict[str, Value] = {
        key: value for key, value in request.context.items() if key not in IDENTITY_KEYS
    }
    facts |= {ACTION: request.action, RESOURCE: request.resource, PRINCIPAL: ()}
    principal = request.principal
    if principal:
        facts[PRINCIPAL] = principal.arns
        facts["durward:principalarn"] = principal.arns[0]
        facts["durward:principaltype"] = principal.kind
        facts["durward:subject"] = principal.subject
        facts["durward:tenantid"] = principal.tenant or None
        facts["durward:clientid"] = principal.client or None
        facts["durward:roles"] = principal.roles
        facts["durward:groups"] = principal.groups
        facts["durward:scopes"] = tuple(sorted(principal.scopes or ()))
    return facts


IDENTITY_KEYS = frozenset(
    f"durward:{name}"
    for name in (
        *("principalarn", "principaltype", "subject", "tenantid", "clientid"),
        *("roles", "groups", "scopes"),
    )
)


def is_cross_tenant(request: AccessRequest) -> bool:
    """Whether the resource belongs to another tenant than the principal."""
    segments = request.resource.split(":", ARN_SEGMENTS - 1)
    tenant = segments[TENANT_SEGMENT] if len(segments) == ARN_SEGMENTS else ""
    return bool(request.principal and tenant and tenant != request.principal.tenant)


def _compiled(layer: Layer, attached: Mapping[str, Sequence[Document]]) -> dict[str, list[Rule]]:
    return {name: list(_rules(layer, documents)) for name, documents in attached.items()}


def _rules(layer: Layer, documents: Sequence[Document]) -> Iterator[Rule]:
    for document in documents:
        for statement in document.statements:
            acts = Acts(statement.actions.patterns, statement.actions.complement)
            yield Rule(layer, document.name, statement, compile_statement(statement), acts)
