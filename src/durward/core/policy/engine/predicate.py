"""The predicate: the meaning of a statement, as a small algebra over keys.

A fact is the value of a key: a string, several strings, or None if the key is known to be absent;
any other value is malformed. `action`, `resource` and `principal` are keys like the others. `holds`
evaluates a predicate when all facts are known; `residual` simplifies it when only some are.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from durward.core.policy.language.document import Condition, Effect, Quantifier, Statement
from durward.core.policy.language.operators import Operand
from durward.core.policy.language.pattern import (
    ARN_SEGMENTS,
    NO_KEYS,
    ActionPattern,
    Lookup,
    ResourcePattern,
    Segments,
    Unreadable,
    Unresolved,
)

ACTION, RESOURCE, PRINCIPAL = "action", "resource", "principal"

Value: TypeAlias = "str | tuple[str, ...] | None"
Facts: TypeAlias = Mapping[str, object]
"""Values by key in lower case; in partial evaluation, the value of a missing key is unknown."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant: true or false."""

    value: bool


TRUE, FALSE = Constant(value=True), Constant(value=False)


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold; with no part, it holds."""

    parts: "tuple[Predicate, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """A part holds; with no part, it does not."""

    parts: "tuple[Predicate, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Predicate"


@dataclass(frozen=True, slots=True)
class ActionMatch:
    """The action matches one of the patterns."""

    patterns: tuple[ActionPattern, ...]
    complement: bool


@dataclass(frozen=True, slots=True)
class ResourceMatch:
    """The resource matches one of the patterns. `on_error` is the result if it is malformed."""

    patterns: tuple[ResourcePattern, ...]
    complement: bool
    on_error: bool


@dataclass(frozen=True, slots=True)
class PrincipalMatch:
    """The principal is listed: by its own name, or by that of one of its roles or groups."""

    arns: frozenset[str]
    everybody: bool
    complement: bool


@dataclass(frozen=True, slots=True)
class ConditionMatch:
    """A condition on one key. `on_error` is the result if the value is malformed."""

    condition: Condition
    on_error: bool


Atom: TypeAlias = ActionMatch | ResourceMatch | PrincipalMatch | ConditionMatch
Predicate: TypeAlias = Constant | And | Or | Not | Atom


def compile_statement(statement: Statement) -> And:
    """The predicate that holds when the statement applies.

    With a malformed request an Allow does not apply, and a Deny applies.
    """
    on_error = statement.effect is Effect.DENY
    atoms: list[Predicate] = [ActionMatch(statement.actions.patterns, statement.actions.complement)]
    if statement.principals:
        named = statement.principals
        atoms.append(PrincipalMatch(named.arns, named.everybody, named.complement))
    atoms.append(
        ResourceMatch(statement.resources.patterns, statement.resources.complement, on_error)
    )
    atoms += [ConditionMatch(condition, on_error) for condition in statement.conditions]
    return And(tuple(atoms))


def keys_of(predicate: Predicate) -> frozenset[str]:
    """Every key that the predicate may read."""
    return frozenset().union(*(keys_of_atom(atom) for atom in atoms_of(predicate)))


def holds(predicate: Predicate, facts: Facts) -> bool:
    """Whether the predicate holds, with all facts known: a missing key is absent."""
    match predicate:
        case Constant(value):
            return value
        case And(parts):
            return all(holds(part, facts) for part in parts)
        case Or(parts):
            return any(holds(part, facts) for part in parts)
        case Not(part):
            return not holds(part, facts)
        case ActionMatch() | ResourceMatch() | PrincipalMatch() | ConditionMatch():
            return atom_holds(predicate, facts)
        case _:
            assert_never(predicate)


def atoms_of(predicate: Predicate) -> Iterator[Atom]:
    """All atoms of a predicate, in their order."""
    waiting = [predicate]
    while waiting:
        match found := waiting.pop():
            case Constant():
                continue
            case And(parts) | Or(parts):
                waiting += reversed(parts)
            case Not(part):
                waiting.append(part)
            case ActionMatch() | ResourceMatch() | PrincipalMatch() | ConditionMatch():
                yield found
            case _:
                assert_never(found)


def map_atoms(
    predicate: Predicate, change: Callable[[Atom, bool], Predicate], *, wanted: bool = True
) -> Predicate:
    """Replace every atom of a predicate.

    `change` also gets the polarity of the atom: False under an odd number of Not.
    """
    match predicate:
        case Constant():
            return predicate
        case Not(part):
            return Not(map_atoms(part, change, wanted=not wanted))
        case And(parts):
            return And(tuple(map_atoms(part, change, wanted=wanted) for part in parts))
        case Or(parts):
            return Or(tuple(map_atoms(part, change, wanted=wanted) for part in parts))
        case _:
            return change(predicate, wanted)


def keys_of_atom(atom: Atom) -> frozenset[str]:
    """Every key that one atom may read."""
    match atom:
        case ActionMatch():
            return frozenset({ACTION})
        case ResourceMatch():
            return variable_keys(atom) | {RESOURCE}
        case PrincipalMatch():
            return frozenset({PRINCIPAL})
        case ConditionMatch(condition):
            return variable_keys(atom) | {condition.key}
        case _:
            assert_never(atom)


def variable_keys(atom: Atom) -> frozenset[str]:
    """The keys that the variables of an atom read."""
    match atom:
        case ResourceMatch(patterns):
            found = [keys for pattern in patterns if (keys := pattern.keys)]
        case ConditionMatch(condition):
            found = [operand.keys for operand in condition.operands if operand.keys]
        case _:
            return NO_KEYS
    return frozenset().union(*found) if found else NO_KEYS


def atom_holds(atom: Atom, facts: Facts) -> bool:
    """Whether one atom holds; a missing key is absent."""
    match atom:
        case ActionMatch(patterns, complement):
            action = str(facts.get(ACTION, "")).lower()
            if not is_action(action):
                return False
            return any(pattern.matches(action) for pattern in patterns) is not complement
        case ResourceMatch():
            resource = str(facts.get(RESOURCE, "")).split(":", ARN_SEGMENTS - 1)
            return names_hold(atom, resource, facts.get)
        case PrincipalMatch():
            return principal_holds(atom, facts.get(PRINCIPAL))
        case ConditionMatch(condition, on_error):
            try:
                return condition_holds(condition, facts.get)
            except Unreadable:
                return on_error
        case _:
            assert_never(atom)


def is_action(text: str) -> bool:
    """Whether a string can be an action: it has a name and no white space."""
    return bool(text) and not text.endswith(":") and not any(map(str.isspace, text))


def principal_holds(atom: PrincipalMatch, principals: object) -> bool:
    """Whether one of the principal's names is listed."""
    known = principals if isinstance(principals, tuple) else ()
    return (atom.everybody or not atom.arns.isdisjoint(known)) is not atom.complement


def names_hold(atom: ResourceMatch, resource: Segments, lookup: Lookup) -> bool:
    """Whether the resource matches one of the patterns, or for a complement none of them.

    A pattern whose variable has no value matches nothing; yet its complement does not match
    everything, but gives `on_error`. So does a malformed value or resource.
    """
    if len(resource) != ARN_SEGMENTS:
        return atom.on_error
    doubtful = False
    for pattern in atom.patterns:
        try:
            if atom.complement:
                pattern.resolve(lookup)
            if pattern.matches(resource, lookup):
                return not atom.complement
        except Unresolved:
            doubtful = doubtful or atom.complement
        except Unreadable:
            doubtful = True
    return atom.on_error if doubtful else atom.complement


def condition_holds(condition: Condition, lookup: Lookup) -> bool:
    """The rule of one operator on one key. Raises Unreadable.

    A missing key: positive operators do not hold, negated ones do, `IfExists` does. A negated
    operator holds where no value of the policy matches. `ForAllValues` holds for no values,
    `ForAnyValue` does not; negated, each value is tested against none of the policy's. A plain
    operator on a key of several values does not hold.
    """
    if condition.refused:
        raise Unreadable(condition.key)
    value = lookup(condition.key)
    operator = condition.operator
    if value is None or value == ():
        return absent_holds(condition)
    if not isinstance(value, str | tuple):
        raise Unreadable(condition.key)
    if operator is None:
        return False in condition.absent
    if condition.quantifier is None and isinstance(value, tuple):
        return False
    values = value if isinstance(value, tuple) else (value,)
    if operator.reads and not all(map(operator.reads, values)):
        raise Unreadable(condition.key)
    tested = [  # all of them: a malformed one must count whatever their order
        (operator.fits is None or operator.fits(each))
        and any_matches(condition.operands, each, lookup) is not operator.negated
        for each in values
    ]
    return all(tested) if condition.quantifier is Quantifier.EVERY else any(tested)


def absent_holds(condition: Condition) -> bool:
    """The rule for a key that has no value."""
    if condition.operator is None:
        return True in condition.absent
    if condition.if_exists or condition.quantifier is Quantifier.EVERY:
        return True
    return condition.operator.negated and condition.quantifier is None


def any_matches(operands: tuple[Operand, ...], value: str, lookup: Lookup) -> bool:
    """Whether a value of the policy matches; their order does not matter. Raises Unreadable."""
    unreadable = None
    for operand in operands:
        try:
            if operand.test(value, lookup):
                return True
        except Unreadable as error:
            unreadable = error
    if unreadable:
        raise unreadable
    return False
