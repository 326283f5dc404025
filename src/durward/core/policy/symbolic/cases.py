"""Split a question into cases: a conjunction, and the choices in it.

The split is exact: a request satisfies the question if it satisfies one of the cases. An atom with
several strings is a choice too, or several constraints, unless a set operator compares each value
with all of its strings.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from durward.core.policy.engine.predicate import (
    And,
    Atom,
    ConditionMatch,
    Constant,
    Not,
    Or,
    Predicate,
    ResourceMatch,
    atoms_of,
    variable_keys,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the parts must hold."""

    cases: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """All of the parts must hold, and one part of each choice."""

    literals: tuple[Predicate, ...] = ()
    choices: tuple[Choice, ...] = ()

    @property
    def predicate(self) -> Predicate:
        """The case as a predicate."""
        return And((*self.literals, *(Or(choice.cases) for choice in self.choices)))


def case_of(predicate: Predicate, beside: Case | None = None) -> Case | None:
    """The case in which a predicate holds, and another case too; None if it is impossible."""
    literals = list(beside.literals if beside else ())
    choices = list(beside.choices if beside else ())
    waiting = [(predicate, True)]
    while waiting:
        each, wanted = waiting.pop()
        match each:
            case Constant(value):
                if value is not wanted:
                    return None
            case Not(part):
                waiting.append((part, not wanted))
            case And(parts) | Or(parts) if isinstance(each, And) is wanted:
                waiting += [(part, wanted) for part in reversed(parts)]
            case And(parts) | Or(parts):
                if not parts:
                    return None
                if len(parts) == 1:
                    waiting.append((parts[0], wanted))
                else:
                    choices.append(Choice(tuple(_wished(part, wanted) for part in parts)))
            case _:
                singles = _singles(each)
                if is_alternative(each) is wanted and len(singles) > 1:
                    choices.append(Choice(tuple(_wished(one, wanted) for one in singles)))
                else:
                    literals += [_wished(one, wanted) for one in singles]
    return Case(tuple(dict.fromkeys(literals)), tuple(dict.fromkeys(choices)))


def parted(case: Case, choice: Choice) -> Iterator[Case]:
    """The cases of one choice of a case, without impossible ones."""
    rest = tuple(each for each in case.choices if each is not choice)
    for each in choice.cases:
        found = case_of(each, Case(case.literals, rest))
        if found:
            yield found


def is_varied(predicate: Predicate) -> bool:
    """Whether a predicate contains a variable."""
    return any(map(variable_keys, atoms_of(predicate)))


def _wished(predicate: Predicate, wanted: bool) -> Predicate:  # noqa: FBT001
    if isinstance(predicate, Not):
        return _wished(predicate.part, not wanted)
    return predicate if wanted else Not(predicate)


def _singles(atom: Atom) -> Sequence[Predicate]:
    """The atom for each of its strings."""
    match atom:
        case ResourceMatch(patterns) if is_varied(atom):
            return [replace(atom, patterns=(pattern,)) for pattern in patterns]
        case ConditionMatch(condition) if is_varied(atom) and not condition.quantifier:
            return [
                replace(atom, condition=replace(condition, operands=(operand,)))
                for operand in condition.operands
            ]
        case _:
            return [atom]


def is_alternative(atom: Atom) -> bool:
    """Whether a match of one of its strings is enough."""
    match atom:
        case ResourceMatch(_, complement):
            return not complement
        case ConditionMatch(condition):
            return not (condition.operator and condition.operator.negated)
        case _:
            return True
