"""The nearest miss: the smallest change of a request that would turn a denial into an allow.

Changes are tried in the order of what they cost who asks: another scope, a fresher or stronger
sign-in, another value, another role or group, another tenant. Each is evaluated before it is told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from durward.core.policy.answer import Layer, Rule
from durward.core.policy.asked import present
from durward.core.policy.evaluate import PolicySet
from durward.core.policy.predicate import Facts, Holds
from durward.core.policy.request import TENANT_SEGMENT, AccessRequest, Principal
from durward.core.policy.solver.theory import Wish, value_of
from durward.core.policy.solver.undecided import Undecided
from durward.core.wire import JsonLike

MAX_TRIED: Final = 12
MAX_SHOWN: Final = 200
SIGN_IN: Final = ("durward:acr", "durward:amr", "durward:multifactorauth", "durward:authage")
TIMES: Final = ("durward:currenttime", "durward:epochtime", "durward:tokenage", "durward:authtime")


@dataclass(frozen=True, slots=True)
class Miss:
    """A change that would do: of what kind, of which key, and to what."""

    kind: str
    key: str
    value: str

    def __str__(self) -> str:
        match self.kind:
            case "scope":
                return f"with the scope `{self.value}` it would be allowed"
            case "role" | "group":
                return f"with the {self.kind} `{self.value}` it would be allowed"
            case "tenant":
                return f"for a principal of the tenant `{self.value}` it would be allowed"
            case _:
                now = f"`{self.value}`" if self.value else "absent"
                return f"with {self.key} {now} it would be allowed"

    def to_wire(self) -> dict[str, JsonLike]:
        """The change for machines."""
        return {"kind": self.kind, "key": self.key, "value": self.value}


def nearest_miss(
    policies: PolicySet, request: AccessRequest, failing: Sequence[tuple[Rule, Sequence[object]]]
) -> Miss | None:
    """The first change that would do, of a few; `failing` are statements and what failed in them.

    None where no single change that was tried is enough.
    """
    for miss, changed in islice(_changes(policies, request, failing), MAX_TRIED):
        if policies.evaluate(changed).allowed:
            return miss
    return None


def _changes(
    policies: PolicySet, request: AccessRequest, failing: Sequence[tuple[Rule, Sequence[object]]]
) -> Iterator[tuple[Miss, AccessRequest]]:
    person = request.principal
    if person and person.scopes is not None:
        for scope in sorted(filter(None, policies.scopes_for(request.action) - person.scopes)):
            wider = replace(person, scopes=person.scopes | {scope})
            yield Miss("scope", "durward:Scopes", scope), replace(request, principal=wider)
    changes = [found for rule, atoms in failing for found in _of_values(rule, atoms, request)]
    yield from sorted(changes, key=lambda found: ORDER.index(found[0].kind))
    if person is None:
        return
    for role in policies.about("role", request.action):
        if role not in person.roles:
            yield Miss("role", "durward:Roles", role), _as(request, roles=(*person.roles, role))
    for group in policies.about("group", request.action):
        if group not in person.groups:
            member = _as(request, groups=(*person.groups, group))
            yield Miss("group", "durward:Groups", group), member
    if request.is_cross_tenant and request.is_arn:
        tenant = request.segments[TENANT_SEGMENT]
        yield Miss("tenant", "durward:TenantId", tenant), _as(request, tenant=tenant)


ORDER: Final = ("sign-in", "time", "value")


def _as(request: AccessRequest, **changed: object) -> AccessRequest:
    person = request.principal or Principal("", "user", "")
    return replace(request, principal=replace(person, **changed))  # type: ignore[arg-type]


def _of_values(
    rule: Rule, atoms: Sequence[object], request: AccessRequest
) -> Iterator[tuple[Miss, AccessRequest]]:
    """One value that keeps a Deny from applying, or the one that keeps an Allow from it."""
    conditions = [atom for atom in rule.predicate.parts if isinstance(atom, Holds)]
    if rule.denies:
        for atom in conditions:
            yield from _of_key(atom.condition.key, [(atom, False)], request)
    elif len(atoms) == 1 and isinstance(atoms[0], Holds) and rule.layer is not Layer.SESSION:
        key = atoms[0].condition.key
        wishes = [(atom, True) for atom in conditions if atom.condition.key == key]
        yield from _of_key(key, wishes, request)


def _of_key(
    key: str, wishes: Sequence[Wish], request: AccessRequest
) -> Iterator[tuple[Miss, AccessRequest]]:
    """A value of the key as wished, or else its absence."""
    for wanted in ([(present(key), True), *wishes], wishes):
        value = _value(key, wanted, request.facts)
        if value is None:
            continue
        kind = "sign-in" if key.startswith(SIGN_IN) else "time" if key in TIMES else "value"
        context = {name: given for name, given in request.context.items() if name.lower() != key}
        shown = value if isinstance(value, str) else ", ".join(value)
        changed = replace(request, context={**context, key: value or None})
        yield Miss(kind, key, shown[:MAX_SHOWN]), changed
        return


def _value(key: str, wishes: Sequence[Wish], facts: Facts) -> str | tuple[str, ...] | None:
    """A value as wished; empty where the key must be absent, None where there is none."""
    others = {name: fact for name, fact in facts.items() if name != key}
    try:
        found = value_of(key, wishes, others)
    except Undecided:
        return None
    if found is None:
        return None
    (value,) = found
    return value if isinstance(value, str | tuple) and value else ()
