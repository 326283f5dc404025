"""Checks for values and patterns that are easily misread, or that have no effect."""

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeVar

from durward.core.policy.analysis.checks.view import Remark, View
from durward.core.policy.language.automaton import includes
from durward.core.policy.language.document import Condition, Placed, Quantifier
from durward.core.policy.language.operators import parse_number
from durward.core.policy.language.pattern import (
    ActionPattern,
    ResourcePattern,
    Template,
    parse_template,
)

EARLY, LATE = Decimal(10) ** 8, Decimal(10) ** 11
"""Seconds since 1970, in 1973 and in the year 5138: intended instants are between."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_COMPARED = 100
"""In a longer list only duplicate values are found."""
LIKE: Final = frozenset({"StringLike", "StringNotLike"})
P = TypeVar("P", ActionPattern, ResourcePattern, Template)


def odd_instants(view: View) -> Iterator[Remark]:
    """A date that is a number: of a year, of a day, or of milliseconds."""
    for pointer, text in _values(view, "Date"):
        try:
            seconds = parse_number(text)
        except ValueError:  # a date as people write it
            continue
        if not EARLY <= abs(seconds) <= LATE:
            hint = "write a date such as `2026-01-01`, or the seconds since 1970"
            yield Remark(
                pointer, f"`{text}` is a number of seconds: it means {_day(seconds)}", hint
            )


def _day(seconds: Decimal) -> str:
    if abs(seconds) > LATE:
        return "a day in thousands of years"
    return f"{EPOCH + timedelta(seconds=int(seconds)):%Y-%m-%d}"


def host_bits(view: View) -> Iterator[Remark]:
    """An address with the length of a range behind it: the whole range is meant."""
    for pointer, text in _values(view, "IpAddress", "NotIpAddress"):
        try:
            ipaddress.ip_network(text.strip())
        except ValueError:
            whole = ipaddress.ip_network(text.strip(), strict=False)
            hint = f"write `{whole}`, or `{text.partition('/')[0]}` for the address alone"
            yield Remark(pointer, f"`{text}` is the whole of `{whole}`", hint)


def _values(view: View, *families: str) -> Iterator[Placed[str]]:
    for condition in _conditions(view):
        operator = condition.operator
        if operator and operator.name.startswith(families):
            yield from _texts(condition)


def _conditions(view: View) -> Iterator[Condition]:
    for statement in view.document.statements:
        yield from statement.conditions


def _texts(condition: Condition) -> Iterator[Placed[str]]:
    return ((pointer, operand.text) for pointer, operand in condition.placed)


def null_of_both(view: View) -> Iterator[Remark]:
    """`Null` that holds for an absent key as well as for a present one."""
    for condition in _conditions(view):
        if len(condition.absent) > 1:
            yield Remark(
                condition.pointer, f"holds whether or not a request has `{condition.written}`"
            )


def any_text(view: View) -> Iterator[Remark]:
    """`*` for `StringLike` and the like, which matches every string."""
    for condition in _conditions(view):
        operator = condition.operator
        if operator and operator.name in LIKE:
            for pointer, text in _texts(condition):
                if text and not text.strip("*"):
                    hint = _presence(condition, negated=operator.negated)
                    yield Remark(pointer, f"`{text}` is any text", hint)


def _presence(condition: Condition, *, negated: bool) -> str:
    """The equal condition with `Null`."""
    if negated and condition.quantifier is Quantifier.SOME:
        return "remove it: it never holds"
    if not negated and (condition.if_exists or condition.quantifier is Quantifier.EVERY):
        return "remove it: it always holds"
    return f'write `Null: {{ {condition.written}: "{str(negated).lower()}" }}`'


def blanks_around(view: View) -> Iterator[Remark]:
    """A value with a blank before or behind it, which is compared too."""
    places = [
        (p, pattern.text) for s in view.document.statements for p, pattern in s.resources.placed
    ]
    for pointer, text in (*places, *_values(view, "String", "Arn")):
        if text != text.strip():
            yield Remark(pointer, f"`{text}` has blanks around it", f"write `{text.strip()}`")


def no_statements(view: View) -> Iterator[Remark]:
    """A document without a statement."""
    if not view.document.statements:
        yield Remark("/Statement", "has no statement")


def redundant_values(view: View) -> Iterator[Remark]:
    """A value that another in the same list includes; of equal ones the second."""
    for statement in view.document.statements:
        yield from _included(statement.actions.placed, _acts_for)
        yield from _included(statement.resources.placed, _names_for)
        for condition in statement.conditions:
            yield from _twins(condition)
            if condition.operator and condition.operator.name in LIKE:
                yield from _included(_templates(condition), _spans)


def _included(listed: Sequence[Placed[P]], says: Callable[[P, P], bool]) -> Iterator[Remark]:
    if len(listed) > MAX_COMPARED:
        return
    for place, (pointer, pattern) in enumerate(listed):
        for other_place, (_, other) in enumerate(listed):
            is_said = place != other_place and says(other, pattern)
            if is_said and (other_place < place or not says(pattern, other)):
                yield _nothing_new(pointer, pattern.text, other.text)
                break


def _acts_for(wider: ActionPattern, narrower: ActionPattern) -> bool:
    return _spans(wider.template, narrower.template)


def _names_for(wider: ResourcePattern, narrower: ResourcePattern) -> bool:
    if wider.segments is None or narrower.segments is None:
        return wider.segments is None
    return all(map(_spans, wider.segments, narrower.segments))


def _spans(wider: Template, narrower: Template) -> bool:
    """Whether one pattern includes another, whose variables can be any string.

    A pattern with variables of its own includes only itself, since their values are not known.
    """
    if wider.text == narrower.text:
        return True
    if wider.keys or not narrower.beginning.startswith(wider.beginning):
        return False
    return includes(wider.widest, narrower.widest)


def _twins(condition: Condition) -> Iterator[Remark]:
    seen: set[str] = set()
    for pointer, operand in condition.placed:
        if operand.text in seen:
            yield _nothing_new(pointer, operand.text, operand.text)
        seen.add(operand.text)


def _templates(condition: Condition) -> Sequence[Placed[Template]]:
    """The patterns of a condition, each once; one with a variable may be malformed instead."""
    told = {operand.text: pointer for pointer, operand in reversed(condition.placed)}
    plain = {operand.text: operand for operand in condition.operands if not operand.keys}
    return [(told[text], parse_template(text, wildcards=True)) for text in plain]


def _nothing_new(pointer: str, text: str, other: str) -> Remark:
    if text == other:
        return Remark(pointer, f"`{text}` occurs twice")
    return Remark(pointer, f"`{text}` says nothing that `{other}` does not say")
