"""Translate a condition on one string into patterns that read it character by character."""

from collections.abc import Iterator, Sequence
from string import ascii_letters
from typing import Final

from durward.core.policy.engine.predicate import ConditionMatch, Facts
from durward.core.policy.language.automaton import STAR, Parts
from durward.core.policy.language.operators import TRUTHS, parse_number
from durward.core.policy.language.pattern import (
    ARN_SEGMENTS,
    Template,
    Unreadable,
    Unresolved,
    parse_template,
    split_arn,
)
from durward.core.policy.language.wildcards import ArnGlob, Glob
from durward.core.policy.symbolic.addresses import ANY_IPV4, LikeIpv6, within
from durward.core.policy.symbolic.numbers import RELATIONS, NoNumber, Number
from durward.core.policy.symbolic.strings import OfSigns, Pattern, PatternConstraint, Unlike

Constraint = tuple[ConditionMatch, bool]
"""A condition, and whether it must hold."""

FOLDING: Final = ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "Bool")
FAMILIES: Final = ("String", "Bool", "Numeric", "Date", "Ip", "Binary", "Arn")
SIGNS: Final = {
    "Date": "0123456789-:.+TtZzeE",
    "Binary": f"{ascii_letters}0123456789+/=",
}
"""The characters of the strings that a family can parse."""
ANY_ARN: Final = ArnGlob((("arn",), *[(STAR,)] * (ARN_SEGMENTS - 1)))


def value_family(atom: ConditionMatch) -> str:
    """The family of a condition's operator: the type of value that it parses."""
    operator = atom.condition.operator
    if operator is None:
        return "Null"
    return next(family for family in FAMILIES if family in operator.name)


def wanted_of(constraint: Constraint, known: Facts) -> list[PatternConstraint]:
    """Patterns that read a string character by character, from a constraint on it.

    They are exact for strings, booleans, ARNs, numbers and IPv4; else they are weaker.
    """
    atom, wanted = constraint
    operator = atom.condition.operator
    if operator is None or atom.condition.refused:
        return []
    matches = wanted is not operator.negated
    match family := value_family(atom):
        case "String":
            folds = operator.name in FOLDING
            globs = [Glob(parts, folds) for parts in resolved(atom, known)]
            if atom.on_error is not operator.negated:
                globs += [Glob((each, STAR)) for each in _unreadable(atom, known)]
            return [PatternConstraint(tuple(globs), matches)]
        case "Bool":
            return [_wanted_truth(atom, known, wanted=wanted)]
        case "Arn":
            return _wanted_arn(atom, known, matches=matches)
        case "Numeric":
            return _wanted_number(atom, matches=matches)
        case "Ip":
            return _wanted_address(atom, matches=matches, can_be_malformed=atom.on_error is wanted)
        case _:
            return (
                [PatternConstraint((OfSigns(SIGNS[family]),), True)]
                if atom.on_error is not wanted
                else []
            )


def _wanted_truth(atom: ConditionMatch, known: Facts, *, wanted: bool) -> PatternConstraint:
    """The pattern of a boolean condition: the booleans for which it holds.

    If it holds for malformed values, the complement of the booleans for which it fails; it fails
    for none if the value of a variable is not a boolean.
    """
    named, is_odd = set(), any(_is_malformed(t, known) for t in templates_of(atom))
    for parts in resolved(atom, known):
        text = "".join(map(str, parts)).casefold()
        named.add(text)
        is_odd = is_odd or text not in TRUTHS
    failing = frozenset() if is_odd else TRUTHS - named
    meant = failing if atom.on_error else TRUTHS & named
    globs = tuple(Glob((text,), folds=True) for text in sorted(meant))
    return PatternConstraint(globs, matches=wanted is not atom.on_error)


def _wanted_arn(atom: ConditionMatch, known: Facts, *, matches: bool) -> list[PatternConstraint]:
    """The patterns of an ARN condition: one of the operands, none of them, or not an ARN.

    If an operand's variable is malformed, only its part before the variable is compared.
    """
    operator = atom.condition.operator
    is_negated = operator is not None and operator.negated
    globs: list[Pattern] = []
    for operand in atom.condition.operands:
        templates = [parse_template(each, wildcards=True) for each in split_arn(operand.text)]
        beginnings = list(_beginnings(templates, known))
        if beginnings:  # a malformed variable has precedence over an absent one
            globs += beginnings if atom.on_error is not is_negated else []
            continue
        try:
            globs.append(ArnGlob(tuple(template.resolve(known.get) for template in templates)))
        except Unresolved:
            continue
    if not is_negated:
        return [PatternConstraint(tuple(globs), matches)]
    if matches:
        return [PatternConstraint((Unlike(ANY_ARN), *globs), matches=True)]
    return [
        PatternConstraint((ANY_ARN,), matches=True),
        PatternConstraint(tuple(globs), matches=False),
    ]


def _beginnings(templates: Sequence[Template], known: Facts) -> Iterator[ArnGlob]:
    for at, template in enumerate(templates):
        if _is_malformed(template, known):
            segments = [(STAR,)] * len(templates)
            yield ArnGlob((*segments[:at], (template.beginning, STAR), *segments[at + 1 :]))


def _wanted_number(atom: ConditionMatch, *, matches: bool) -> list[PatternConstraint]:
    """The patterns of a numeric condition: true for one operand, for none, or not a number."""
    operator = atom.condition.operator
    assert operator is not None  # noqa: S101 - it has a family
    relations = RELATIONS[operator.name.removeprefix("Numeric").replace("Not", "")]
    globs: list[Pattern] = [
        Number(relations, parse_number(operand.text)) for operand in atom.condition.operands
    ]
    if atom.on_error is not operator.negated:
        globs.append(NoNumber())
    return [PatternConstraint(tuple(globs), matches)]


def _wanted_address(
    atom: ConditionMatch, *, matches: bool, can_be_malformed: bool
) -> list[PatternConstraint]:
    """The patterns of an address condition: in a range, or in none; IPv6 by its spelling only."""
    told = [within(operand.text) for operand in atom.condition.operands]
    ranges = tuple(filter(None, told))
    if matches:
        others = LikeIpv6(is_mapped=None not in told)
        return [] if can_be_malformed else [PatternConstraint((*ranges, others), matches=True)]
    found = [PatternConstraint(ranges, matches=False)]
    return (
        found
        if can_be_malformed
        else [*found, PatternConstraint((ANY_IPV4, LikeIpv6()), matches=True)]
    )


def _is_malformed(template: Template, known: Facts) -> bool:
    try:
        template.resolve(known.get)
    except Unreadable:
        return True
    except Unresolved:
        return False
    return False


def resolved(atom: ConditionMatch, known: Facts) -> list[Parts]:
    """The operands as patterns with variables substituted, without those that have no value."""
    found = []
    for template in templates_of(atom):
        try:
            found.append(template.resolve(known.get))
        except (Unresolved, Unreadable):
            continue
    return found


def _unreadable(atom: ConditionMatch, known: Facts) -> Iterator[str]:
    """The literal prefixes of operands with a malformed variable."""
    folds = atom.condition.operator and atom.condition.operator.name in FOLDING
    return ("" if folds else t.beginning for t in templates_of(atom) if _is_malformed(t, known))


def templates_of(atom: ConditionMatch) -> Iterator[Template]:
    """The operands of a condition on strings."""
    name = atom.condition.operator.name if atom.condition.operator else ""
    for operand in atom.condition.operands:
        yield parse_template(operand.text, wildcards="Like" in name)
