"""Checks for Allows that are too broad."""

from collections.abc import Iterator

from durward.core.policy.analysis.checks.view import RESOURCE_SEGMENT, TENANT_SEGMENT, Remark, View
from durward.core.policy.language.document import Statement
from durward.core.policy.language.pattern import ResourcePattern
from durward.core.policy.symbolic.symbolic_principal import TOLD


def _allows(view: View) -> Iterator[Statement]:
    return (statement for statement in view.document.statements if statement.allows)


def star_actions(view: View) -> Iterator[Remark]:
    """Allow with the action `*`."""
    for statement in _allows(view):
        for pointer, pattern in statement.actions.placed:
            if pattern.template.is_star and not statement.actions.complement:
                yield Remark(pointer, "allows every action of every api")


def star_resources(view: View) -> Iterator[Remark]:
    """Allow with the resource `*`, or with a pattern for all resources of an API."""
    for statement in _allows(view):
        for pointer, pattern in statement.resources.placed:
            if _is_everything(pattern) and not statement.resources.complement:
                yield Remark(pointer, f"`{pattern.text}` allows every resource of every tenant")


def _is_everything(pattern: ResourcePattern) -> bool:
    if pattern.segments is None:
        return True
    return pattern.segments[TENANT_SEGMENT].is_star and pattern.segments[RESOURCE_SEGMENT].is_star


def not_actions(view: View) -> Iterator[Remark]:
    """Allow with `NotAction`."""
    for statement in _allows(view):
        if statement.actions.complement:
            yield Remark(statement.actions.pointer, "allows every action that is not listed")


def not_resources(view: View) -> Iterator[Remark]:
    """Allow with `NotResource`."""
    for statement in _allows(view):
        if statement.resources.complement and statement.resources.pointer:
            yield Remark(statement.resources.pointer, "allows every resource that is not listed")


def not_principals(view: View) -> Iterator[Remark]:
    """Allow with `NotPrincipal`."""
    for statement in _allows(view):
        principals = statement.principals
        if principals and principals.complement:
            yield Remark(principals.pointer, "allows everybody who is not listed")


def everybody_of_a_tenant(view: View) -> Iterator[Remark]:
    """Allow for `Principal: "*"` of objects of one tenant, without a condition on the principal."""
    for statement, operations in view:
        if not _is_for_everybody(statement) or statement.resources.complement:
            continue
        without = any(operation.public for operation in operations)
        for pointer, pattern in statement.resources.placed:
            tenant = pattern.segments and pattern.segments[TENANT_SEGMENT].literal
            if tenant:
                who = "everybody, also without signing in," if without else "everybody"
                yield Remark(pointer, f"{who} reaches objects of the tenant `{tenant}`")


def everybody_with_a_token(view: View) -> Iterator[Remark]:
    """Allow for `Principal: "*"` of an operation that requires a token."""
    for statement, operations in view:
        closed = [operation for operation in operations if not operation.public]
        if _is_for_everybody(statement) and closed:
            more = f" and {len(closed) - 1} more" if len(closed) > 1 else ""
            message = f"`{closed[0].action}`{more}: everybody who has signed in, whatever they are"
            yield Remark(f"{statement.pointer}/Principal", message)


def _is_for_everybody(statement: Statement) -> bool:
    """Whether it allows every principal, without a condition on the principal."""
    principals = statement.principals
    if not (statement.allows and principals and principals.everybody and not principals.complement):
        return False
    read = (
        key
        for condition in statement.conditions
        for key in (condition.key, *(each for o in condition.operands for each in o.keys))
    )
    return TOLD.keys().isdisjoint(read)
