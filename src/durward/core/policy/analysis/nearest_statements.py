"""The statements nearest to a request: those that apply, and the others with their failures."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

from durward.core.policy.engine.decision import Decision, Rule
from durward.core.policy.engine.evaluate import PolicySet
from durward.core.policy.engine.predicate import (
    ConditionMatch,
    Facts,
    PrincipalMatch,
    ResourceMatch,
    atom_holds,
)
from durward.core.policy.engine.request import AccessRequest

MAX_EXAMINED: Final = 100
"""The number of statements to examine for the nearest ones: those about the resource first."""
MAX_LOOKED_UP: Final = 1_000

Element = ResourceMatch | PrincipalMatch | ConditionMatch
Near = tuple[Rule, Sequence[Element]]
"""A statement, and its elements that failed."""


def examined(
    policies: PolicySet, request: AccessRequest, answer: Decision, limit: int = MAX_EXAMINED
) -> list[Near]:
    """The deciding statements, then those about the resource, then those about the action."""
    indexes = [index for _, plan in policies.layers(request) for index in plan.indexes]
    concerned = (rule for index in indexes for rule in index.concerned(request))
    others = (rule for index in indexes for rule in index.rules)
    found = dict.fromkeys(answer.deciding)
    for each in islice(chain(concerned, others), MAX_LOOKED_UP):
        if len(found) >= limit:
            break
        found[each] = None
    return [(rule, tuple(_failing(rule, request.facts))) for rule in found]


def nearest(answer: Decision, found: Iterable[Near]) -> list[Near]:
    """The statements that matter for the decision: those that apply, then the nearest others.

    For an allow and an explicit deny the statements that apply matter; for every deny the Allow
    statements that do not, of the layers that blocked.
    """
    return sorted(
        (each for each in found if _matters(answer, *each)), key=lambda near: len(near[1])
    )


def _failing(rule: Rule, facts: Facts) -> Iterator[Element]:
    for atom in rule.predicate.parts:
        if isinstance(atom, Element) and not atom_holds(atom, facts):
            yield atom


def _matters(answer: Decision, rule: Rule, failing: Sequence[Element]) -> bool:
    if rule.denies or answer.allowed:
        return rule.denies is not answer.allowed and not failing
    return bool(failing) and (not answer.blocked_by or rule.layer in answer.blocked_by)
