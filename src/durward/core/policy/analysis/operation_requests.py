"""The possible requests to an operation, as a predicate.

At the edge a request has the operation's path: its method, its name and the values of the path are
known. Other enforcement points (AuthZEN) name an action and any object, with any method and path
(`core.authzen.question`).
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from durward.core.openapi.operations import Operation
from durward.core.policy.engine.atoms import absent, equals, has_value, named
from durward.core.policy.engine.predicate import (
    FALSE,
    TRUE,
    ActionMatch,
    And,
    Or,
    Predicate,
)
from durward.core.policy.engine.request import TOKEN_SCOPES
from durward.core.policy.language.automaton import STAR
from durward.core.policy.language.catalogue import KEYS, Presence
from durward.core.policy.language.pattern import MAX_WILDCARDS, literally, parse_action

OPERATION: Final = "durward:operationid"
"""A key of the edge; other enforcement points give only the action."""
METHOD: Final = "durward:requestmethod"
PATH: Final = "durward:pathparam/"
SOME_TEXT: Final = "?*"
"""The pattern for a value of a path: any string but the empty one."""
_FILLED = re.compile(r"\{[^}]*\}")
NEVER_ELSEWHERE: Final = frozenset(
    key.name.lower() for key in KEYS if key.elsewhere is Presence.NEVER
)
"""Keys, and families of keys, that no request of other enforcement points has."""


def asked_by(
    operation: Operation,
    api: str,
    stage: str,
    tenant: str | None = None,
    keys: frozenset[str] = frozenset(),
) -> Predicate:
    """The requests to an operation at the edge, on resources of its declared form.

    `tenant` is that of the resource, if it is known: "" is none. `keys` are those that make a
    difference.
    """
    of_operation = operation.tenant or ""
    if tenant is not None:
        if not _can_be(of_operation, tenant):
            return FALSE
        of_operation = literally(tenant, wildcards=False)
    arn = f"arn:durward:{api}:{stage}:{of_operation}:{operation.resource or ''}"
    parts: list[Predicate] = [
        ActionMatch((parse_action(operation.action),), complement=False),
        named(_with_texts(arn)),
    ]
    if OPERATION in keys:
        parts.append(equals(OPERATION, operation.id, if_exists=True))
    if METHOD in keys:
        parts.append(equals(METHOD, operation.method, if_exists=True))
    if TOKEN_SCOPES in keys:
        parts.append(_with_scopes(operation))
    told = sorted(key for key in keys if key.startswith(PATH))
    parts += [_as_in_the_path(operation, arn, key, tenant) for key in told]
    return And(tuple(parts))


def asked_elsewhere(
    operations: Sequence[Operation],
    api: str,
    stage: str,
    tenant: str | None = None,
    keys: frozenset[str] = frozenset(),
) -> Predicate:
    """The requests of other enforcement points for the action of these operations.

    The object has any type and any tenant; none only if no operation has a tenant.
    """
    if tenant == "" and any(each.tenant for each in operations):
        return FALSE
    whose = SOME_TEXT if tenant is None else literally(tenant, wildcards=False)
    parts: list[Predicate] = [
        ActionMatch((parse_action(operations[0].action),), complement=False),
        named(f"arn:durward:{api}:{stage}:{whose}:{SOME_TEXT}/{SOME_TEXT}"),
    ]
    parts += [absent(key) for key in sorted(keys) if _is_never_told(key)]
    if TOKEN_SCOPES in keys and (covering := _asked_scopes(operations)):
        held = tuple(has_value(TOKEN_SCOPES, scope) for scope in covering)
        parts.append(Or((absent(TOKEN_SCOPES), *held)))
    return And(tuple(parts))


def _is_never_told(key: str) -> bool:
    head, slash, _ = key.partition("/")
    return head + slash in NEVER_ELSEWHERE


def _can_be(template: str, tenant: str) -> bool:
    """Whether a path can give this tenant."""
    if not tenant or not template:
        return tenant == template
    texts = map(re.escape, _FILLED.split(template))
    return re.fullmatch(".+".join(texts), tenant, re.DOTALL) is not None


def _with_texts(arn: str) -> str:
    """A pattern for the resources of a path, as exact as a pattern can be."""
    for text in (SOME_TEXT, STAR.sign):
        pattern = _FILLED.sub(text, arn)
        if sum(map(pattern.count, "*?")) <= MAX_WILDCARDS:
            return pattern
    return f"{arn.rpartition(':')[0]}:*" if "{" not in arn.rpartition(":")[0] else "arn:*:*:*:*:*"


def _with_scopes(operation: Operation) -> Predicate:
    """The predicate for tokens that the edge accepts: with all scopes of an alternative."""
    alternatives = tuple(
        And(tuple(has_value(TOKEN_SCOPES, scope) for scope in sorted(scopes)))
        for scopes in operation.scopes
    )
    return Or(alternatives) if alternatives else TRUE


def _asked_scopes(operations: Iterable[Operation]) -> list[str]:
    """The scopes of which a token needs one; empty if an operation needs none."""
    asked = [operation.asked_scopes for operation in operations]
    return sorted(frozenset().union(*asked)) if all(asked) else []


def _as_in_the_path(operation: Operation, arn: str, key: str, tenant: str | None) -> Predicate:
    """The predicate that a path value equals the part of the resource that it names."""
    variable = f"{{{key.removeprefix(PATH)}}}"
    if variable not in operation.path.lower():
        return absent(key)
    if tenant is not None and (operation.tenant or "").lower() == variable:
        return Or((absent(key), equals(key, tenant)))

    def filled(found: re.Match[str]) -> str:
        return f"${{{key}}}" if found[0].lower() == variable else SOME_TEXT

    pattern = _FILLED.sub(filled, arn)
    if sum(map(pattern.count, "*?")) > MAX_WILDCARDS or f"${{{key}}}" not in pattern:
        return TRUE
    return Or((absent(key), named(pattern)))
