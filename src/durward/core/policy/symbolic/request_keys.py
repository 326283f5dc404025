"""What is known of keys whatever a request is, put into the conditions that read them.

`durward:ResourceTenant` says what the tenant's segment of the resource says, so that a condition on
it is one on the resource. A key that always comes as a list never satisfies an operator without a
quantifier, whatever is in it (docs/policy-language.md).
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from durward.core.policy.engine.atoms import absent
from durward.core.policy.engine.predicate import (
    FALSE,
    And,
    ConditionMatch,
    Constant,
    Not,
    Or,
    Predicate,
    ResourceMatch,
    absent_holds,
    keys_of,
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
    """The same of requests whose resource's tenant is told as its name says.

    What cannot be said of the name alone reads the key still, which is then the name's tenant.
    """
    found = _of_name(predicate)
    if RESOURCE_TENANT not in keys_of(found):
        return found
    of_somebody = _tenant_is(parse_template(f"${{{RESOURCE_TENANT}}}", wildcards=True))
    of_nobody = And((absent(RESOURCE_TENANT), _tenant_is(Template("", ()))))
    return And((Or((of_somebody, of_nobody)), found))


def with_lists(predicate: Predicate, lists: Collection[str]) -> Predicate:
    """The same where these keys have a list of values or none."""
    match predicate:
        case Not(part):
            return Not(with_lists(part, lists))
        case And(parts):
            return And(tuple(with_lists(part, lists) for part in parts))
        case Or(parts):
            return Or(tuple(with_lists(part, lists) for part in parts))
        case ConditionMatch(condition) if (
            condition.key in lists
            and condition.operator
            and condition.quantifier is None
            and not condition.refused
        ):
            return absent(condition.key) if absent_holds(condition) else FALSE
        case _:
            return predicate


def reading(predicate: Predicate, names: Mapping[str, str]) -> Predicate:
    """The same with other names for some keys, in its conditions and in their variables."""
    match predicate:
        case Not(part):
            return Not(reading(part, names))
        case And(parts):
            return And(tuple(reading(part, names) for part in parts))
        case Or(parts):
            return Or(tuple(reading(part, names) for part in parts))
        case ConditionMatch(condition):
            operator = condition.operator
            operands = [
                operator.read(_with_names(each.text, names)) if operator and each.keys else each
                for each in condition.operands
            ]
            key = names.get(condition.key, condition.key)
            return replace(
                predicate, condition=replace(condition, key=key, operands=tuple(operands))
            )
        case ResourceMatch(patterns):
            found = [
                resource_pattern(
                    each.text, [_with_names(part.text, names) for part in each.segments or ()]
                )
                if each.keys
                else each
                for each in patterns
            ]
            return replace(predicate, patterns=tuple(found))
        case _:
            return predicate


def _with_names(text: str, names: Mapping[str, str]) -> str:
    for key, name in names.items():
        text = renamed(text, key, name)
    return text


def _of_name(predicate: Predicate) -> Predicate:
    match predicate:
        case Not(part):
            return Not(_of_name(part))
        case And(parts):
            return And(tuple(map(_of_name, parts)))
        case Or(parts):
            return Or(tuple(map(_of_name, parts)))
        case ConditionMatch(condition, on_error) if condition.key == RESOURCE_TENANT:
            return _condition(condition, on_error=on_error) or predicate
        case _:
            return predicate


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
    """An operand as a segment of a name; None where it is too long for one."""
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
