"""Names that nobody declared, and operators that do not fit their key."""

from collections.abc import Iterator

from durward.core.policy.analysis.checks.view import API_SEGMENT, RESOURCE_SEGMENT, Remark, View
from durward.core.policy.analysis.spelling import display_variable
from durward.core.policy.language.automaton import STAR, overlaps
from durward.core.policy.language.catalogue import FAMILIES, PREFIX, Key, did_you_mean, family_of
from durward.core.policy.language.document import Condition, Statement
from durward.core.policy.language.pattern import ActionPattern, ResourcePattern


def unknown_actions(view: View) -> Iterator[Remark]:
    """An action pattern that matches no operation."""
    if not view.catalogue.apis:
        return
    for statement in view.document.statements:
        for pointer, pattern in statement.actions.placed:
            if problem := _action_problem(view, pattern):
                yield Remark(pointer, problem)


def _action_problem(view: View, pattern: ActionPattern) -> str | None:
    apis = view.catalogue.apis
    api, colon, _ = pattern.text.partition(":")
    if not colon:
        return None
    operations = apis.get(api.lower())
    if operations is None:
        return f"`{pattern.text}`: there is no api `{api}`{did_you_mean(api, apis)}"
    names = {operation.action for operation in operations}
    if any(pattern.matches(name.lower()) for name in names):
        return None
    return f"`{pattern.text}` is not an action of `{api}`{did_you_mean(pattern.text, names)}"


def unknown_types(view: View) -> Iterator[Remark]:
    """A resource pattern of an API or a type that there is not."""
    if not view.catalogue.apis:
        return
    for statement in view.document.statements:
        for pointer, pattern in statement.resources.placed:
            if problem := _resource_problem(view, pattern):
                yield Remark(pointer, problem)


def _resource_problem(view: View, pattern: ResourcePattern) -> str | None:
    if pattern.segments is None:
        return None
    api, resource = pattern.segments[API_SEGMENT], pattern.segments[RESOURCE_SEGMENT]
    apis = [name for name in view.catalogue.apis if overlaps(api.widest, (name,))]
    if not apis:
        close = did_you_mean(api.text, view.catalogue.apis)
        return f"`{pattern.text}`: there is no api `{api.text}`{close}"
    if resource.is_star:
        return None
    types = view.catalogue.types(apis)
    if any(overlaps(resource.widest, (f"{found}/", STAR)) for found in types):
        return None
    named = resource.text.partition("/")[0]
    close = did_you_mean(named, types)
    return f"`{pattern.text}`: no operation is about a resource of type `{named}`{close}"


def unknown_keys(view: View) -> Iterator[Remark]:
    """A key, of a condition or of a variable, that no request has."""
    catalogue = view.catalogue
    spelled = {key.name for key in catalogue.keys.values()}
    paths = {f"{PREFIX}PathParam/{name}" for name in catalogue.path_names}
    for pointer, name in _keys_of(view):
        is_path = name.lower().startswith(f"{PREFIX}pathparam/")
        if catalogue.key(name) is None:
            yield Remark(pointer, f"`{name}` is not a key{did_you_mean(name, spelled)}")
        elif is_path and catalogue.apis and name.lower() not in {path.lower() for path in paths}:
            yield Remark(pointer, f"`{name}`: no path has this variable{did_you_mean(name, paths)}")


def variables_of_several_values(view: View) -> Iterator[Remark]:
    """A key of several values as a variable, which then has no value."""
    for statement in view.document.statements:
        for pointer, name in _variables_of(statement):
            key = view.catalogue.key(name)
            if key and key.many:
                message = f"`{key.name}` has several values: as a variable it never has one"
                yield Remark(pointer, message)


def _keys_of(view: View) -> Iterator[tuple[str, str]]:
    for statement in view.document.statements:
        yield from _variables_of(statement)
        for condition in statement.conditions:
            yield condition.pointer, condition.written


def _variables_of(statement: Statement) -> Iterator[tuple[str, str]]:
    for pointer, pattern in statement.resources.placed:
        for name in sorted(pattern.keys):
            yield pointer, display_variable(pattern.text, name)
    for condition in statement.conditions:
        for pointer, operand in condition.placed:
            for name in sorted(operand.keys):
                yield pointer, display_variable(operand.text, name)


def unfit_operators(view: View) -> Iterator[Remark]:
    """An operator of another type than the key's."""
    for condition, key in _known_conditions(view):
        operator = condition.operator
        fitting = FAMILIES.get(key.type)
        if operator and fitting and family_of(operator.name) not in fitting:
            what = f"`{condition.written}` is of type {key.type.value}"
            known = " or ".join(f"`{family}…`" for family in sorted(fitting))
            yield Remark(
                condition.operator_pointer,
                f"`{condition.name}` does not fit: {what}",
                f"use an operator {known.replace('`Bool…`', '`Bool`')}",
            )


def set_operators_on_one(view: View) -> Iterator[Remark]:
    """`ForAllValues` or `ForAnyValue` on a key of one value."""
    for condition, key in _known_conditions(view):
        if condition.quantifier and not key.many:
            plain = _plain(condition)
            message = f"`{condition.written}` has one value; `{condition.name}` is for several"
            yield Remark(condition.operator_pointer, message, f"write `{plain}`")


def plain_operators_on_many(view: View) -> Iterator[Remark]:
    """An operator without quantifier on a key of several values."""
    for condition, key in _known_conditions(view):
        if condition.operator and condition.quantifier is None and key.many:
            message = (
                f"`{condition.written}` has several values, on which `{condition.name}` never holds"
            )
            hint = f"write `ForAnyValue:{condition.name}` or `ForAllValues:{condition.name}`"
            yield Remark(condition.operator_pointer, message, hint)


def _plain(condition: Condition) -> str:
    return condition.name.partition(":")[2]


def _known_conditions(view: View) -> Iterator[tuple[Condition, Key]]:
    for statement in view.document.statements:
        for condition in statement.conditions:
            key = view.catalogue.key(condition.written)
            if key:
                yield condition, key


def wildcards_in_equals(view: View) -> Iterator[Remark]:
    """`*` or `?` where only the characters themselves are meant."""
    for statement in view.document.statements:
        for condition in statement.conditions:
            operator = condition.operator
            if operator is None or not operator.name.startswith("String"):
                continue
            if operator.name.endswith("Like"):
                continue
            for pointer, operand in condition.placed:
                bare = operand.text.replace("${*}", "").replace("${?}", "")
                if "*" in bare or "?" in bare:
                    like = "StringNotLike" if operator.negated else "StringLike"
                    message = f"`{operand.text}` means itself: `{operator.name}` has no wildcards"
                    hint = f"write `{like}`, or `${{*}}` and `${{?}}` for the characters"
                    yield Remark(pointer, message, hint)
