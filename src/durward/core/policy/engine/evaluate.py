"""The evaluation: select the layers for a request, and combine them to a decision.

One Deny in any layer wins. Then every ceiling that is present must allow, and a grant must exist:
of an identity policy, or of a resource policy; across tenants of both. Ceilings always cap. The
default is deny.

A person's own policies come with the person, by name (ADR 24): a missing document might be the only
one that denies, so its name counts as a Deny.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from operator import itemgetter
from sys import intern
from typing import Final, TypeVar

from durward.core.policy.engine.absent import absent_document
from durward.core.policy.engine.attached import ActionIndex, AttachedPolicies
from durward.core.policy.engine.decision import GRANTS, Decision, Layer, Result
from durward.core.policy.engine.index import First, Index, compile_indexes, slowly_first
from durward.core.policy.engine.predicate import ACTION, RESOURCE, Facts
from durward.core.policy.engine.request import NOBODY, SCOPES, TENANT_ID, AccessRequest, Principal
from durward.core.policy.language.document import Document
from durward.core.policy.language.pattern import ActionPattern, parse_action

MAX_PREPARED: Final = 200_000
"""The number of plans made at load; further ones are made on demand."""
MAX_TOLD: Final = 16_384
"""The number of cached decisions."""
MAX_TOLD_CHARACTERS: Final = 2_048
"""The largest request, in all its values, whose decision is cached."""
MAX_COURSES: Final = 65_536
"""The number of cached evaluation plans, by principal and action."""
MAX_BOUNDARIES: Final = 4_096
"""The number of compiled boundaries of people, each a combination of documents."""
NOTHING_GRANTS: Final = Decision(Result.IMPLICIT_DENY, blocked_by=GRANTS)

NO_CONTEXT: Final = frozenset({ACTION, RESOURCE, *NOBODY.facts})
"""The facts of every request without its context."""
MEMBERSHIPS: Final = ("role/", "group/")

Layers = Sequence[tuple[Layer, ActionIndex]]
Names = tuple[str, ...]
PlanKey = tuple[Names, Names, Names, str, str, str]
"""The inputs of a plan: the principal's attachments, policies and boundary, the client through
which it calls, its tenant, and the action."""
Pick = Callable[[Facts], object]
"""Gives the values of some keys."""
Key = TypeVar("Key")
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Policies:
    """Documents and their attachments.

    `documents` are those that can be a person's own, by name; `identity` and `boundaries` are by
    `client/cli`, `role/clerk`, `group/staff` (and by `user/ann` in snapshots from before ADR 24);
    `resources` by API. `guardrails` are levels for all requests, each of which must allow, and
    `tenant_guardrails` such levels for the principals of a tenant, by its name. `scopes` has the
    actions that each scope covers.
    """

    identity: Mapping[str, Sequence[Document]] = field(default_factory=dict)
    resources: Mapping[str, Sequence[Document]] = field(default_factory=dict)
    boundaries: Mapping[str, Sequence[Document]] = field(default_factory=dict)
    guardrails: Sequence[Sequence[Document]] = ()
    tenant_guardrails: Mapping[str, Sequence[Sequence[Document]]] = field(default_factory=dict)
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    documents: Mapping[str, Document] = field(default_factory=dict)


class EvaluationPlan:
    """The evaluation of one action for all principals with the same attachments."""

    __slots__ = ("_pick", "ceilings", "context_keys", "denies", "grants", "layers", "scopes")

    def __init__(self, ceilings: Layers, grants: Layers, scopes: frozenset[str]) -> None:
        self.layers = (*ceilings, *grants)
        self.scopes = scopes
        self.denies = _first(plan.denies for _, plan in self.layers)
        self.grants = _first(plan.allows for _, plan in grants)
        self.ceilings = [(layer, _first([plan.allows])) for layer, plan in ceilings]
        self.context_keys: dict[bool, tuple[str, ...]] = {}
        self._pick: Pick | None = None

    @property
    def keys(self) -> frozenset[str]:
        """The keys on which the decision can depend."""
        always = frozenset({RESOURCE, SCOPES, TENANT_ID})
        return always.union(*(plan.keys for _, plan in self.layers))

    @property
    def pick(self) -> Pick:
        """A function for the values of those keys that principal and action do not determine.

        Keys are interned, since identical strings compare fastest.
        """
        if self._pick is None:
            told = {ACTION, *NOBODY.facts}
            self._pick = itemgetter(*map(intern, sorted(self.keys - told)))
        return self._pick


class PolicySet:
    """Policies, compiled at load: an evaluation plan for each attachment and action."""

    def __init__(self, policies: Policies) -> None:
        self._identity = _blocks(Layer.IDENTITY, policies.identity)
        self._resources = _blocks(Layer.RESOURCE, policies.resources)
        self._boundaries = _blocks(Layer.BOUNDARY, policies.boundaries)
        self._guardrails = [
            AttachedPolicies(Layer.GUARDRAIL, level) for level in policies.guardrails
        ]
        self._guardrails_of = {
            tenant: [AttachedPolicies(Layer.GUARDRAIL, level) for level in levels]
            for tenant, levels in policies.tenant_guardrails.items()
        }
        self._scopes_of: dict[str, set[str]] = {}  # by actions without wildcards
        self._scopes_with: list[tuple[str, ActionPattern]] = []  # and with wildcards
        for scope, actions in policies.scopes.items():
            for pattern in map(parse_action, sorted(actions)):
                if (named := pattern.template.literal) is None:
                    self._scopes_with.append((scope, pattern))
                else:
                    self._scopes_of.setdefault(named, set()).add(scope)
        self._attached = self._identity.keys() | self._boundaries.keys()
        self._asked: dict[str, EvaluationPlan] = {}
        self._documents = policies.documents
        self._own: dict[str, AttachedPolicies] = {}  # own policies of people, compiled on demand
        self._own_boundaries: dict[tuple[str, ...], AttachedPolicies] = {}
        self._courses: dict[PlanKey, EvaluationPlan] = {}
        self._told: dict[str, tuple[Pick, dict[object, Decision]]] = {}  # by principal and action
        self._member_keys: dict[str, frozenset[str]] = {}
        self._count = 0
        self._prepare({action.lower() for named in policies.scopes.values() for action in named})

    def _prepare(self, asked: set[str]) -> None:
        """Make the plans of known actions: those that scopes cover or statements name."""
        named = (self._identity, self._resources, self._boundaries)
        guardrails = (*self._guardrails, *chain.from_iterable(self._guardrails_of.values()))
        attached = [*guardrails, *chain.from_iterable(found.values() for found in named)]
        known = sorted(asked.union(*(each.actions for each in attached)))
        self._covering = {action: self._scopes_over(action) for action in known}
        left = MAX_PREPARED
        for one in attached:
            if one.is_open and left >= len(known):
                one.prepare(known)
                left -= len(known)

    def evaluate(self, request: AccessRequest) -> Decision:
        """Decide one request."""
        course = self._asked.get(request.asked) or self._course(request)
        if not request.is_arn or request.is_cross_tenant:
            return _slowly(course, request)
        if denied := course.denies(request):
            return denied
        if course.ceilings or not _covers(course, request):
            return _capped(course, request)
        return course.grants(request) or NOTHING_GRANTS

    def recall(self, request: AccessRequest) -> Decision:
        """Decide one request, from a cache by the values of all keys that matter.

        The time is such a key if a condition reads it, so that no decision is used too long.
        """
        if request.owner:  # no key has it
            return self.evaluate(request)
        try:
            pick, told = self._told[request.asked]
            return told[pick(request.facts)]
        except KeyError:
            return self._learn(request)

    def _learn(self, request: AccessRequest) -> Decision:
        answer = self.evaluate(request)
        pick = (self._asked.get(request.asked) or self._course(request)).pick
        known = pick(request.facts)
        if len(request.asked) + len(repr(known)) > MAX_TOLD_CHARACTERS:
            return answer
        if self._count >= MAX_TOLD:
            self._told.clear()
            self._count = 0
        _, told = self._told.setdefault(request.asked, (pick, {}))
        told[known] = answer
        self._count += 1
        return answer

    def evaluate_many(
        self,
        principal: Principal | None,
        action: str,
        objects: Iterable[tuple[str, Mapping[str, object]]],
    ) -> list[Decision]:
        """Decide one action on many objects, each a resource with its context."""
        return [
            self.evaluate(AccessRequest(principal, action, resource, context))
            for resource, context in objects
        ]

    def what_can(self, request: AccessRequest, actions: Iterable[str]) -> frozenset[str]:
        """The actions that the principal of the request can perform on its resource."""
        asked = (replace(request, action=action) for action in actions)
        return frozenset(each.action for each in asked if self.evaluate(each).allowed)

    def about(self, kind: str, action: str) -> list[str]:
        """The roles, or the groups, whose policies allow something about the action."""
        folded, beginning = action.lower(), f"{kind}/"
        return [
            name.removeprefix(beginning)
            for name, one in self._identity.items()
            if name.startswith(beginning) and one.plan(folded).allows
        ]

    @property
    def people_with_attachments(self) -> frozenset[str]:
        """The ids of people to whom something is attached by name, as before ADR 24."""
        names = (name.partition("user/") for name in self._attached)
        return frozenset(id for before, _, id in names if not before)

    def may_cross(self, action: str) -> bool:
        """Whether somebody of another tenant than the resource's can be allowed the action.

        That takes an Allow of a resource policy too.
        """
        folded = action.lower()
        resources = self._resources.get(folded.partition(":")[0])
        return resources is not None and resources.plan(folded).allows is not None

    def layers(self, request: AccessRequest) -> Layers:
        """The layers that apply to the request, each with its plan for the action."""
        return self._course(request).layers

    def keys_read(self, request: AccessRequest) -> frozenset[str]:
        """The keys on which the decision can depend: equal values give equal decisions."""
        return self._course(request).keys

    def context_keys(self, request: AccessRequest, *, as_member: bool) -> tuple[str, ...]:
        """The keys of the context on which the decision can depend, in order.

        With `as_member` also those on which it could depend if the principal had any other role or
        group, or another tenant.
        """
        plan = self._asked.get(request.asked) or self._course(request)
        found = plan.context_keys.get(as_member)
        if found is None:
            keys = plan.keys
            if as_member:
                keys |= self._keys_of_members(request.folded_action)
            found = tuple(map(intern, sorted(keys - NO_CONTEXT)))
            plan.context_keys[as_member] = found
        return found

    def _keys_of_members(self, action: str) -> frozenset[str]:
        found = self._member_keys.get(action)
        if found is None:
            attached = chain(self._identity.items(), self._boundaries.items())
            members = [one for name, one in attached if name.startswith(MEMBERSHIPS)]
            members += chain.from_iterable(self._guardrails_of.values())
            found = frozenset().union(*(one.plan(action).keys for one in members))
            _keep(self._member_keys, action, found)
        return found

    def scope_covers(self, request: AccessRequest) -> bool:
        """Whether the token's scopes cover the action: scopes only narrow."""
        return _covers(self._course(request), request)

    def scopes_for(self, action: str) -> frozenset[str]:
        """The scopes that cover an action."""
        folded = action.lower()
        known = self._covering.get(folded)
        return self._scopes_over(folded) if known is None else known

    def _scopes_over(self, action: str) -> frozenset[str]:
        wider = (scope for scope, pattern in self._scopes_with if pattern.matches(action))
        return frozenset(self._scopes_of.get(action, ())).union(wider)

    def _course(self, request: AccessRequest) -> EvaluationPlan:
        """The evaluation plan of a request, cached by principal and action."""
        person, action = request.principal, request.folded_action
        names = person.attachments if person else ()
        own = tuple(name for name in names if name in self._attached)
        through = person.through if person and person.through in self._boundaries else ""
        tenant = person.tenant if person and person.tenant in self._guardrails_of else ""
        policies, boundary = (person.policies, person.boundary) if person else ((), ())
        key = (own, policies, boundary, through, tenant, action)
        found = self._courses.get(key)
        if found is None:
            found = self._new_course(*key)
            _keep(self._courses, key, found)
        _keep(self._asked, request.asked, found)
        return found

    def _new_course(
        self,
        own: Names,
        policies: Names,
        boundary: Names,
        through: str,
        tenant: str,
        action: str,
    ) -> EvaluationPlan:
        """Make an evaluation plan; the client through which a user calls is only a ceiling."""
        guardrails = (*self._guardrails, *self._guardrails_of.get(tenant, ()))
        ceilings = [(Layer.GUARDRAIL, one.plan(action)) for one in guardrails]
        if boundary:
            ceilings.append((Layer.BOUNDARY, self._boundary_of(boundary).plan(action)))
        ceilings += _plans(Layer.BOUNDARY, self._boundaries, (*own, through), action)
        grants = [(Layer.IDENTITY, self._policy_of(name).plan(action)) for name in policies]
        grants += _plans(Layer.IDENTITY, self._identity, own, action)
        if one := self._resources.get(action.partition(":")[0]):
            grants.append((Layer.RESOURCE, one.plan(action)))
        return EvaluationPlan(ceilings, grants, self.scopes_for(action))

    def _policy_of(self, name: str) -> AttachedPolicies:
        """A policy that is attached to a person."""
        found = self._own.get(name)
        if found is None:
            found = AttachedPolicies(Layer.IDENTITY, [self._document(name)])
            if name in self._documents:  # unknown names must not fill the memory
                self._own[name] = found
        return found

    def _boundary_of(self, names: Names) -> AttachedPolicies:
        """The boundary of a person: it allows what any of its documents allows."""
        found = self._own_boundaries.get(names)
        if found is None:
            found = AttachedPolicies(Layer.BOUNDARY, map(self._document, names))
            _keep(self._own_boundaries, names, found, MAX_BOUNDARIES)
        return found

    def _document(self, name: str) -> Document:
        """A document that can be a person's own; a missing one is replaced by a Deny of all."""
        return self._documents.get(name) or absent_document(name)


def _keep(kept: dict[Key, Kept], key: Key, value: Kept, most: int = MAX_COURSES) -> None:
    if len(kept) >= most:
        kept.clear()
    kept[key] = value


def _covers(course: EvaluationPlan, request: AccessRequest) -> bool:
    principal = request.principal
    if principal is None or principal.scopes is None:
        return True
    return not course.scopes.isdisjoint(principal.scopes)


def _capped(course: EvaluationPlan, request: AccessRequest) -> Decision:
    """The decision without a Deny: whether every ceiling allows, and a layer grants."""
    granted = course.grants(request)
    blocked = [] if granted else list(GRANTS)
    blocked += [layer for layer, first in course.ceilings if not first(request)]
    if not _covers(course, request):
        blocked.append(Layer.SESSION)
    if granted and not blocked:
        return granted
    return Decision(Result.IMPLICIT_DENY, blocked_by=tuple(dict.fromkeys(blocked)))


def _slowly(course: EvaluationPlan, request: AccessRequest) -> Decision:
    """The same if two layers must grant, or no index has the resource."""

    def first(index: Index | None) -> Decision | None:
        if index is None:
            return None
        return index.first(request) if request.is_arn else slowly_first(index.rules, request)

    for _, plan in course.layers:
        if denied := first(plan.denies):
            return denied
    allowing = [(layer, first(plan.allows)) for layer, plan in course.layers]
    granting: dict[Layer, Decision] = {}
    for layer, allowed in allowing:
        if allowed and layer in GRANTS:
            granting.setdefault(layer, allowed)
    needed = len(GRANTS) if request.is_cross_tenant else 1
    blocked = []
    if len(granting) < needed:
        blocked += [layer for layer in GRANTS if layer not in granting]
    blocked += [layer for layer, allowed in allowing if not allowed and layer not in GRANTS]
    if not _covers(course, request):
        blocked.append(Layer.SESSION)
    if blocked:
        return Decision(Result.IMPLICIT_DENY, blocked_by=tuple(dict.fromkeys(blocked)))
    deciding = [answer.deciding for answer in granting.values()][:needed]
    return Decision(Result.ALLOW, tuple(chain.from_iterable(deciding)))


def _first(indexes: Iterable[Index | None]) -> First:
    return compile_indexes([index for index in indexes if index])


def _plans(
    layer: Layer, attached: Mapping[str, AttachedPolicies], names: Sequence[str], action: str
) -> list[tuple[Layer, ActionIndex]]:
    return [(layer, attached[name].plan(action)) for name in names if name in attached]


def _blocks(
    layer: Layer, attached: Mapping[str, Sequence[Document]]
) -> dict[str, AttachedPolicies]:
    return {name: AttachedPolicies(layer, documents) for name, documents in attached.items()}
