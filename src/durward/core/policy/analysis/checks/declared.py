"""Checks for undeclared tenants, stages and principals, and for values that no request has.

They are not errors, since a name may be declared later. A misspelled Deny denies nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from durward.core.policy.analysis.checks.view import (
    API_SEGMENT,
    STAGE_SEGMENT,
    TENANT_SEGMENT,
    DeclaredEntities,
    Remark,
    View,
)
from durward.core.policy.language.catalogue import did_you_mean
from durward.core.policy.language.pattern import ARN_SEGMENTS, ResourcePattern, Template

NOTHING: Final[Mapping[str, object]] = {}
METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY")
)
FEW: Final = 3
"""The number of possible values up to which a hint lists all."""
Possible = Mapping[str, tuple[str, frozenset[str]]]
"""By key, the noun for its values, and the possible values; empty if they are not known."""


def unknown_tenants(view: View) -> Iterator[Remark]:
    """A resource of an unknown tenant."""
    for pointer, pattern in _resources(view):
        tenant = pattern.segments[TENANT_SEGMENT] if pattern.segments else None
        if tenant and tenant.text and not _is_any(tenant, view.declared.tenants):
            close = did_you_mean(tenant.text, view.declared.tenants)
            yield Remark(pointer, f"there is no tenant `{tenant.text}`{close}")


def unknown_stages(view: View) -> Iterator[Remark]:
    """A resource of another stage than that of its API."""
    for pointer, pattern in _resources(view):
        if pattern.segments is None:
            continue
        api, stage = pattern.segments[API_SEGMENT], pattern.segments[STAGE_SEGMENT]
        stages = [at for name, at in view.declared.stages.items() if _is_any(api, [name])]
        if stages and not _is_any(stage, stages):
            known = ", ".join(f"`{each}`" for each in sorted(set(stages)))
            message = f"`{api.text}` has no stage `{stage.text}`"
            yield Remark(pointer, message, f"write {known}, or `*`")


def unknown_principals(view: View) -> Iterator[Remark]:
    """An unknown principal, or one of an unknown tenant."""
    known = view.declared.principals
    for statement in view.document.statements:
        principals = statement.principals
        if principals is None or not view.declared.tenants:
            continue
        for arn in sorted(principals.arns - known):
            if not _is_role(arn, view.declared):
                close = did_you_mean(arn, _like(arn, view.declared))
                yield Remark(principals.pointer, f"nobody declared is `{arn}`{close}")


def _like(arn: str, declared: DeclaredEntities) -> Iterator[str]:
    """The names of the same kind in the same tenant."""
    kind = arn.partition("/")[0] + "/"
    if kind.endswith(":role/"):
        yield from (kind + role for role in declared.roles)
    yield from (name for name in declared.principals if name.startswith(kind))


def _is_role(arn: str, declared: DeclaredEntities) -> bool:
    """Roles are the same in every tenant."""
    tenant, name = arn.split(":", ARN_SEGMENTS - 1)[TENANT_SEGMENT:]
    kind, _, role = name.partition("/")
    return kind == "role" and role in declared.roles and tenant in declared.tenants


def _resources(view: View) -> Iterator[tuple[str, ResourcePattern]]:
    if view.declared.tenants:
        for statement in view.document.statements:
            yield from statement.resources.placed


def _is_any(template: Template, names: Iterable[str]) -> bool:
    """Whether a pattern can match one of the names; with a variable it can."""
    return template.test is None or any(map(template.test, names))


def impossible_values(view: View) -> Iterator[Remark]:
    """A string, or a pattern, that the key never has."""
    possible = _possible(view)
    for statement in view.document.statements:
        for condition in statement.conditions:
            what, known = possible.get(condition.key, ("", frozenset[str]()))
            operator = condition.operator
            if not known or operator is None or not operator.name.startswith("String"):
                continue
            for pointer, operand in condition.placed:
                if not operand.keys and not any(operand.test(each, NOTHING.get) for each in known):
                    close = did_you_mean(operand.text, known)
                    message = f"there is no {what} `{operand.text}`{close}"
                    yield Remark(pointer, message, _one_of(known))


def _possible(view: View) -> Possible:
    """The possible values of keys, if the files declare all of them."""
    if not view.catalogue.apis:
        return {}
    names, operations = view.declared, view.catalogue.operations
    known = {
        "requestmethod": ("method", METHODS),
        "principaltype": ("type of principals", frozenset({"user", "client"})),
        "operationid": ("operation", frozenset(each.id for each in operations)),
        "scopes": ("scope", names.scopes),
        "stage": ("stage", frozenset(names.stages.values())),
    }
    if not view.catalogue.evaluated:  # others may have words of their own for it
        known["tokenbinding"] = ("token binding", frozenset({"bound", "none"}))
    if names.tenants:
        known |= {
            "tenantid": ("tenant", names.tenants),
            "resourcetenant": ("tenant", names.tenants),
            "roles": ("role", names.roles),
            "groups": ("group", names.named("group")),
            "clientid": ("client", names.named("client")),
        }
    return {f"durward:{key}": found for key, found in known.items()}


def _one_of(known: frozenset[str]) -> str:
    """The hint with the possible values, if they are few."""
    told = " or ".join(f"`{each}`" for each in sorted(known))
    return f"write {told}" if len(known) <= FEW else ""
