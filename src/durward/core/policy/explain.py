"""Why: the statement that decided, or of every statement that came close what failed in it."""

from collections.abc import Iterator
from dataclasses import dataclass

from durward.core.policy.evaluate import (
    AccessRequest,
    Layer,
    PolicySet,
    Result,
    Rule,
    facts_of,
    is_cross_tenant,
)
from durward.core.policy.predicate import (
    PRINCIPAL,
    RESOURCE,
    Acts,
    Every,
    Facts,
    Holds,
    Is,
    Names,
    Value,
    atom_holds,
)

MAX_CANDIDATES = 20
MAX_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Failure:
    """One element of a statement that did not hold: what it wants and what was given."""

    element: str
    wanted: str
    given: str

    def __str__(self) -> str:
        return f"{self.element} wants {self.wanted}, was {self.given}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A statement about this action: its effect if it applied, and what failed if not."""

    statement: str
    layer: Layer
    effect: str
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer and every candidate, the nearest first."""

    result: Result
    because: tuple[str, ...]
    blocked_by: tuple[Layer, ...]
    candidates: tuple[Candidate, ...]
    scopes_needed: tuple[str, ...] = ()
    cross_tenant: bool = False

    @property
    def reason(self) -> str:
        """The answer in one sentence."""
        if self.result is Result.ALLOW:
            return f"allowed by {_listed(self.because)}"
        if self.result is Result.EXPLICIT_DENY:
            return f"denied by {_listed(self.because)}"
        if self.blocked_by == (Layer.SESSION,):
            return (
                f"the token has none of the scopes {_listed(self.scopes_needed) or '(none fits)'}"
            )
        if self.blocked_by == (Layer.IDENTITY, Layer.RESOURCE):
            return "no statement allows it"
        return f"not allowed by the {' and the '.join(self.blocked_by)}"

    def lines(self) -> Iterator[str]:
        """The explanation for people."""
        if self.scopes_needed and Layer.SESSION in self.blocked_by:
            yield f"scope: the token would need {' or '.join(f'`{s}`' for s in self.scopes_needed)}"
        if self.cross_tenant and self.result is Result.IMPLICIT_DENY:
            yield "tenant: the resource is another tenant's; its own policy must allow it too"
        missed = [candidate for candidate in self.candidates if candidate.failures]
        for place, candidate in enumerate(missed):
            title = "nearest" if place == 0 else "also"
            yield f"{title}: {candidate.effect} in `{candidate.statement}` ({candidate.layer})"
            for failure in candidate.failures:
                yield f"  {failure}"
        if not self.candidates and self.result is Result.IMPLICIT_DENY:
            yield "no statement that applies to this principal names the action"


def explain(policies: PolicySet, request: AccessRequest) -> Explanation:
    """What `evaluate` answers, and why. At most MAX_CANDIDATES statements are told."""
    answer, facts = policies.evaluate(request), facts_of(request)
    found = []
    for (layer, _), rules in policies.layers(request):
        for rule in rules:
            failures = tuple(_failures(rule, facts))
            found.append(Candidate(rule.id, layer, rule.statement.effect.value, failures))
    relevant = [
        candidate
        for candidate in found
        if (candidate.effect == "Allow" and candidate.failures)
        or (candidate.effect == "Deny" and not candidate.failures)
    ]
    if answer.allowed:
        relevant = [candidate for candidate in found if candidate.statement in answer.because]
    relevant.sort(key=lambda candidate: len(candidate.failures))
    covering = () if policies.scope_covers(request) else policies.scopes_for(request.action)
    return Explanation(
        answer.result,
        answer.because,
        answer.blocked_by,
        tuple(relevant[:MAX_CANDIDATES]),
        covering,
        is_cross_tenant(request),
    )


def _failures(rule: Rule, facts: Facts) -> Iterator[Failure]:
    assert isinstance(rule.predicate, Every)  # noqa: S101 - a statement is a conjunction
    for atom in rule.predicate.parts:
        if isinstance(atom, Acts) or not isinstance(atom, Names | Is | Holds):
            continue
        if not atom_holds(atom, facts):
            yield _failure(atom, facts)


def _failure(atom: Names | Is | Holds, facts: Facts) -> Failure:
    match atom:
        case Names(patterns, complement):
            wanted = _listed([pattern.text for pattern in patterns])
            read = frozenset().union(*(pattern.keys for pattern in patterns))
            element = "NotResource" if complement else "Resource"
            return Failure(element, wanted + _where(read, facts), _shown(facts.get(RESOURCE)))
        case Is(arns, everybody, complement):
            element = "NotPrincipal" if complement else "Principal"
            wanted = "*" if everybody else _listed(sorted(arns))
            return Failure(element, wanted, _shown(facts.get(PRINCIPAL)))
        case Holds(condition):
            texts = [operand.text for operand in condition.operands]
            texts += [str(value).lower() for value in sorted(condition.absent)]
            read = frozenset().union(*(operand.keys for operand in condition.operands))
            element = f"{condition.name} {condition.key}"
            wanted = _listed(texts) + _where(read, facts)
            return Failure(element, wanted, _shown(facts.get(condition.key)))


def _where(keys: frozenset[str], facts: Facts) -> str:
    known = [f"{key} {_shown(facts.get(key))}" for key in sorted(keys)]
    return f" (where {', '.join(known)})" if known else ""


def _shown(value: Value) -> str:
    if value is None or value == ():
        return "absent"
    if isinstance(value, tuple):
        return _listed(value)
    return f"`{value[:MAX_SHOWN_CHARACTERS]}`"


def _listed(texts: "tuple[str, ...] | list[str]") -> str:
    shown = ", ".join(f"`{text}`" for text in texts[:MAX_CANDIDATES])
    return shown if len(shown) <= MAX_SHOWN_CHARACTERS else shown[:MAX_SHOWN_CHARACTERS] + "…"
