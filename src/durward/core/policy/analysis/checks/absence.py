"""Checks for the effect of absent keys on conditions (see `predicate.condition_holds`)."""

from collections.abc import Iterator

from durward.core.openapi.operations import Operation
from durward.core.policy.analysis.checks.view import Remark, View
from durward.core.policy.analysis.spelling import display_variable
from durward.core.policy.language.catalogue import Key, Presence
from durward.core.policy.language.document import Condition, Quantifier, Statement
from durward.core.policy.language.pattern import Template, Variable, parse_template


def unguarded_for_all(view: View) -> Iterator[Remark]:
    """`ForAllValues` in an Allow without `Null`: no value at all satisfies it."""
    for statement in view.document.statements:
        for condition in statement.conditions:
            every = condition.quantifier is Quantifier.EVERY
            if statement.allows and every and not _is_guarded(statement, condition):
                message = f"holds for a request that has no `{condition.written}` at all"
                yield Remark(condition.pointer, message, _guard(condition))


def holds_when_absent(view: View) -> Iterator[Remark]:
    """A negated or `IfExists` operator in an Allow, on a key that a request may lack."""
    for statement, condition, when in _uncertain(view):
        operator = condition.operator
        if operator is None or condition.quantifier is Quantifier.EVERY:
            continue
        lenient = condition.if_exists
        lenient |= operator.negated and condition.quantifier is None
        if statement.allows and lenient and not _is_guarded(statement, condition):
            message = f"`{condition.name}` also allows where `{condition.written}` is absent"
            yield Remark(condition.pointer, message + when, _guard(condition))


def fails_when_absent(view: View) -> Iterator[Remark]:
    """A positive operator in a Deny, on a key that a request may lack."""
    for statement, condition, when in _uncertain(view):
        operator = condition.operator
        if statement.allows or operator is None or condition.if_exists:
            continue
        strict = condition.quantifier is Quantifier.SOME
        strict |= not operator.negated and condition.quantifier is None
        if strict and not _is_guarded(statement, condition):
            message = f"`{condition.name}` does not deny where `{condition.written}` is absent"
            yield Remark(condition.pointer, message + when, _strict_hint(condition))


def never_provided(view: View) -> Iterator[Remark]:
    """A key, of a condition or a variable, that no request to the operations in question has."""
    for statement, operations in view:
        for condition in statement.conditions:
            known = view.catalogue.key(condition.written)
            if known and view.catalogue.is_present(condition.written, operations) is None:
                message = f"no request that this is about has `{condition.written}`"
                yield Remark(condition.pointer, message, _teller(known))
        for pointer, name in _variables(statement):
            known = view.catalogue.key(name)
            if known and view.catalogue.is_present(name, operations) is None:
                message = f"no request that this is about has a value for `${{{name}}}`"
                yield Remark(pointer, message, "use a key that these operations have, or a default")


def _variables(statement: Statement) -> Iterator[tuple[str, str]]:
    """The variables without a default, by their keys."""
    for pointer, pattern in statement.resources.placed:
        for template in pattern.segments or ():
            for name in _without_default(template):
                yield pointer, name
    for condition in statement.conditions:
        for pointer, operand in condition.placed:
            if operand.keys:
                for name in _without_default(parse_template(operand.text, wildcards=False)):
                    yield pointer, name


def _without_default(template: Template) -> Iterator[str]:
    for part in template.parts:
        if isinstance(part, Variable) and part.default is None:
            yield display_variable(template.text, part.key)


def _uncertain(view: View) -> Iterator[tuple[Statement, Condition, str]]:
    for statement, operations in view:
        for condition in statement.conditions:
            known = view.catalogue.key(condition.written)
            if known and view.catalogue.is_present(condition.written, operations) is False:
                yield statement, condition, _when(view, condition, operations)


def _when(view: View, condition: Condition, operations: tuple[Operation, ...]) -> str:
    """The requests that lack the key, if known: those of an operation, or of a caller."""
    catalogue, key = view.catalogue, condition.written
    absent = [o.action for o in operations if catalogue.is_present(key, (o,)) is None]
    if absent:
        return f"; `{absent[0]}` never has it"
    if catalogue.is_present_at_the_edge(key, operations):
        return "; a client with the API in its `authzen_apis` may not send it"
    return ""


def _is_guarded(statement: Statement, condition: Condition) -> bool:
    """Whether the statement tests the key's presence, or its absence, explicitly."""
    return any(
        other.operator is None and other.key == condition.key for other in statement.conditions
    )


def _teller(key: Key) -> str:
    """The possible provider of a key that no request has; empty if there is none."""
    if key.elsewhere is Presence.NEVER:
        return ""
    return (
        "use a key that these operations have, or declare a client with the API in its "
        "`authzen_apis`"
    )


def _guard(condition: Condition) -> str:
    return f'add `Null: {{ {condition.written}: "false" }}`'


def _strict_hint(condition: Condition) -> str:
    if condition.quantifier:
        return f'deny with `Null: {{ {condition.written}: "true" }}` in a statement of its own too'
    name = condition.name
    return f"write `{name}IfExists`, or say by `Null` that an absent key is meant to pass"
