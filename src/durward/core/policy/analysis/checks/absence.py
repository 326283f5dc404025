"""What an absent key does to a condition (see `predicate.condition_holds`)."""

from collections.abc import Iterator

from durward.core.openapi.operations import Operation
from durward.core.policy.analysis.checks.view import Remark, View
from durward.core.policy.analysis.spelling import display_variable
from durward.core.policy.language.catalogue import Key, Presence
from durward.core.policy.language.document import Quantifier
from durward.core.policy.language.pattern import Template, Variable, parse_template
from durward.core.policy.language.written import WrittenCondition, WrittenStatement


def unguarded_for_all(view: View) -> Iterator[Remark]:
    """`ForAllValues` in an Allow without `Null`: no value at all satisfies it."""
    for found in view.written.statements:
        for written in found.conditions:
            every = written.condition.quantifier is Quantifier.EVERY
            if found.allows and every and not _is_guarded(found, written):
                message = f"holds for a request that has no `{written.key}` at all"
                yield Remark(written.pointer, message, _guard(written))


def holds_when_absent(view: View) -> Iterator[Remark]:
    """A negated or `IfExists` operator in an Allow, on a key that a request may lack."""
    for found, written, when in _uncertain(view):
        operator = written.condition.operator
        if operator is None or written.condition.quantifier is Quantifier.EVERY:
            continue
        lenient = written.condition.if_exists
        lenient |= operator.negated and written.condition.quantifier is None
        if found.allows and lenient and not _is_guarded(found, written):
            message = f"`{written.condition.name}` also allows where `{written.key}` is absent"
            yield Remark(written.pointer, message + when, _guard(written))


def fails_when_absent(view: View) -> Iterator[Remark]:
    """A positive operator in a Deny, on a key that a request may lack."""
    for found, written, when in _uncertain(view):
        operator = written.condition.operator
        if found.allows or operator is None or written.condition.if_exists:
            continue
        strict = written.condition.quantifier is Quantifier.SOME
        strict |= not operator.negated and written.condition.quantifier is None
        if strict and not _is_guarded(found, written):
            message = f"`{written.condition.name}` does not deny where `{written.key}` is absent"
            yield Remark(written.pointer, message + when, _strict_hint(written))


def never_provided(view: View) -> Iterator[Remark]:
    """A key, of a condition or a variable, that no request to the operations in question has."""
    for found, operations in view:
        for written in found.conditions:
            known = view.catalogue.key(written.key)
            if known and view.catalogue.is_present(written.key, operations) is None:
                message = f"no request that this is about has `{written.key}`"
                yield Remark(written.pointer, message, _teller(known))
        for pointer, name in _variables(found):
            known = view.catalogue.key(name)
            if known and view.catalogue.is_present(name, operations) is None:
                message = f"no request that this is about has a value for `${{{name}}}`"
                yield Remark(pointer, message, "use a key that these operations have, or a default")


def _variables(found: WrittenStatement) -> Iterator[tuple[str, str]]:
    """The variables without a default, by their keys."""
    for pointer, pattern in found.resources:
        for template in pattern.segments or ():
            for name in _without_default(template):
                yield pointer, name
    for written in found.conditions:
        for pointer, operand in zip(written.operands, written.condition.operands, strict=False):
            if operand.keys:
                for name in _without_default(parse_template(operand.text, wildcards=False)):
                    yield pointer, name


def _without_default(template: Template) -> Iterator[str]:
    for part in template.parts:
        if isinstance(part, Variable) and part.default is None:
            yield display_variable(template.text, part.key)


def _uncertain(view: View) -> Iterator[tuple[WrittenStatement, WrittenCondition, str]]:
    for found, operations in view:
        for written in found.conditions:
            known = view.catalogue.key(written.key)
            if known and view.catalogue.is_present(written.key, operations) is False:
                yield found, written, _when(view, written, operations)


def _when(view: View, written: WrittenCondition, operations: tuple[Operation, ...]) -> str:
    """Where the key is missing, as far as that can be told: in which operation, or with whom."""
    catalogue, key = view.catalogue, written.key
    absent = [o.action for o in operations if catalogue.is_present(key, (o,)) is None]
    if absent:
        return f"; `{absent[0]}` never has it"
    if catalogue.is_present_at_the_edge(key, operations):
        return "; a client with the API in its `authzen_apis` may not send it"
    return ""


def _is_guarded(found: WrittenStatement, written: WrittenCondition) -> bool:
    """Whether the statement asks for the key's presence, or its absence, in so many words."""
    return any(
        other.condition.operator is None and other.condition.key == written.condition.key
        for other in found.conditions
    )


def _teller(key: Key) -> str:
    """Who could tell a key that no request has; nothing where nobody could."""
    if key.elsewhere is Presence.NEVER:
        return ""
    return (
        "use a key that these operations have, or declare a client with the API in its "
        "`authzen_apis`"
    )


def _guard(written: WrittenCondition) -> str:
    return f'add `Null: {{ {written.key}: "false" }}`'


def _strict_hint(written: WrittenCondition) -> str:
    if written.condition.quantifier:
        return f'deny with `Null: {{ {written.key}: "true" }}` in a statement of its own too'
    name = written.condition.name
    return f"write `{name}IfExists`, or say by `Null` that an absent key is meant to pass"
