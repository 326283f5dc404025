"""A relaxation of a predicate without its variables: a necessary condition.

If it is not satisfiable, the predicate is not either. In a pattern that must match, `*` replaces
variables; a pattern that must not match is dropped, and so is one that a malformed variable would
satisfy.
"""

from dataclasses import replace
from typing import Final

from durward.core.policy.engine.predicate import (
    Atom,
    ConditionMatch,
    Constant,
    Predicate,
    ResourceMatch,
    map_atoms,
)
from durward.core.policy.language.document import Condition
from durward.core.policy.language.operators import OPERATORS, Operator
from durward.core.policy.language.pattern import resource_pattern, widened
from durward.core.policy.symbolic.cases import is_alternative, is_varied

WIDER: Final = {
    name: OPERATORS[name.replace("Equals", "Like")]
    for name in ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike")
} | {name: operator for name, operator in OPERATORS.items() if name.startswith("Arn")}
"""The operators whose variables can become wildcards, with the operators that replace them."""


def relaxed(predicate: Predicate, *, wanted: bool = True) -> Predicate:
    """A predicate without variables that holds whenever this one does; negated, if not `wanted`."""
    return map_atoms(predicate, _relaxed, wanted=wanted)


def _relaxed(atom: Atom, wanted: bool) -> Predicate:  # noqa: FBT001 - as `map_atoms` calls it
    match atom:
        case ResourceMatch() | ConditionMatch() if is_varied(atom) and atom.on_error is wanted:
            return Constant(wanted)
        case ResourceMatch() if is_varied(atom):
            is_to_match = is_alternative(atom) is wanted
            found = _widened_names(atom) if is_to_match else _fixed_names(atom)
            return found or Constant(wanted)
        case ConditionMatch(condition) if is_varied(atom):
            is_to_match = is_alternative(atom) is wanted
            relation = _widened(condition) if is_to_match else _fixed(condition)
            return replace(atom, condition=relation) if relation else Constant(wanted)
        case _:
            return atom


def _widened_names(names: ResourceMatch) -> ResourceMatch | None:
    """The patterns with wildcards for variables; None if that matches all, or cannot be written."""
    patterns = []
    for pattern in names.patterns:
        segments = [widened(each.text, wildcards=True) for each in pattern.segments or ()]
        try:
            patterns.append(resource_pattern(pattern.text, segments) if segments else pattern)
        except ValueError:  # of too many wildcards
            return None
    return replace(names, patterns=tuple(patterns))


def _fixed_names(names: ResourceMatch) -> ResourceMatch | None:
    """The patterns without variables."""
    fixed = tuple(pattern for pattern in names.patterns if not pattern.keys)
    return replace(names, patterns=fixed) if fixed else None


def _widened(condition: Condition) -> Condition | None:
    operator = condition.operator and WIDER.get(condition.operator.name)
    if condition.operator is None or operator is None:
        return None
    has_wildcards = condition.operator is operator
    texts = [widened(operand.text, wildcards=has_wildcards) for operand in condition.operands]
    return _with_operands(condition, operator, texts)


def _with_operands(condition: Condition, operator: Operator, texts: list[str]) -> Condition | None:
    try:
        operands = tuple(operator.read(text) for text in texts)
    except ValueError:  # of too many wildcards
        return None
    return replace(condition, operator=operator, operands=operands)


def _fixed(condition: Condition) -> Condition | None:
    fixed = tuple(operand for operand in condition.operands if not operand.keys)
    return replace(condition, operands=fixed) if fixed else None
