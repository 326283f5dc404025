"""A statement as a Python function: the printer whose functions decide requests.

The source of a function consists of the fixed lines below. It contains nothing of a policy, neither
keys nor values nor patterns: those are bound as arguments. So statements of one shape share one
code object, and thousands of them are compiled in the time of a few.
"""

import ipaddress
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Final

from durward.core.policy.engine.predicate import (
    PRINCIPAL,
    PrincipalMatch,
    ResourceMatch,
    absent_holds,
    condition_holds,
    names_hold,
    principal_holds,
)
from durward.core.policy.language.document import Condition, Principals, Quantifier
from durward.core.policy.language.operators import (
    IPV4_BITS,
    TRUTHS,
    Operand,
    parse_date,
    parse_ip,
    parse_number,
)
from durward.core.policy.language.pattern import (
    ARN_SEGMENTS,
    Lookup,
    Segments,
    Unreadable,
    Variable,
    parse_template,
)

Applies = Callable[[Lookup, Segments], bool]
"""Whether a statement applies, from the facts and the resource's segments."""

MAX_READ: Final = 16_384
"""The number of cached conversions to numbers, instants and addresses."""

# Expressions. Each `#` becomes the number of the atom: `k` is its key, `t` to `x` are the constants
# it is compared with, `c` is the condition, whose full rule is for every value that is not of the
# usual kind. `@` is the result for a key without a value, `~` for a malformed one.
NAMES = "t#(get, segments)"
SEGMENT = "t#(segments[%s])"
SEGMENT_OF_A_KEY = "(w == segments[%s] if (w := get(k#)).__class__ is str else t#(get, segments))"
IS = "t#(get(k#))"
ANYTHING_ELSE = "in_full(c#, get, ~)"
ONE_TEXT = "((%s) if (v := get(k#)).__class__ is str else @ if v is None else in_full(c#, get, ~))"
SEVERAL_TEXTS = (
    "((%s) if (v := get(k#)).__class__ is tuple and v else @ if v is None else in_full(c#, get, ~))"
)
IS_ABSENT = "((v := get(k#)) is None or (v.__class__ is not str and in_full(c#, get, ~)))"
IS_PRESENT = "((v := get(k#)).__class__ is str or (v is not None and in_full(c#, get, ~)))"
NOT = "not (%s)"
IN = "v in t#"
FOLDED_IN = "v in t# or v.casefold() in t#"
TRUTH_IN = "v in t# or v not in TRUTHS and (f in t# if (f := v.casefold()) in TRUTHS else ~)"
PASSES = "t#(v)"
EQUALS_KEY = "(v == w if (w := get(t#)).__class__ is str else in_full(c#, get, ~))"
DIFFERS_FROM_KEY = "(v != w if (w := get(t#)).__class__ is str else in_full(c#, get, ~))"
NUMBER = "(~ if (n := number(v)) is None else %s)"
INSTANT = "(~ if (n := instant(v)) is None else %s)"
ADDRESS = "(~ if (n := address(v)) is None else %s)"
IN_RANGES = ("n & t# in u#", "n & t# in u# or n & w# in x#")
IN_MANY_RANGES = "t#(n)"
SOME_IN = "not t#.isdisjoint(v)"
SOME_NOT_IN = "not t#.issuperset(v)"
EVERY_IN = "t#.issuperset(v)"
EVERY_NOT_IN = "t#.isdisjoint(v)"

QUANTIFIED = {
    (Quantifier.SOME, False): SEVERAL_TEXTS % SOME_IN,
    (Quantifier.SOME, True): SEVERAL_TEXTS % SOME_NOT_IN,
    (Quantifier.EVERY, False): SEVERAL_TEXTS % EVERY_IN,
    (Quantifier.EVERY, True): SEVERAL_TEXTS % EVERY_NOT_IN,
}
"""Equality of several values with constants, by quantifier and sign."""
ORDERED: Final[dict[str, tuple[str, Callable[..., Decimal]]]] = {
    "LessThan": ("n < t#", max),
    "LessThanEquals": ("n <= t#", max),
    "GreaterThan": ("n > t#", min),
    "GreaterThanEquals": ("n >= t#", min),
}
"""Comparisons by the operator's name, and the function that selects the deciding constant."""


@lru_cache(maxsize=MAX_READ)
def number(text: str) -> Decimal | None:
    """A value of a request as a number; None if it is not one."""
    try:
        return parse_number(text)
    except ValueError:
        return None


@lru_cache(maxsize=MAX_READ)
def instant(text: str) -> Decimal | None:
    """A value of a request as an instant; None if it is not one."""
    try:
        return parse_date(text)
    except ValueError:
        return None


@lru_cache(maxsize=MAX_READ)
def address(text: str) -> int | None:
    """A value of a request as an address, IPv6 beyond all of IPv4; None if it is not one."""
    try:
        version, found = parse_ip(text)
    except Unreadable:
        return None
    return found if version == 4 else found | IPV6  # noqa: PLR2004


IPV6: Final = 1 << 128


@lru_cache(maxsize=MAX_READ)
def masked(text: str) -> tuple[int, int]:
    """A range of addresses as its mask and its first address, as `address` counts them."""
    network = ipaddress.ip_network(text.strip(), strict=False)
    first, mask = int(network.network_address), int(network.netmask)
    mapped = isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped
    if network.version == 4 or mapped:  # noqa: PLR2004
        return mask & IPV4_BITS | IPV6, first & IPV4_BITS
    return mask | IPV6, first | IPV6


Atom = tuple[str, tuple[Any, ...]]
"""An expression, and the values of its names in the order of `NAMED`."""


def print_atoms(atoms: Sequence[Atom]) -> Applies:
    """The function that is true where all of the atoms hold."""
    made = _maker(tuple([atom[0] for atom in atoms]))
    found: Applies = made(*[value for atom in atoms for value in atom[1]])
    return found


@lru_cache(maxsize=1024)
def _maker(shape: tuple[str, ...]) -> Callable[..., Applies]:
    text = f"""
def make({", ".join(arguments(shape))}):
    def applies(get, segments):
        return {conjunction(shape)}
    return applies
"""
    return compiled(text)


def arguments(shape: Sequence[str], first: int = 0) -> list[str]:
    """The names that the expressions use, numbered from `first`."""
    return [f"{name}{first + place}" for place, text in enumerate(shape) for name in names_in(text)]


NAMED: Final = "ktuwxc"


@lru_cache(maxsize=1024)
def names_in(expression: str) -> str:
    """The names that an expression uses."""
    return "".join(name for name in NAMED if f"{name}#" in expression)


def conjunction(shape: Sequence[str], first: int = 0) -> str:
    """The expressions joined, numbered from `first`."""
    numbered = (text.replace("#", str(first + place)) for place, text in enumerate(shape))
    return " and ".join(numbered) or "True"


def in_full(condition: Condition, get: Lookup, on_error: bool) -> bool:  # noqa: FBT001
    """The rule of a condition, for values of any kind."""
    try:
        return condition_holds(condition, get)
    except Unreadable:
        return on_error


ROOM: Final = {
    "TRUTHS": TRUTHS,
    "number": number,
    "instant": instant,
    "address": address,
    "in_full": in_full,
}


def compiled(text: str) -> Callable[..., Any]:
    """Compile a source that consists of lines of these modules only, and return its `make`."""
    room: dict[str, Any] = dict(ROOM)
    exec(compile(text, "<policy>", "exec"), room)  # noqa: S102
    made: Callable[..., Any] = room["make"]
    return made


def names_atom(names: ResourceMatch) -> Atom:
    """The atom for the rest of a resource pattern."""
    whole = all(len(p.segments or ()) in {0, ARN_SEGMENTS} for p in names.patterns)
    if whole and not names.complement and len(names.patterns) == 1:
        templates = [
            (place, template)
            for place, template in enumerate(names.patterns[0].segments or ())
            if not template.is_star
        ]
        if len(templates) == 1:
            place, only = templates[0]
            if only.test:
                return SEGMENT % place, (only.test,)
            if isinstance(only.parts[0], Variable) and len(only.parts) == 1:
                return SEGMENT_OF_A_KEY % place, (only.parts[0].key, partial(_names, names))
    return (NAMES, (partial(_names, names),))


def _names(names: ResourceMatch, get: Lookup, segments: Segments) -> bool:
    return names_hold(names, segments, get)


def principals_atom(named: Principals) -> Atom:
    """The atom for a list of principals."""
    atom = PrincipalMatch(named.arns, named.everybody, named.complement)
    return (IS, (PRINCIPAL, partial(principal_holds, atom)))


def condition_atom(condition: Condition, *, on_error: bool) -> Atom:
    """The atom for a condition: the fastest expression that is equal to its rule."""
    kind, held = _expression(condition)
    expression = _settled(kind, absent_holds(condition), on_error)
    names = names_in(expression)
    key = (condition.key,) if "k" in names else ()
    return expression, (*key, *held, condition) if "c" in names else (*key, *held)


@lru_cache(maxsize=1024)
def _settled(expression: str, absent: bool, on_error: bool) -> str:  # noqa: FBT001
    return expression.replace("@", str(absent)).replace("~", str(on_error))


Found = tuple[str, tuple[Any, ...]]
"""An expression, and the values of its `t` to `x`."""


def _expression(condition: Condition) -> Found:
    operator, operands = condition.operator, condition.operands
    if condition.refused or (operator and not operands):
        return ANYTHING_ELSE, ()
    if operator is None:
        if len(condition.absent) > 1:
            return ANYTHING_ELSE, ()
        return (IS_ABSENT if True in condition.absent else IS_PRESENT), ()
    texts = [operand.equal for operand in operands]
    if condition.quantifier is not None:
        if None in texts:
            return ANYTHING_ELSE, ()
        return QUANTIFIED[condition.quantifier, operator.negated], (frozenset(texts),)
    if None not in texts:
        return (NOT_ONE if operator.negated else ONE), (frozenset(texts),)
    found = None
    if not any(operand.keys for operand in operands):
        name = operator.name.removeprefix("Not").replace("Not", "")
        found = _of_constants(name, tuple([operand.text for operand in operands]))
    if found is None:
        return _of_a_key(operands, operator.name)
    return _signed(found[0], operator.negated), found[1]


ONE, NOT_ONE = ONE_TEXT % IN, ONE_TEXT % (NOT % IN)


@lru_cache(maxsize=1024)
def _signed(expression: str, negated: bool) -> str:  # noqa: FBT001
    """The expression for one string; a malformed value neither matches nor fails to."""
    if negated:
        before, reads, after = expression.partition("None else ")
        expression = f"{before}{reads}not ({after[:-1]}))" if reads else NOT % expression
    return ONE_TEXT % expression


@lru_cache(maxsize=MAX_READ)
def _of_constants(name: str, texts: tuple[str, ...]) -> Found | None:
    match name:
        case "Bool" | "StringEqualsIgnoreCase":
            literal = (parse_template(text, wildcards=False).literal or "" for text in texts)
            expression = TRUTH_IN if name == "Bool" else FOLDED_IN
            return expression, (frozenset(text.casefold() for text in literal),)
        case "StringLike":
            tests = [parse_template(text, wildcards=True).test for text in texts]
            if len(tests) == 1:
                return PASSES, (tests[0],)
            return PASSES, (lambda value: any(test and test(value) for test in tests),)
        case "IpAddress":
            return _of_ranges([masked(text) for text in texts])
        case _:
            return _of_quantities(name, texts)


def _of_ranges(ranges: Sequence[tuple[int, int]]) -> Found:
    """The expression for address ranges: one look-up for all ranges of one size."""
    firsts: dict[int, set[int]] = {}
    for mask, first in ranges:
        firsts.setdefault(mask, set()).add(first)
    pairs = [(mask, frozenset(found)) for mask, found in firsts.items()]
    if len(pairs) <= len(IN_RANGES):
        bound = tuple(value for pair in pairs for value in pair)
        return ADDRESS % IN_RANGES[len(pairs) - 1], bound

    def is_in(value: int) -> bool:
        return any(value & mask in found for mask, found in pairs)

    return ADDRESS % IN_MANY_RANGES, (is_in,)


def _of_quantities(name: str, texts: Sequence[str]) -> Found | None:
    for family, reads, parse in (("Numeric", NUMBER, parse_number), ("Date", INSTANT, parse_date)):
        if name.startswith(family):
            constants = [parse(text) for text in texts]
            if name == f"{family}Equals":
                return reads % "n in t#", (frozenset(constants),)
            comparison, deciding = ORDERED[name.removeprefix(family)]
            return reads % comparison, (deciding(constants),)
    return None


def _of_a_key(operands: Sequence[Operand], name: str) -> Found:
    """The expression for equality with the value of another key, such as tenant or owner."""
    if len(operands) == 1 and name in {"StringEquals", "StringNotEquals"}:
        parts = parse_template(operands[0].text, wildcards=False).parts
        if len(parts) == 1 and isinstance(parts[0], Variable):
            differs = name == "StringNotEquals"
            return ONE_TEXT % (DIFFERS_FROM_KEY if differs else EQUALS_KEY), (parts[0].key,)
    return ANYTHING_ELSE, ()
