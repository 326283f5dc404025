"""Checks for statements without effect, and for objects within reach of any caller.

Each is a question to the solver. An undecided one is not reported for statements, but it is for
objects.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from durward.core.openapi.operations import Operation
from durward.core.policy.analysis.checks.view import (
    TENANT_SEGMENT,
    Remark,
    View,
    has_variable,
    may_name,
)
from durward.core.policy.analysis.operation_requests import asked_by
from durward.core.policy.engine.atoms import named
from durward.core.policy.engine.predicate import (
    And,
    ConditionMatch,
    Not,
    Predicate,
    compile_statement,
)
from durward.core.policy.engine.residual import residual
from durward.core.policy.language.document import Resources, Statement
from durward.core.policy.language.pattern import ARN_SEGMENTS, ResourcePattern
from durward.core.policy.symbolic.outline import could_meet, outline_of
from durward.core.policy.symbolic.request_keys import RESOURCE_TENANT
from durward.core.policy.symbolic.solve import solve
from durward.core.policy.symbolic.unknown import Unknown

MAX_STATEMENTS = 200
"""The largest document that is searched for covered statements."""
SOMEBODY_ELSES = "~theirs"
CALLER_KEYS = frozenset({"durward:tenantid", "durward:subject"})


def impossible_statements(view: View) -> Iterator[Remark]:
    """Conditions that exclude each other, or actions and resources that have nothing in common."""
    for statement, operations in view:
        conditions = [ConditionMatch(each, on_error=False) for each in statement.conditions]
        if never(And(tuple(conditions))):
            yield Remark(statement.pointer, "never applies: its conditions exclude each other")
        elif view.catalogue.apis and not operations and _is_known(view, statement):
            yield Remark(
                statement.resources.pointer or statement.pointer,
                "never applies: none of its actions is about one of its resources",
            )


def never(predicate: Predicate) -> bool:
    """Whether it is proven that no request satisfies a predicate."""
    try:
        return solve(predicate) is None
    except Unknown:
        return False


def _is_known(view: View, statement: Statement) -> bool:
    """Whether actions and resources are in the catalogue; if not, another check reports it."""
    operations = view.catalogue.operations
    acts = any(_acts(statement, operation) for operation in operations)
    return acts and (
        statement.resources.complement
        or any(
            may_name(pattern, api, operation)
            for pattern in statement.resources.patterns
            for api, listed in view.catalogue.apis.items()
            for operation in listed
        )
    )


def _acts(statement: Statement, operation: Operation) -> bool:
    action = operation.action.lower()
    named = any(pattern.matches(action) for pattern in statement.actions.patterns)
    return named is not statement.actions.complement


def shadowed_statements(view: View) -> Iterator[Remark]:
    """An Allow that the Denies of the same document cover."""
    denying = [each for each in view.document.statements if not each.allows]
    for statement in view.document.statements:
        if statement.allows and (names := _covering(statement, denying)):
            yield Remark(statement.pointer, f"never allows: the Deny {names} covers all of it")


def redundant_statements(view: View) -> Iterator[Remark]:
    """A statement that others of the same effect cover; of equal ones the second."""
    left = [*view.document.statements]
    told: list[Remark] = []
    for statement in reversed(view.document.statements):
        others = [o for o in left if o is not statement and o.effect is statement.effect]
        if names := _covering(statement, others):
            left.remove(statement)
            told.append(Remark(statement.pointer, f"says nothing that {names} does not say"))
    yield from reversed(told)


def _covering(statement: Statement, others: Sequence[Statement]) -> str:
    """The names of statements that cover one: a single one if possible, else all needed."""
    if len(others) > MAX_STATEMENTS:
        return ""
    outline, asked = outline_of(statement), compile_statement(statement)
    near = [each for each in others if could_meet(outline_of(each), outline)]
    if not near or never(asked):
        return ""
    applying = [Not(compile_statement(each)) for each in near]
    if not never(And((asked, *applying))):
        return ""
    for each, without in zip(near, applying, strict=True):
        if never(And((asked, without))):
            return f"`{each.name}`"
    return f"`{near[0].name}` with others"


def unbound_objects(view: View) -> Iterator[Remark]:
    """An Allow for objects of the caller's choice that are not bound to the caller.

    The statement is examined alone: boundaries, guardrails, and the second layer that must agree
    across tenants are ignored.
    """
    for statement, operations in view:
        if not statement.allows:
            continue
        loose = [operation for operation in operations if _is_loose(statement, operation)]
        if loose and statement.resources.pointer:
            names = ", ".join(f"`{operation.action}`" for operation in loose[:3])
            more = f" and {len(loose) - 3} more" if len(loose) > 3 else ""  # noqa: PLR2004
            message = f"reaches objects of any tenant and owner by {names}{more}"
            yield Remark(statement.resources.pointer, message)


def _is_loose(statement: Statement, operation: Operation) -> bool:
    """Whether it allows a caller an object of another tenant and another owner."""
    if not (has_variable(operation.resource) or has_variable(operation.tenant)):
        return False
    api, whose = operation.action.partition(":")[0], SOMEBODY_ELSES if operation.tenant else ""
    resources = statement.resources
    if not resources.complement:
        patterns = [p for p in resources.patterns if may_name(p, api, operation) and not _binds(p)]
        if not patterns:
            return False
        resources = Resources(tuple(patterns))
    known = {
        "durward:subject": "~me",
        "durward:tenantid": "~mine",
        "durward:resourceowner": SOMEBODY_ELSES if operation.owner else None,
        RESOURCE_TENANT: whose or None,
    }
    applies = residual(compile_statement(replace(statement, resources=resources)), known)
    reached = (asked_by(operation, api, "*"), named(f"arn:*:*:*:{whose}:*"))
    return not never(And((applies, *reached)))


def _binds(pattern: ResourcePattern) -> bool:
    """Whether a pattern names the caller."""
    tenant, resource = (pattern.segments or (None,) * ARN_SEGMENTS)[TENANT_SEGMENT:]
    read = frozenset().union(*(part.keys for part in (tenant, resource) if part))
    return not CALLER_KEYS.isdisjoint(read)
