"""What an operation asks for, as a predicate on requests."""

import re
from typing import Final

from durward.core.openapi.operations import Operation
from durward.core.policy.engine.atoms import absent, equals, named
from durward.core.policy.engine.predicate import ActionMatch, And, Or, Predicate
from durward.core.policy.language.pattern import parse_action

RESOURCE_TENANT: Final = "durward:resourcetenant"
OPERATION: Final = "durward:operationid"
"""Told by the edge; who else asks for a decision tells the action alone."""
METHOD: Final = "durward:requestmethod"
PATH: Final = "durward:pathparam/"
SOME_TEXT: Final = "?*"
"""What a value of a path can be: anything but nothing."""
_FILLED = re.compile(r"\{[^}]*\}")


def asked_by(
    operation: Operation,
    api: str,
    stage: str,
    tenant: str | None,
    keys: frozenset[str] = frozenset(),
    *,
    elsewhere: bool = False,
) -> Predicate:
    """The action of an operation, on resources of the form that it declares.

    Where `tenant` is told, so is whose the resource is, as the edge does. `keys` are those that
    make a difference. Who asks from `elsewhere` tells of the method and the path what they like.
    """
    arn = f"arn:durward:{api}:{stage}:{operation.tenant or ''}:{operation.resource or ''}"
    parts: list[Predicate] = [
        ActionMatch((parse_action(operation.action),), complement=False),
        named(_FILLED.sub(SOME_TEXT, arn)),
    ]
    if tenant is not None:
        is_told = operation.tenant and tenant
        parts.append(equals(RESOURCE_TENANT, tenant) if is_told else absent(RESOURCE_TENANT))
    if OPERATION in keys:
        parts.append(equals(OPERATION, operation.id, if_exists=True))
    if METHOD in keys and not elsewhere:
        parts.append(equals(METHOD, operation.method, if_exists=True))
    if not elsewhere:
        told = sorted(key for key in keys if key.startswith(PATH))
        parts += [_as_in_the_path(operation, arn, key) for key in told]
    return And(tuple(parts))


def _as_in_the_path(operation: Operation, arn: str, key: str) -> Predicate:
    """Where the path has the variable, the resource is named by it as `arn` says."""
    variable = f"{{{key.removeprefix(PATH)}}}"
    if variable not in operation.path.lower():
        return absent(key)

    def filled(found: re.Match[str]) -> str:
        return f"${{{key}}}" if found[0].lower() == variable else SOME_TEXT

    return Or((absent(key), named(_FILLED.sub(filled, arn))))
