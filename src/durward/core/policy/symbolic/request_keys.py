"""Simplify conditions by facts about keys that hold in every request.

`durward:ResourceTenant` equals the tenant segment of the resource, so a condition on it becomes one
on the resource. A key that is always a list never satisfies an operator without a quantifier,
whatever its values (docs/policy-language.md).
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from durward.core.policy.engine.atoms import absent
from durward.core.policy.engine.predicate import (
    FALSE,
    And,
    Atom,
    ConditionMatch,
    Constant,
    Not,
    Or,
    Predicate,
    ResourceMatch,
    absent_holds,
    keys_of,
    map_atoms,
)
from durward.core.policy.engine.request import TENANT_SEGMENT
from durward.core.policy.language.document import Condition
from durward.core.policy.language.pattern import (
    ARN_SEGMENTS,
    ResourcePattern,
    Template,
    parse_template,
    renamed,
    resource_pattern,
    with_literal_signs,
)

RESOURCE_TENANT: Final = "durward:resourcetenant"
BY_SPELLING: Final = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike")
ANY: Final = parse_template("*", wildcards=True)


def with_tenant_of_resource(predicate: Predicate) -> Predicate:
    """An equal predicate for requests whose key `ResourceTenant` is that of the resource's name.

    A condition that cannot be written as a pattern of the name still reads the key.
    """
    found = map_atoms(predicate, _of_name)
    if RESOURCE_TENANT not in keys_of(found):
        return found
    of_somebody = _tenant_is(parse_template(f"${{{RESOURCE_TENANT}}}", wildcards=True))
    of_nobody = And((absent(RESOURCE_TENANT), _tenant_is(Template("", ()))))
    return And((Or((of_somebody, of_nobody)), found))


def with_lists(predicate: Predicate, lists: Collection[str]) -> Predicate:
    """An equal predicate for requests in which these keys have a list of values or none."""

    def change(atom: Atom, _: bool) -> Predicate:  # noqa: FBT001 - as `map_atoms` calls it
        match atom:
            case ConditionMatch(condition) if (
                condition.key in lists
                and condition.operator
                and condition.quantifier is None
                and not condition.refused
            ):
                return absent(condition.key) if absent_holds(condition) else FALSE
            case _:
                return atom

    return map_atoms(predicate, change)


def reading(predicate: Predicate, names: Mapping[str, str]) -> Predicate:
    """The predicate with some keys renamed, in its conditions and in their variables."""

    def change(atom: Atom, _: bool) -> Predicate:  # noqa: FBT001 - as `map_atoms` calls it
        match atom:
            case ConditionMatch(condition):
                return replace(atom, condition=_condition_reading(condition, names))
            case ResourceMatch(patterns):
                return replace(atom, patterns=tuple(_named_anew(one, names) for one in patterns))
            case _:
                return atom

    return map_atoms(predicate, change)


def _condition_reading(condition: Condition, names: Mapping[str, str]) -> Condition:
    operator = condition.operator
    operands = [
        operator.read(_with_names(each.text, names)) if operator and each.keys else each
        for each in condition.operands
    ]
    key = names.get(condition.key, condition.key)
    return replace(condition, key=key, operands=tuple(operands))


def _named_anew(pattern: ResourcePattern, names: Mapping[str, str]) -> ResourcePattern:
    if not pattern.keys:
        return pattern
    segments = [_with_names(part.text, names) for part in pattern.segments or ()]
    return resource_pattern(pattern.text, segments)


def _with_names(text: str, names: Mapping[str, str]) -> str:
    for key, name in names.items():
        text = renamed(text, key, name)
    return text


def _of_name(atom: Atom, _: bool) -> Predicate:  # noqa: FBT001 - as `map_atoms` calls it
    match atom:
        case ConditionMatch(condition, on_error) if condition.key == RESOURCE_TENANT:
            return _condition(condition, on_error=on_error) or atom
        case _:
            return atom


def _condition(condition: Condition, *, on_error: bool) -> Predicate | None:
    """A condition on the tenant of the resource, which has one value or none."""
    if condition.refused:
        return Constant(on_error)
    operator = condition.operator
    if operator is None:
        present: Predicate = Constant(False in condition.absent)
    elif operator.name in BY_SPELLING:
        templates = [_template(each.text, operator.name) for each in condition.operands]
        if None in templates:
            return None
        doubt = on_error is not operator.negated
        names = replace(_tenant_is(*filter(None, templates)), on_error=doubt)
        present = Not(names) if operator.negated else names
    else:
        return None
    is_nobodys = _tenant_is(Template("", ()))
    if absent_holds(condition):
        return Or((is_nobodys, present))
    return And((Not(is_nobodys), present))


def _template(text: str, operator: str) -> Template | None:
    """An operand as a segment of a name; None if it is too long for one."""
    try:
        return parse_template(
            text if "Like" in operator else with_literal_signs(text), wildcards=True
        )
    except ValueError:
        return None


def _tenant_is(*templates: Template) -> ResourceMatch:
    patterns = []
    for template in templates:
        segments = [ANY] * ARN_SEGMENTS
        segments[TENANT_SEGMENT] = template
        text = f"arn:*:*:*:{template.text}:*"
        patterns.append(ResourcePattern(text, tuple(segments)))
    return ResourceMatch(tuple(patterns), complement=False, on_error=False)
