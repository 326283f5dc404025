"""The nearest miss: the fewest changes of a request that would turn a denial into an allow.

One change first, then two, then three. Of as many changes, those that cost the caller least come
first: another scope, a fresher or stronger sign-in, another value, another role or group, another
tenant. Each trial is evaluated, and the next ones follow from what denied it. So the result would
be allowed, and no smaller set of the considered changes would be.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from heapq import heappop, heappush
from itertools import count, islice
from typing import Final

from durward.core.policy.analysis.available_keys import (
    NOT_BEFORE,
    Caller,
    can_be_absent,
    is_available,
    is_list,
    not_in_the_past,
)
from durward.core.policy.analysis.nearest_statements import Element, Near, examined, nearest
from durward.core.policy.analysis.spelling import spellings
from durward.core.policy.engine.atoms import present
from durward.core.policy.engine.decision import GRANTS, Decision, Layer, Result, Rule
from durward.core.policy.engine.evaluate import PolicySet
from durward.core.policy.engine.predicate import (
    ConditionMatch,
    Facts,
    PrincipalMatch,
    ResourceMatch,
    atom_holds,
)
from durward.core.policy.engine.request import TENANT_SEGMENT, AccessRequest, Principal
from durward.core.policy.symbolic.symbolic_principal import TOLD
from durward.core.policy.symbolic.theory import satisfies, value_of
from durward.core.policy.symbolic.translation import Constraint
from durward.core.policy.symbolic.unknown import Unknown
from durward.core.wire import JsonLike

MAX_CHANGES: Final = 3
MAX_TRIED: Final = 48
"""The number of changed requests to evaluate: a denial at the edge is explained at once."""
MAX_NEAR: Final = 20
"""The number of statements to examine after a change."""
MAX_STATES: Final = 64
"""The states of a search for a value: a denied client must not choose the amount of work."""
MAX_SHOWN: Final = 200
SIGN_IN: Final = ("durward:acr", "durward:amr", "durward:multifactorauth", "durward:authage")
TIMES: Final = ("durward:currenttime", "durward:epochtime", "durward:tokenage", "durward:authtime")
ORDER: Final = ("scope", "sign-in", "time", "value", "role", "group", "tenant")
LISTS: Final = {"role": "durward:Roles", "group": "durward:Groups"}
PERSONAL: Final = {
    "durward:roles": "role",
    "durward:groups": "group",
    "durward:scopes": "scope",
    "durward:tenantid": "tenant",
}


Wishes = tuple[Constraint, ...]


@dataclass(frozen=True, slots=True)
class Miss:
    """One change of a nearest miss: its kind, its key, and the new value."""

    kind: str
    key: str
    value: str

    def __str__(self) -> str:
        match self.kind:
            case "scope" | "role" | "group":
                return f"with the {self.kind} `{self.value}`"
            case "tenant":
                return f"for a principal of the tenant `{self.value}`"
            case _:
                now = f"`{self.value}`" if self.value else "absent"
                return f"with {self.key} {now}"

    def to_wire(self) -> dict[str, JsonLike]:
        """The change for machines."""
        return {"kind": self.kind, "key": self.key, "value": self.value}


@dataclass(frozen=True)
class PolicyFacts:
    """The policies, with facts about them that are computed once."""

    policies: PolicySet
    action: str

    @cached_property
    def scopes(self) -> list[str]:
        """The scopes that cover the action."""
        return sorted(filter(None, self.policies.scopes_for(self.action)))

    @cached_property
    def memberships(self) -> list[tuple[str, str]]:
        """Roles and groups that have policies about the action."""
        about = ((kind, name) for kind in LISTS for name in self.policies.about(kind, self.action))
        return list(islice(about, MAX_NEAR))


@dataclass(frozen=True, slots=True)
class Trial:
    """A changed request; the values of its changed keys satisfy `constraints`."""

    request: AccessRequest
    caller: Caller
    changes: tuple[Miss, ...] = ()
    constraints: Mapping[str, Wishes] = field(default_factory=dict)

    @property
    def cost(self) -> tuple[int, ...]:
        """The cost; trials with less are evaluated first."""
        return (len(self.changes), *sorted(ORDER.index(each.kind) for each in self.changes))

    def with_change(self, change: Miss, request: AccessRequest) -> "Trial":
        """The trial with one more change."""
        return replace(self, request=request, changes=(*self.changes, change))


def nearest_miss(
    policies: PolicySet,
    request: AccessRequest,
    answer: Decision,
    near: Sequence[Near],
    caller: Caller = Caller.ANY,
) -> tuple[Miss, ...]:
    """The changes of the nearest miss; `near` are the statements that matter for the decision.

    `caller` determines the keys that a request can have. Empty if no set of tried changes is
    enough.
    """
    serial, seen = count(), set[frozenset[Miss]]()
    waiting: list[tuple[tuple[int, ...], int, Trial]] = []

    def enqueue(steps: Iterator[Trial]) -> None:
        for step in steps:
            told = frozenset(step.changes)
            if len(step.changes) <= MAX_CHANGES and told not in seen:
                seen.add(told)
                heappush(waiting, (step.cost, next(serial), step))

    known = PolicyFacts(policies, request.action)
    enqueue(_steps(known, Trial(request, caller), answer, near))
    for _ in range(MAX_TRIED):
        if not waiting:
            break
        _, _, trial = heappop(waiting)
        found = policies.evaluate(trial.request)
        if found.allowed:
            return tuple(sorted(_told(trial), key=lambda each: ORDER.index(each.kind)))
        close = nearest(found, examined(policies, trial.request, found, MAX_NEAR))
        enqueue(_steps(known, trial, found, close))
    return ()


def _told(trial: Trial) -> Iterator[Miss]:
    """The changes, with keys spelled as in the policies."""
    for each in trial.changes:
        written = spellings(atom for atom, _ in trial.constraints.get(each.key, ()))
        yield replace(each, key=written.get(each.key, each.key))


def _steps(
    known: PolicyFacts, trial: Trial, answer: Decision, near: Sequence[Near]
) -> Iterator[Trial]:
    """The next trials: changes after which the Deny does not apply, or a blocking layer allows.

    All blocking layers must be changed, so it is enough to begin with one of them.
    """
    if answer.result is Result.EXPLICIT_DENY:
        yield from _without_deny(answer.deciding[0], trial)
        yield from _home(trial)
        return
    if Layer.SESSION in answer.blocked_by:
        for scope in known.scopes:
            yield from _with_scope(scope, trial)
        return
    ceilings = set(answer.blocked_by) - set(GRANTS)
    for rule, failing in near:
        if not rule.denies and rule.layer in (ceilings or answer.blocked_by):
            yield from _with_allow(rule, failing, trial)
    if not ceilings and not any(each.kind in LISTS for each in trial.changes):
        for kind, name in known.memberships:  # one that grants is enough
            yield from _joined(kind, name, trial)
    yield from _home(trial)


def _with_scope(scope: str, trial: Trial) -> Iterator[Trial]:
    person = trial.request.principal
    if person and person.scopes is not None and scope not in person.scopes:
        wider = _as(trial.request, scopes=person.scopes | {scope})
        yield trial.with_change(Miss("scope", "durward:Scopes", scope), wider)


def _joined(kind: str, name: str, trial: Trial) -> Iterator[Trial]:
    person = trial.request.principal
    if person is None:
        return
    held = person.roles if kind == "role" else person.groups
    if name not in held:
        joined = _as(trial.request, **{f"{kind}s": (*held, name)})
        yield trial.with_change(Miss(kind, LISTS[kind], name), joined)


def _home(trial: Trial) -> Iterator[Trial]:
    """The trial with a principal of the resource's own tenant."""
    request = trial.request
    if request.is_cross_tenant and request.is_arn:
        yield from _of_tenant(request.segments[TENANT_SEGMENT], trial)


def _of_tenant(tenant: str, trial: Trial) -> Iterator[Trial]:
    person = trial.request.principal
    if person and person.tenant != tenant:
        changed = _as(trial.request, tenant=tenant)
        yield trial.with_change(Miss("tenant", "durward:TenantId", tenant), changed)


def _without_deny(rule: Rule, trial: Trial) -> Iterator[Trial]:
    """Trials with one change after which the Deny does not apply."""
    for atom in rule.predicate.parts:
        if isinstance(atom, PrincipalMatch) or (
            isinstance(atom, ConditionMatch) and atom.condition.key in TOLD
        ):
            yield from _as_somebody(atom, trial, wanted=False)
        elif isinstance(atom, ConditionMatch):
            yield from _with_values({atom.condition.key: [(atom, False)]}, trial)


def _with_allow(rule: Rule, failing: Sequence[Element], trial: Trial) -> Iterator[Trial]:
    """Trials in which an Allow applies: with a matching principal and values of all failing keys.

    Keys that were changed before still satisfy their former constraints.
    """
    if any(isinstance(atom, ResourceMatch) for atom in failing):
        return
    conditions = [atom for atom in rule.predicate.parts if isinstance(atom, ConditionMatch)]
    told = [
        atom
        for atom in failing
        if not isinstance(atom, ConditionMatch) or atom.condition.key in TOLD
    ]
    keys = {
        atom.condition.key for atom in failing if isinstance(atom, ConditionMatch)
    } - TOLD.keys()
    keys |= trial.constraints.keys() & {atom.condition.key for atom in conditions}
    if len(keys) > MAX_CHANGES:
        return
    trials = [trial]
    for atom in told:
        trials = [found for each in trials for found in _as_somebody(atom, each, wanted=True)]
    wanted = {
        key: [(atom, True) for atom in conditions if atom.condition.key == key]
        for key in sorted(keys)
    }
    for each in trials:
        yield from _with_values(wanted, each)


def _as_somebody(atom: Element, trial: Trial, *, wanted: bool) -> Iterator[Trial]:
    """Trials with a role, group, scope or tenant of the atom, so that it holds, or does not."""
    person = trial.request.principal
    if person is None:
        return
    for kind, name in _who(atom):
        if kind in LISTS:
            steps = _joined(kind, name, trial)
        elif kind == "tenant":
            steps = _of_tenant(name, trial)
        else:
            steps = _with_scope(name, trial)
        yield from (each for each in steps if atom_holds(atom, each.request.facts) is wanted)


def _who(atom: Element) -> Iterator[tuple[str, str]]:
    """The kinds and names of principals in an atom."""
    if isinstance(atom, PrincipalMatch):
        for arn in sorted(atom.arns):
            kind, _, name = arn.rpartition(":")[2].partition("/")
            if kind in LISTS:
                yield kind, name
    elif isinstance(atom, ConditionMatch) and (kind := PERSONAL.get(atom.condition.key, "")):
        for operand in atom.condition.operands[:MAX_NEAR]:
            if operand.equal:
                yield kind, operand.equal


def _with_values(wanted: Mapping[str, Sequence[Constraint]], trial: Trial) -> Iterator[Trial]:
    """The trial with values that satisfy the new constraints and those of former changes."""
    for key, constraints in wanted.items():
        together = (*trial.constraints.get(key, ()), *constraints)
        changed = _of_key(key, tuple(dict.fromkeys(together)), trial)
        if changed is None:
            return
        change, request = changed
        others = tuple(each for each in trial.changes if each.key != key)
        trial = Trial(
            request, trial.caller, (*others, change), {**trial.constraints, key: together}
        )
    yield trial


def _of_key(key: str, constraints: Wishes, trial: Trial) -> tuple[Miss, AccessRequest] | None:
    """A value of the key that satisfies the constraints, or its absence; principal keys stay."""
    request, caller = trial.request, trial.caller
    if key in TOLD or not is_available(key, request, caller):
        return None
    later = tuple(not_in_the_past(key, request))
    for wanted in (((present(key), True), *constraints), constraints):
        value = _value(key, (*wanted, *later), request.facts)
        if isinstance(value, str) and is_list(key, request):
            value = (value,) if satisfies(key, (value,), wanted, request.facts) else None
        if value is None or (value == () and not can_be_absent(key, request, caller)):
            continue
        kind = "sign-in" if key.startswith(SIGN_IN) else "time" if key in TIMES else "value"
        context = {name: given for name, given in request.context.items() if name.lower() != key}
        shown = value if isinstance(value, str) else ", ".join(value)
        changed = replace(request, context={**context, key: value or None})
        return Miss(kind, key, shown[:MAX_SHOWN]), changed
    return None


def _value(key: str, constraints: Wishes, facts: Facts) -> str | tuple[str, ...] | None:
    """A value that satisfies the constraints; empty for absence, None if there is none."""
    varied = any(operand.keys for atom, _ in constraints for operand in atom.condition.operands)
    if varied or key in NOT_BEFORE:
        return _found(key, constraints, {name: fact for name, fact in facts.items() if name != key})
    return _constant(key, constraints)


@lru_cache(maxsize=4_096)
def _constant(key: str, constraints: Wishes) -> str | tuple[str, ...] | None:
    """The same without variables, cached: many denials have the same cause."""
    return _found(key, constraints, {})


def _found(key: str, constraints: Wishes, others: Facts) -> str | tuple[str, ...] | None:
    try:
        found = value_of(key, constraints, others, most=MAX_STATES)
    except Unknown:
        return None
    if found is None:
        return None
    (value,) = found
    return value if isinstance(value, str | tuple) and value else ()


def _as(request: AccessRequest, **changed: object) -> AccessRequest:
    person = request.principal or Principal("", "user", "")
    return replace(request, principal=replace(person, **changed))  # type: ignore[arg-type]
