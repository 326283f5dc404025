"""The explanation of a decision: the deciding statement, or the failures of the nearest ones."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from durward.core.policy.analysis.available_keys import Caller
from durward.core.policy.analysis.nearest_miss import Miss, nearest_miss
from durward.core.policy.analysis.nearest_statements import Element, examined, nearest
from durward.core.policy.analysis.spelling import display_key, display_variable
from durward.core.policy.engine.decision import (
    GRANTS,
    MAX_SHOWN_CHARACTERS,
    Layer,
    Result,
    Rule,
    quoted_list,
    reason_of,
)
from durward.core.policy.engine.evaluate import PolicySet
from durward.core.policy.engine.predicate import (
    PRINCIPAL,
    RESOURCE,
    ConditionMatch,
    Facts,
    PrincipalMatch,
    ResourceMatch,
    condition_holds,
)
from durward.core.policy.engine.request import AccessRequest
from durward.core.policy.language.document import Condition, Effect
from durward.core.policy.language.operators import Operand
from durward.core.policy.language.pattern import ResourcePattern, Unreadable
from durward.core.wire import JsonLike

MAX_CANDIDATES = 20
UNREADABLE = "not readable"


@dataclass(frozen=True, slots=True)
class Failure:
    """One element of a statement: the required and the given value."""

    element: str
    wanted: str
    given: str

    def __str__(self) -> str:
        return f"{self.element} wants {self.wanted}, was {self.given}"

    @property
    def applied(self) -> str:
        """The line for a condition that made a Deny apply."""
        if self.given.endswith(UNREADABLE):
            return f"{self.element} {self.wanted}, was {self.given}: a Deny applies then"
        return f"{self.element} {self.wanted} holds, was {self.given}"

    def to_wire(self) -> dict[str, JsonLike]:
        """The element for machines."""
        return {"element": self.element, "wanted": self.wanted, "given": self.given}


@dataclass(frozen=True, slots=True)
class StatementTrace:
    """A statement about this action: the conditions that held if it denied, else the failures."""

    statement: str
    layer: Layer
    effect: str
    failures: tuple[Failure, ...] = ()
    held: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decision and the nearest statements; `more` counts those that are left out.

    With the change `miss` the request would be allowed, or with all changes of `together`.
    """

    result: Result
    because: tuple[str, ...]
    blocked_by: tuple[Layer, ...]
    candidates: tuple[StatementTrace, ...]
    scopes_needed: tuple[str, ...] = ()
    cross_tenant: bool = False
    more: int = 0
    miss: Miss | None = None
    together: tuple[Miss, ...] = ()

    @property
    def is_allowed(self) -> bool:
        """Whether the request is allowed."""
        return self.result is Result.ALLOW

    @property
    def misses(self) -> tuple[Miss, ...]:
        """The changes of the nearest miss; none if too many would be needed."""
        return (self.miss,) if self.miss else self.together

    @property
    def nearest(self) -> StatementTrace | None:
        """The statement with the fewest failures."""
        return next((candidate for candidate in self.candidates if candidate.failures), None)

    @property
    def reason(self) -> str:
        """The reason in one sentence."""
        return reason_of(self.result, self.because, self.blocked_by, self.scopes_needed)

    def lines(self) -> Iterator[str]:
        """The explanation for people."""
        if self.scopes_needed and Layer.SESSION in self.blocked_by:
            yield f"scope: the token would need {' or '.join(f'`{s}`' for s in self.scopes_needed)}"
        if self.cross_tenant and self.result is Result.IMPLICIT_DENY:
            yield "tenant: the resource is another tenant's; its own policy must allow it too"
        for candidate in self.candidates:
            if candidate.effect == Effect.DENY and not candidate.failures:
                yield f"denied: `{candidate.statement}` ({candidate.layer})"
                yield from (f"  {found.applied}" for found in candidate.held)
        missed = [candidate for candidate in self.candidates if candidate.failures]
        for place, candidate in enumerate(missed):
            title = "nearest" if place == 0 else "also"
            yield f"{title}: {candidate.effect} in `{candidate.statement}` ({candidate.layer})"
            for failure in candidate.failures:
                yield f"  {failure}"
        if self.misses:
            yield f"nearest miss: {' and '.join(map(str, self.misses))} it would be allowed"
        if self.more:
            yield f"and {self.more} more statements about the action"
        if not self.candidates and set(GRANTS).issubset(self.blocked_by):
            yield "no statement that applies to this principal names the action"

    def to_wire(self) -> dict[str, JsonLike]:
        """The explanation for machines, as a JSON object."""
        return {
            "result": self.result.value,
            "reason": self.reason,
            "because": self.because,
            "blocked_by": [layer.value for layer in self.blocked_by],
            "scopes_needed": self.scopes_needed,
            "cross_tenant": self.cross_tenant,
            "candidates": [
                {
                    "statement": candidate.statement,
                    "layer": candidate.layer.value,
                    "effect": candidate.effect,
                    "failures": [found.to_wire() for found in candidate.failures],
                    "held": [found.to_wire() for found in candidate.held],
                }
                for candidate in self.candidates
            ],
            "more": self.more,
            "nearest_miss": self.miss.to_wire() if self.miss else None,
            "nearest_misses": [each.to_wire() for each in self.misses],
        }


def explain(
    policies: PolicySet, request: AccessRequest, caller: Caller = Caller.ANY
) -> Explanation:
    """Evaluate and explain a request; bounded in time and size for any number of statements.

    An allow and an explicit deny list the statements that apply; every deny lists the Allow
    statements that do not, of the layers that blocked.
    """
    answer, facts = policies.evaluate(request), request.facts
    looked_at = examined(policies, request, answer)
    near = nearest(answer, looked_at)
    covers = policies.scope_covers(request)
    about = sum(len(index.rules) for _, plan in policies.layers(request) for index in plan.indexes)
    close = near[:MAX_CANDIDATES]
    changes = () if answer.allowed else nearest_miss(policies, request, answer, close, caller)
    alone = changes[0] if len(changes) == 1 else None
    return Explanation(
        answer.result,
        answer.because,
        answer.blocked_by,
        tuple(_candidate(*found, facts) for found in close),
        () if covers else tuple(sorted(policies.scopes_for(request.action))),
        request.is_cross_tenant,
        about - len(looked_at) + len(near) - len(close),
        alone,
        () if alone else changes,
    )


def _candidate(rule: Rule, failing: Sequence[Element], facts: Facts) -> StatementTrace:
    failures = tuple(_failure(atom, facts) for atom in failing)
    conditions = rule.predicate.parts if rule.denies and not failing else ()
    held = tuple(_failure(atom, facts) for atom in conditions if isinstance(atom, ConditionMatch))
    return StatementTrace(rule.id, rule.layer, rule.statement.effect.value, failures, held)


def _failure(atom: Element, facts: Facts) -> Failure:
    match atom:
        case ResourceMatch(patterns, complement):
            wanted = quoted_list([pattern.text for pattern in patterns]) + _where(patterns, facts)
            element = "NotResource" if complement else "Resource"
            return Failure(element, wanted, _shown(facts.get(RESOURCE)))
        case PrincipalMatch(arns, everybody, complement):
            element = "NotPrincipal" if complement else "Principal"
            wanted = "*" if everybody else quoted_list(sorted(arns))
            return Failure(element, wanted, _shown(facts.get(PRINCIPAL)))
        case ConditionMatch(condition):
            texts = [operand.text for operand in condition.operands]
            texts += [str(value).lower() for value in sorted(condition.absent)]
            element = f"{condition.name} {display_key(condition.key, condition.written)}"
            wanted = quoted_list(texts) + _where(condition.operands, facts)
            return Failure(element, wanted, _given(condition, facts))
        case _:
            assert_never(atom)


def _where(texts: Sequence[ResourcePattern | Operand], facts: Facts) -> str:
    """The values of the variables, for people."""
    read = {key: display_variable(each.text, key) for each in reversed(texts) for key in each.keys}
    known = [f"{read[key]} {_shown(facts.get(key))}" for key in sorted(read)]
    return f" (where {', '.join(known)})" if known else ""


def _given(condition: Condition, facts: Facts) -> str:
    """The given value, in the notation of the condition, and why it cannot satisfy it."""
    operator, value = condition.operator, facts.get(condition.key)
    try:
        condition_holds(condition, facts.get)
    except Unreadable:
        return ", ".join(dict.fromkeys((_shown(value), UNREADABLE)))
    if operator and operator.name.startswith("Date") and isinstance(value, str):
        return _instant(condition, value)
    if operator and condition.quantifier is None and isinstance(value, tuple) and value:
        return f"the list {_shown(value)}: write `ForAnyValue:{condition.name}`"
    return _shown(value)


def _instant(condition: Condition, value: str) -> str:
    """An instant in the notation of the policy: as a date if the policy has a date."""
    if value.isdecimal() and not all(each.text.isdecimal() for each in condition.operands):
        with suppress(ValueError, OverflowError):
            return f"`{datetime.fromtimestamp(int(value), UTC):%Y-%m-%dT%H:%M:%SZ}`"
    return _shown(value)


def _shown(value: object) -> str:
    if value is None or value == ():
        return "absent"
    if isinstance(value, tuple):
        return quoted_list(value)
    return f"`{value[:MAX_SHOWN_CHARACTERS]}`" if isinstance(value, str) else UNREADABLE
