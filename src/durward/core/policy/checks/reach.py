"""Statements that never matter, and objects in reach of whoever asks.

Only what can be read off the text: that a solver would find more is no reason to tell less. What is
told here is so; the exception is `unbound_objects`, which knows no other layer.
"""

from collections.abc import Iterator

from durward.core.openapi.operations import Operation
from durward.core.policy.catalogue import PREFIX
from durward.core.policy.checks.view import (
    API_SEGMENT,
    RESOURCE_SEGMENT,
    TENANT_SEGMENT,
    Remark,
    View,
    has_variable,
    may_name,
)
from durward.core.policy.document import Condition, Effect, Statement
from durward.core.policy.globs import all_covered, covers
from durward.core.policy.pattern import ResourcePattern
from durward.core.policy.predicate import absent_holds
from durward.core.policy.written import WrittenStatement

MAX_PAIRS = 20_000
"""How many pairs of statements are compared: those of about 140 statements."""
OBJECT_KEYS = frozenset(f"{PREFIX}{name}" for name in ("resourcetenant", "resourceowner"))
CALLER_KEYS = frozenset(f"{PREFIX}{name}" for name in ("tenantid", "subject"))


def impossible_statements(view: View) -> Iterator[Remark]:
    """Conditions that exclude each other, or actions and resources that have nothing in common."""
    for found, operations in view:
        if contradiction := _contradiction(found.statement.conditions):
            yield Remark(found.pointer, f"never applies: {contradiction}")
        elif view.catalogue.apis and not operations and _is_known(view, found.statement):
            yield Remark(
                found.resource_pointer or found.pointer,
                "never applies: none of its actions is about one of its resources",
            )


def _contradiction(conditions: tuple[Condition, ...]) -> str | None:
    for null in conditions:
        if null.operator is not None or len(null.absent) != 1:
            continue
        for other in conditions:
            if other.key != null.key or other is null:
                continue
            if True in null.absent and not absent_holds(other):
                return f"`{other.key}` is to be absent, and `{other.name}` needs it"
    return None


def _is_known(view: View, statement: Statement) -> bool:
    """Whether actions and resources each are some of the catalogue's; if not, that is told."""
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
    """An Allow of which a Deny of the same document takes everything."""
    for found, others in _covered(view):
        denying = [wide.name for wide in others if wide.effect is Effect.DENY]
        if found.allows and denying:
            yield Remark(found.pointer, f"never allows: the Deny `{denying[0]}` covers all of it")


def redundant_statements(view: View) -> Iterator[Remark]:
    """A statement of which another one of the same effect says everything; of twins the second."""
    earlier: set[str] = set()
    for found, others in _covered(view):
        statement = found.statement
        same = [wide for wide in others if wide.effect is statement.effect]
        told = [w.name for w in same if w.name in earlier or not _implies(statement, w)]
        earlier.add(statement.name)
        if told:
            yield Remark(found.pointer, f"says nothing that `{told[0]}` does not say")


def _covered(view: View) -> Iterator[tuple[WrittenStatement, list[Statement]]]:
    """Each statement, and the others that are known to apply wherever it does."""
    written = view.written.statements
    statements = [found.statement for found in written]
    if len(written) ** 2 > MAX_PAIRS:
        return
    for found in written:
        one = found.statement
        yield found, [wide for wide in statements if wide is not one and _implies(wide, one)]


def _implies(wide: Statement, narrow: Statement) -> bool:
    """Whether `wide` is known to apply wherever `narrow` does."""
    return (
        _actions_cover(wide, narrow)
        and _resources_cover(wide, narrow)
        and _principals_cover(wide, narrow)
        and all(condition_among(found, narrow.conditions) for found in wide.conditions)
    )


def _actions_cover(wide: Statement, narrow: Statement) -> bool:
    if wide.actions == narrow.actions:
        return True
    if wide.actions.complement or narrow.actions.complement:
        return False
    return all(
        any(covers(each.template, one.template) for each in wide.actions.patterns)
        for one in narrow.actions.patterns
    )


def _resources_cover(wide: Statement, narrow: Statement) -> bool:
    if wide.resources == narrow.resources:
        return True
    if wide.resources.complement:
        return False
    if narrow.resources.complement:
        return any(pattern.segments is None for pattern in wide.resources.patterns)
    return all_covered(wide.resources.patterns, narrow.resources.patterns)


def _principals_cover(wide: Statement, narrow: Statement) -> bool:
    one, other = wide.principals, narrow.principals
    if one == other or one is None:
        return True
    if one.complement or (other and other.complement):
        return False
    return one.everybody or bool(other and not other.everybody and other.arns <= one.arns)


def condition_among(wanted: Condition, conditions: tuple[Condition, ...]) -> bool:
    """Whether the very same condition is asked for: same operator, key and values."""
    return any(_spelled(wanted) == _spelled(found) for found in conditions)


def _spelled(condition: Condition) -> tuple[object, ...]:
    texts = frozenset(operand.text for operand in condition.operands)
    return condition.name, condition.key, texts, condition.absent


def unbound_objects(view: View) -> Iterator[Remark]:
    """An Allow by which a caller reaches objects that nothing ties to the caller.

    An approximation: the statement is looked at alone. That a boundary or a guardrail narrows it,
    and that across tenants two layers must agree, is left out of account.
    """
    for found, operations in view:
        statement = found.statement
        if not found.allows or any(map(_ties, statement.conditions)):
            continue
        loose = [operation for operation in operations if _is_loose(statement, operation)]
        if loose and found.resource_pointer:
            names = ", ".join(f"`{operation.action}`" for operation in loose[:3])
            more = f" and {len(loose) - 3} more" if len(loose) > 3 else ""  # noqa: PLR2004
            message = f"reaches objects of any tenant and owner by {names}{more}"
            yield Remark(found.resource_pointer, message)


def _is_loose(statement: Statement, operation: Operation) -> bool:
    """Whether the request names the object, and a pattern that binds nobody lets it."""
    if not (has_variable(operation.resource) or has_variable(operation.tenant)):
        return False
    if statement.resources.complement:
        return True
    api = operation.action.partition(":")[0]
    named = [found for found in statement.resources.patterns if may_name(found, api, operation)]
    return any(not _binds(pattern) for pattern in named)


def _binds(pattern: ResourcePattern) -> bool:
    """Whether a pattern settles the tenant, or names the caller."""
    if pattern.segments is None:
        return False
    tenant, resource = pattern.segments[TENANT_SEGMENT], pattern.segments[RESOURCE_SEGMENT]
    api = pattern.segments[API_SEGMENT]
    is_one_tenant = bool(tenant.literal) and api.literal is not None
    return is_one_tenant or not CALLER_KEYS.isdisjoint(tenant.keys | resource.keys)


def _ties(condition: Condition) -> bool:
    """Whether a condition holds the object against the caller, or against a fixed value."""
    if condition.operator is None or condition.operator.negated or condition.if_exists:
        return False
    if condition.quantifier is not None:
        return False
    read = frozenset({condition.key}).union(*(operand.keys for operand in condition.operands))
    return not OBJECT_KEYS.isdisjoint(read)
