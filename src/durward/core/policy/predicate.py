"""The predicate: what a statement says, as a small algebra over keys.

A fact is the value of a key: text, several texts, or None where the key is known to be absent.
`action`, `resource` and `principal` are keys like the others. `holds` answers where everything is
known; `residual` is the one partial evaluation: what remains to be asked once some keys are known.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from durward.core.policy.document import Condition, Effect, Quantifier, Statement
from durward.core.policy.operators import Operand, Unreadable, is_arn
from durward.core.policy.pattern import ActionPattern, Lookup, ResourcePattern, Unresolved

ACTION, RESOURCE, PRINCIPAL = "action", "resource", "principal"

Value: TypeAlias = "str | tuple[str, ...] | None"
Facts: TypeAlias = Mapping[str, Value]
"""Values by key in lower case; for `residual` a key that is not there is not known."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Known already."""

    value: bool


TRUE, FALSE = Constant(value=True), Constant(value=False)


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold; with no part, it holds."""

    parts: "tuple[Predicate, ...]"


@dataclass(frozen=True, slots=True)
class Some:
    """A part holds; with no part, it does not."""

    parts: "tuple[Predicate, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Predicate"


@dataclass(frozen=True, slots=True)
class Acts:
    """The action is one of the patterns'."""

    patterns: tuple[ActionPattern, ...]
    complement: bool


@dataclass(frozen=True, slots=True)
class Names:
    """The resource is one of the patterns'. With a variable unresolved it is as `on_error` says."""

    patterns: tuple[ResourcePattern, ...]
    complement: bool
    on_error: bool


@dataclass(frozen=True, slots=True)
class Is:
    """The principal is one of those: by its own name, or a role's or group's that it carries."""

    arns: frozenset[str]
    everybody: bool
    complement: bool


@dataclass(frozen=True, slots=True)
class Holds:
    """A condition on one key. What cannot be read is as `on_error` says."""

    condition: Condition
    on_error: bool


Atom: TypeAlias = Acts | Names | Is | Holds
Predicate: TypeAlias = Constant | Every | Some | Not | Atom


def compile_statement(statement: Statement) -> Predicate:
    """When the statement applies.

    A request that cannot be read makes an Allow not apply, and a Deny apply.
    """
    on_error = statement.effect is Effect.DENY
    atoms: list[Predicate] = [Acts(statement.actions.patterns, statement.actions.complement)]
    if statement.principals:
        named = statement.principals
        atoms.append(Is(named.arns, named.everybody, named.complement))
    atoms.append(Names(statement.resources.patterns, statement.resources.complement, on_error))
    atoms += [Holds(condition, on_error) for condition in statement.conditions]
    return Every(tuple(atoms))


def keys_of(predicate: Predicate) -> frozenset[str]:
    """Every key that the predicate may read."""
    return frozenset().union(*(_atom_keys(atom) for atom in _atoms(predicate)))


def holds(predicate: Predicate, facts: Facts) -> bool:
    """Whether it holds where every fact is known: a key that is not there is absent."""
    match predicate:
        case Constant(value):
            return value
        case Every(parts):
            return all(holds(part, facts) for part in parts)
        case Some(parts):
            return any(holds(part, facts) for part in parts)
        case Not(part):
            return not holds(part, facts)
        case Acts() | Names() | Is() | Holds():
            return atom_holds(predicate, facts)
        case _:
            assert_never(predicate)


def residual(predicate: Predicate, known: Facts) -> Predicate:
    """What remains to be asked: equal to `predicate` for every request that agrees with `known`."""
    match predicate:
        case Constant():
            return predicate
        case Every(parts):
            return _joined((residual(part, known) for part in parts), Every, TRUE, FALSE)
        case Some(parts):
            return _joined((residual(part, known) for part in parts), Some, FALSE, TRUE)
        case Not(part):
            rest = residual(part, known)
            return Constant(not rest.value) if isinstance(rest, Constant) else Not(rest)
        case Acts() | Names() | Is() | Holds():
            if _atom_keys(predicate) <= known.keys():
                return Constant(atom_holds(predicate, known))
            return predicate
        case _:
            assert_never(predicate)


def _joined(
    parts: Iterator[Predicate],
    form: "Callable[[tuple[Predicate, ...]], Predicate]",
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


def _atoms(predicate: Predicate) -> Iterator[Atom]:
    match predicate:
        case Constant():
            return
        case Every(parts) | Some(parts):
            for part in parts:
                yield from _atoms(part)
        case Not(part):
            yield from _atoms(part)
        case Acts() | Names() | Is() | Holds():
            yield predicate
        case _:
            assert_never(predicate)


def _atom_keys(atom: Atom) -> frozenset[str]:
    match atom:
        case Acts():
            return frozenset({ACTION})
        case Names(patterns):
            return frozenset({RESOURCE}).union(*(pattern.keys for pattern in patterns))
        case Is():
            return frozenset({PRINCIPAL})
        case Holds(condition):
            return frozenset({condition.key}).union(*(o.keys for o in condition.operands))
        case _:
            assert_never(atom)


def atom_holds(atom: Atom, facts: Facts) -> bool:
    """Whether one atom holds; a key that is not there is absent."""
    match atom:
        case Acts(patterns, complement):
            action = _text(facts, ACTION).lower()
            return any(pattern.matches(action) for pattern in patterns) is not complement
        case Names():
            return _names(atom, facts)
        case Is(arns, everybody, complement):
            principals = facts.get(PRINCIPAL) or ()
            return (everybody or not arns.isdisjoint(principals)) is not complement
        case Holds(condition, on_error):
            try:
                return condition_holds(condition, facts)
            except Unreadable:
                return on_error
        case _:
            assert_never(atom)


def _text(facts: Facts, key: str) -> str:
    value = facts.get(key)
    return value if isinstance(value, str) else ""


def _names(atom: Names, facts: Facts) -> bool:
    resource, lookup = _text(facts, RESOURCE), facts.get
    unresolved = False
    for pattern in atom.patterns:
        try:
            if pattern.matches(resource, lookup):
                return not atom.complement
        except Unresolved:  # this pattern names nothing
            unresolved = True
    return atom.on_error if atom.complement and unresolved else atom.complement


def condition_holds(condition: Condition, facts: Facts) -> bool:
    """The rule of one operator on one key. Raises Unreadable.

    A missing key: positive operators do not hold, negated ones do, `IfExists` does. A negated
    operator holds where no value of the policy matches. `ForAllValues` holds for no values,
    `ForAnyValue` does not; negated, each value is tested against none of the policy's. A plain
    operator on a key of several values does not hold.
    """
    value = facts.get(condition.key)
    if value == ():
        value = None
    operator = condition.operator
    if operator is None:
        return (value is None) in condition.absent
    if value is None:
        return _absent_holds(condition, negated=operator.negated)
    if condition.quantifier is None and isinstance(value, tuple):
        return False
    lookup, operands = facts.get, condition.operands
    arn = operator.name.startswith("Arn")
    tested = [  # all of them: whether one cannot be read must not depend on their order
        _value_holds(each, operands, lookup, negated=operator.negated, arn=arn)
        for each in (value if isinstance(value, tuple) else (value,))
    ]
    return all(tested) if condition.quantifier is Quantifier.EVERY else any(tested)


def _absent_holds(condition: Condition, *, negated: bool) -> bool:
    if condition.if_exists or condition.quantifier is Quantifier.EVERY:
        return True
    return negated and condition.quantifier is None


def _value_holds(
    value: str, operands: tuple[Operand, ...], lookup: Lookup, *, negated: bool, arn: bool
) -> bool:
    if arn and not is_arn(value):
        return False
    return any(operand.test(value, lookup) for operand in operands) is not negated
