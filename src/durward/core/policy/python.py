"""A predicate as a Python function: the printer whose functions decide requests.

The text of a function is put together from the fixed lines below. Nothing of a policy stands in it,
neither keys nor values nor patterns: those are bound as arguments. So statements of one shape share
one code object, and thousands of them are compiled in the time of a few.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, assert_never

from durward.core.policy.document import Condition, Quantifier
from durward.core.policy.operators import Operand, Operator
from durward.core.policy.pattern import Lookup, Segments, Unreadable, Unresolved
from durward.core.policy.predicate import (
    PRINCIPAL,
    Holds,
    Is,
    Names,
    absent_holds,
    any_matches,
    condition_holds,
    names_hold,
    principal_holds,
)

Applies = Callable[[Lookup, Segments], bool]
"""Whether a statement applies, from the facts and the resource's segments."""

# Each `#` becomes the number of the atom: `k` is its key, `t` what its value is held against, `o`
# its rule in full, for every value that is not of the usual kind.
NAMES = """
        if not t#(get, segments): return False"""
IS = """
        if not t#(get(k#)): return False"""
ANY_VALUE = """
        if not o#(get): return False"""
ONE_TEXT = """
        value = get(k#)
        if value.__class__ is str:"""
SEVERAL_TEXTS = """
        value = get(k#)
        if value.__class__ is tuple and value:"""
IN = """
            if value not in t#: return False"""
NOT_IN = """
            if value in t#: return False"""
SOME_IN = """
            if t#.isdisjoint(value): return False"""
SOME_NOT_IN = """
            if t#.issuperset(value): return False"""
EVERY_IN = """
            if not t#.issuperset(value): return False"""
EVERY_NOT_IN = """
            if not t#.isdisjoint(value): return False"""
TEST_OR_NOT_APPLY = """
            try:
                if not t#(value, get): return False
            except Unreadable: return False"""
TEST_OR_APPLY = """
            try:
                if not t#(value, get): return False
            except Unreadable: pass"""
ABSENT_HOLDS = """
        elif value is not None and not o#(get): return False"""
ABSENT_FAILS = """
        elif value is None or not o#(get): return False"""
MEMBERSHIP = {
    (None, False): ONE_TEXT + IN,
    (None, True): ONE_TEXT + NOT_IN,
    (Quantifier.SOME, False): SEVERAL_TEXTS + SOME_IN,
    (Quantifier.SOME, True): SEVERAL_TEXTS + SOME_NOT_IN,
    (Quantifier.EVERY, False): SEVERAL_TEXTS + EVERY_IN,
    (Quantifier.EVERY, True): SEVERAL_TEXTS + EVERY_NOT_IN,
}
"""Equality with constants, by quantifier and sign."""

Bound = tuple[str, Any, Any]
"""What the names `k`, `t` and `o` of one atom stand for."""


def print_atoms(atoms: Sequence[Names | Is | Holds]) -> Applies:
    """The function that is true where all of the atoms hold.

    The action is none of them: it is settled when a plan is made.
    """
    printed = [_atom(atom) for atom in atoms]
    make = _maker(tuple(lines for lines, _ in printed))
    found: Applies = make(*(value for _, bound in printed for value in bound))
    return found


@lru_cache(maxsize=1024)
def _maker(shape: tuple[str, ...]) -> Callable[..., Applies]:
    names = ", ".join(f"k{number}, t{number}, o{number}" for number in range(len(shape)))
    body = "".join(lines.replace("#", str(number)) for number, lines in enumerate(shape))
    text = f"""
def make({names}):
    def applies(get, segments):{body}
        return True
    return applies
"""
    room: dict[str, Any] = {"Unreadable": Unreadable}
    exec(compile(text, "<policy>", "exec"), room)  # noqa: S102 - of the lines above alone
    made: Callable[..., Applies] = room["make"]
    return made


def _atom(atom: Names | Is | Holds) -> tuple[str, Bound]:
    match atom:
        case Names():
            return NAMES, ("", _names(atom), None)
        case Is():
            return IS, (PRINCIPAL, partial(principal_holds, atom), None)
        case Holds(condition, on_error):
            return _condition(condition, on_error=on_error)
        case _:
            assert_never(atom)


def _names(atom: Names) -> Callable[[Lookup, Segments], bool]:
    if atom.complement or len(atom.patterns) > 1:
        return lambda get, segments: names_hold(atom, segments, get)
    found = [template for pattern in atom.patterns for template in pattern.segments or ()]
    templates = [(place, template) for place, template in enumerate(found) if not template.is_star]
    fixed = [(place, template.test) for place, template in templates if template.test]
    varying = [(place, template) for place, template in templates if not template.test]

    def named(get: Lookup, segments: Segments) -> bool:
        if not all(test(segments[place]) for place, test in fixed):
            return False
        try:
            return all(template.matches(segments[place], get) for place, template in varying)
        except Unresolved:
            return False
        except Unreadable:
            return atom.on_error

    return named


def _condition(condition: Condition, *, on_error: bool) -> tuple[str, Bound]:
    operator, quantifier = condition.operator, condition.quantifier

    def in_full(get: Lookup) -> bool:
        try:
            return condition_holds(condition, get)
        except Unreadable:
            return on_error

    absent = ABSENT_HOLDS if absent_holds(condition) else ABSENT_FAILS
    if operator is None:
        return ANY_VALUE, (condition.key, None, in_full)
    constants = _constants(condition.operands)
    if constants is not None:
        lines = MEMBERSHIP[quantifier, operator.negated]
        return lines + absent, (condition.key, constants, in_full)
    if quantifier is not None:
        return ANY_VALUE, (condition.key, None, in_full)
    test = _test(operator, condition.operands)
    lines = ONE_TEXT + (TEST_OR_APPLY if on_error else TEST_OR_NOT_APPLY)
    return lines + absent, (condition.key, test, in_full)


def _constants(operands: tuple[Operand, ...]) -> frozenset[str] | None:
    texts = [operand.equal for operand in operands]
    constants = frozenset(text for text in texts if text is not None)
    return constants if None not in texts else None


def _test(operator: Operator, operands: tuple[Operand, ...]) -> Callable[[str, Lookup], bool]:
    if len(operands) == 1 and not operator.negated and operator.fits is None:
        return operands[0].test
    fits, negated = operator.fits, operator.negated
    if fits is None:
        return lambda value, get: any_matches(operands, value, get) is not negated
    return lambda value, get: fits(value) and any_matches(operands, value, get) is not negated
