"""Partial evaluation: the predicate that remains when some facts are known.

Known are the values of keys, and some segments of a resource. Known values are substituted, also in
the variables of patterns; parts that they do not decide stay unchanged.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from durward.core.policy.engine.predicate import (
    FALSE,
    RESOURCE,
    TRUE,
    ActionMatch,
    And,
    Atom,
    ConditionMatch,
    Constant,
    Facts,
    Not,
    Or,
    Predicate,
    PrincipalMatch,
    ResourceMatch,
    atom_holds,
    keys_of_atom,
)
from durward.core.policy.language.automaton import STAR
from durward.core.policy.language.document import Condition
from durward.core.policy.language.operators import Operand
from durward.core.policy.language.pattern import (
    ARN_SEGMENTS,
    ResourcePattern,
    Template,
    Unreadable,
    Unresolved,
    fill_in,
)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A segment of which only the prefix is known."""

    text: str


Parts = Sequence[str | Beginning | None]
"""The six segments of a resource, None for unknown ones; empty if nothing is known."""
ANYTHING: Final = Template("*", (STAR,))


def residual(predicate: Predicate, known: Facts, resource: Parts = ()) -> Predicate:
    """The remaining predicate: equal to `predicate` for every request with the known facts."""
    match predicate:
        case Constant():
            return predicate
        case And(parts):
            rest = (residual(part, known, resource) for part in parts)
            return _joined(rest, And, TRUE, FALSE)
        case Or(parts):
            rest = (residual(part, known, resource) for part in parts)
            return _joined(rest, Or, FALSE, TRUE)
        case Not(part):
            left = residual(part, known, resource)
            return Constant(not left.value) if isinstance(left, Constant) else Not(left)
        case ActionMatch() | ResourceMatch() | PrincipalMatch() | ConditionMatch():
            return _of_atom(predicate, known, resource)
        case _:
            assert_never(predicate)


def _joined(
    parts: Iterator[Predicate],
    form: Callable[[tuple[Predicate, ...]], Predicate],
    neutral: Constant,
    settling: Constant,
) -> Predicate:
    remaining = []
    for part in parts:
        if part == settling:
            return settling
        if part != neutral:
            remaining.append(part)
    if len(remaining) == 1:
        return remaining[0]
    return form(tuple(remaining)) if remaining else neutral


def _of_atom(atom: Atom, known: Facts, resource: Parts) -> Predicate:
    keys = keys_of_atom(atom)
    if keys <= known.keys():
        return Constant(atom_holds(atom, known))
    match atom:
        case ConditionMatch(condition) if keys & known.keys() - {condition.key}:
            return ConditionMatch(_filled(condition, known), atom.on_error)
        case ResourceMatch() if RESOURCE not in known:
            return _of_names(atom, known, resource)
        case _:
            return atom


def _filled(condition: Condition, known: Facts) -> Condition:
    """Substitute known variables in the values; drop a value whose variable has no value."""
    operator = condition.operator
    if operator is None or operator.fits:  # a colon substituted into an ARN would split it
        return condition
    operands: list[Operand] = []
    for operand in condition.operands:
        try:
            text = fill_in(operand.text, known)
            operands.append(operator.read(text) if text != operand.text else operand)
        except Unresolved:
            continue
        except (Unreadable, ValueError):
            return condition
    return replace(condition, operands=tuple(operands))


def _of_names(names: ResourceMatch, known: Facts, resource: Parts) -> Predicate:
    """Drop patterns that cannot match the resource; decide if one matches it in any case.

    A resource with known segments is an ARN.
    """
    settled, kept = bool(resource), []
    for pattern in names.patterns:
        try:
            left = _narrowed(_resolved(pattern, known), resource, is_complement=names.complement)
        except Unresolved:
            # It matches nothing; an Allow must not apply because its complement is in doubt.
            if names.complement and not names.on_error:
                return FALSE
            continue
        except Unreadable:
            left = pattern
        if left is not None and settled and _is_anything(left):
            return Constant(not names.complement)
        if left is not None:
            kept.append(left)
    if settled and not kept:
        return Constant(names.complement)
    return replace(names, patterns=tuple(kept))


def _resolved(pattern: ResourcePattern, known: Facts) -> ResourcePattern:
    """The pattern with its known variables substituted. Raises Unresolved, Unreadable."""
    if not pattern.keys & known.keys():
        return pattern
    filled = [t.filled(known) if t.keys else t for t in pattern.segments or ()]
    return ResourcePattern(pattern.text, tuple(filled))


def _narrowed(
    pattern: ResourcePattern, resource: Parts, *, is_complement: bool
) -> ResourcePattern | None:
    """The pattern without the segments that are known to match; None if one does not.

    A complement keeps a pattern with a variable: whether it has a value is not known yet.
    """
    segments = pattern.segments
    if not resource or segments is None or len(segments) != ARN_SEGMENTS:
        return pattern
    if is_complement and pattern.keys:
        return pattern
    left = list(segments)
    for place, (template, given) in enumerate(zip(segments, resource, strict=True)):
        fits = _fits(template, given)
        if fits is False:
            return None
        if fits:
            left[place] = ANYTHING
    return ResourcePattern(pattern.text, tuple(left))


def _fits(template: Template, given: str | Beginning | None) -> bool | None:
    """Whether a segment matches; None if that is not known yet."""
    match given:
        case str():
            return template.test(given) if template.test else None
        case Beginning(text):
            first = template.beginning
            if not (text.startswith(first) or first.startswith(text)):
                return False
            is_covered = text.startswith(first) and template.parts in {(STAR,), (first, STAR)}
            return True if is_covered else None
        case None:
            return None


def _is_anything(pattern: ResourcePattern) -> bool:
    return pattern.segments is None or all(template.is_star for template in pattern.segments)
