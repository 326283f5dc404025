"""Partial evaluation for lists: the predicate that remains for each member of a list.

Principal, action and context are known; a member's id and its keys are not. The remaining predicate
is the same decision: for every member it is equal to `PolicySet.evaluate`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from durward.core.policy.engine.decision import GRANTS, Layer, Rule
from durward.core.policy.engine.evaluate import Layers, PolicySet
from durward.core.policy.engine.index import Index
from durward.core.policy.engine.predicate import (
    FALSE,
    RESOURCE,
    TRUE,
    And,
    Not,
    Predicate,
    ResourceMatch,
)
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.engine.residual import ANYTHING, Beginning, Parts, residual
from durward.core.policy.language.automaton import STAR
from durward.core.policy.language.pattern import Part, ResourcePattern, Template

OF_RESOURCES: Final = "durward:resource"
"""The prefix of keys of resources: each member has its own values."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The facts that all members of a list share.

    Their resources are `arn:durward:<api>:<stage>:<tenant>:<beginning>…`; `tenant` is None if each
    member has its own. `keys` are further keys that each member provides, in lower case.
    """

    api: str
    stage: str
    tenant: str | None
    beginning: str
    keys: frozenset[str]

    def request(
        self, principal: Principal | None, action: str, context: Mapping[str, object]
    ) -> AccessRequest:
        """The request that the members share; its resource stands for all of them."""
        tenant = self.tenant or (principal.tenant if principal else "")
        resource = f"arn:durward:{self.api}:{self.stage}:{tenant}:{self.beginning}"
        return AccessRequest(principal, action, resource, context)


@dataclass(frozen=True, slots=True)
class Remaining:
    """The remaining predicate of a statement."""

    rule: Rule
    predicate: Predicate


@dataclass(frozen=True, slots=True)
class TenantCase:
    """Members of the tenants of `tenant`: allowed if no Deny holds and every level does.

    A level holds if one of its statements does; without any level, the member is allowed.
    """

    tenant: Predicate
    denies: tuple[Remaining, ...]
    levels: tuple[tuple[Remaining, ...], ...]


def remaining(
    policies: PolicySet, request: AccessRequest, listed: Listed
) -> tuple[TenantCase, ...]:
    """The cases in which a member is allowed; empty if no member can be."""
    if not policies.scope_covers(request):
        return ()
    principal = request.principal
    home = principal.tenant if principal else ""
    layers = policies.layers(request)
    told = _Told(request, listed)
    cases: list[TenantCase | None] = []
    if principal is None:
        cases.append(
            _case(told, listed.tenant, _could_be_tenant(listed), layers, cross_tenant=False)
        )
    else:
        if listed.tenant in {None, home} and _is_tenant(home):
            own = TRUE if listed.tenant else _of_tenant(home)
            cases.append(_case(told, home, own, layers, cross_tenant=False))
        if listed.tenant != home:
            other = And((Not(_of_tenant(home)), _could_be_tenant(listed)))
            cases.append(_case(told, listed.tenant, other, layers, cross_tenant=True))
    return tuple(case for case in cases if case)


class _Told:
    """The known facts, and the statements that remain."""

    def __init__(self, request: AccessRequest, listed: Listed) -> None:
        self._request = request
        self._listed = listed
        self._unknown = {RESOURCE, *listed.keys}

    def left(self, indexes: Iterable[Index | None], tenant: str | None) -> Iterator[Remaining]:
        """The remaining statements of some indexes, for the given tenant."""
        listed = self._listed
        head = ("arn", "durward", listed.api, listed.stage)
        resource: Parts = (*head, tenant, Beginning(listed.beginning))
        for index in indexes:
            if index is None:
                continue
            concerned = (
                index.rules
                if tenant is None
                else dict.fromkeys(index.meeting((*head, tenant), listed.beginning))
            )
            for rule in concerned:
                rest = residual(rule.predicate, self._known(rule.keys), resource)
                if rest != FALSE:
                    yield Remaining(rule, rest)

    def _known(self, keys: frozenset[str]) -> dict[str, object]:
        facts, unknown = self._request.facts, self._unknown
        return {
            key: facts[key]
            for key in keys
            if key not in unknown and not key.startswith(OF_RESOURCES)
        }


def _case(
    told: _Told, tenant: str | None, where: Predicate, layers: Layers, *, cross_tenant: bool
) -> TenantCase | None:
    """The case of one tenant, or of those that `where` describes; None if it allows nothing."""
    allowing = sorted(_levels(layers, cross_tenant=cross_tenant), key=_size)
    if not all(map(any, allowing)):
        return None
    denies = tuple(told.left((plan.denies for _, plan in layers), tenant))
    if any(deny.predicate == TRUE for deny in denies):
        return None
    levels = []
    for indexes in allowing:
        level = tuple(told.left(indexes, tenant))
        if not level:
            return None
        if not any(each.predicate == TRUE for each in level):
            levels.append(level)
    return TenantCase(where, denies, tuple(levels))


def _levels(layers: Layers, *, cross_tenant: bool) -> Iterator[list[Index | None]]:
    """The Allows of each ceiling, and of the granting layers: across tenants of both, else of one.

    See `PolicySet.evaluate`.
    """
    granting: dict[Layer, list[Index | None]] = {layer: [] for layer in GRANTS}
    for layer, plan in layers:
        if layer in GRANTS:
            granting[layer].append(plan.allows)
        else:
            yield [plan.allows]
    if cross_tenant:
        yield from granting.values()
    else:
        yield [index for indexes in granting.values() for index in indexes]


def _size(indexes: Iterable[Index | None]) -> int:
    return sum(len(index.rules) for index in indexes if index)


def _is_tenant(name: str) -> bool:
    """Whether a string can be a tenant in a resource: one segment, and not empty."""
    return bool(name) and ":" not in name


def _could_be_tenant(listed: Listed) -> Predicate:
    """The predicate for the tenant of members that have each their own."""
    if listed.tenant is not None:
        return TRUE if _is_tenant(listed.tenant) else FALSE
    return And((Not(_tenants(())), Not(_tenants((STAR, ":", STAR)))))


def _of_tenant(name: str) -> ResourceMatch:
    return _tenants((name,))


@lru_cache(maxsize=1024)
def _tenants(parts: tuple[Part, ...]) -> ResourceMatch:
    """The resources of the tenants that the parts describe."""
    tenant = Template("", parts)
    before, after = (ANYTHING,) * 4, ANYTHING
    pattern = ResourcePattern("", (*before, tenant, after))
    return ResourceMatch((pattern,), complement=False, on_error=False)
