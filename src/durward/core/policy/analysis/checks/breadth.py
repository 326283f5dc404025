"""An Allow that grants more than somebody can oversee."""

from collections.abc import Iterator

from durward.core.policy.analysis.checks.view import RESOURCE_SEGMENT, TENANT_SEGMENT, Remark, View
from durward.core.policy.language.pattern import ResourcePattern
from durward.core.policy.language.written import WrittenStatement


def _allows(view: View) -> Iterator[WrittenStatement]:
    return (found for found in view.written.statements if found.allows)


def star_actions(view: View) -> Iterator[Remark]:
    """Allow with the action `*`."""
    for found in _allows(view):
        for pointer, pattern in found.actions:
            if pattern.template.is_star and not found.statement.actions.complement:
                yield Remark(pointer, "allows every action of every api")


def star_resources(view: View) -> Iterator[Remark]:
    """Allow with the resource `*`, or with one that means as much of an API."""
    for found in _allows(view):
        for pointer, pattern in found.resources:
            if _is_everything(pattern) and not found.statement.resources.complement:
                yield Remark(pointer, f"`{pattern.text}` allows every resource of every tenant")


def _is_everything(pattern: ResourcePattern) -> bool:
    if pattern.segments is None:
        return True
    return pattern.segments[TENANT_SEGMENT].is_star and pattern.segments[RESOURCE_SEGMENT].is_star


def not_actions(view: View) -> Iterator[Remark]:
    """Allow with `NotAction`."""
    for found in _allows(view):
        if found.statement.actions.complement:
            yield Remark(found.action_pointer, "allows every action that is not listed")


def not_resources(view: View) -> Iterator[Remark]:
    """Allow with `NotResource`."""
    for found in _allows(view):
        if found.statement.resources.complement and found.resource_pointer:
            yield Remark(found.resource_pointer, "allows every resource that is not listed")


def not_principals(view: View) -> Iterator[Remark]:
    """Allow with `NotPrincipal`."""
    for found in _allows(view):
        principals = found.statement.principals
        if principals and principals.complement:
            yield Remark(f"{found.pointer}/NotPrincipal", "allows everybody who is not listed")
