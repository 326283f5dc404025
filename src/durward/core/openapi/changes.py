"""What changes between two inventories of an API: operation by operation, found by their routes."""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Final

from durward.core.difference import MAX_PLACE_CHARACTERS, Detail, shown, told
from durward.core.openapi.operations import Operation

ITSELF: Final = {"method", "path", "public", "scopes"}
"""Members that are told in words of their own, or are the place."""
DECIDING: Final = {"action", "resource", "tenant", "owner"}
"""What policies are asked about: they may allow what they did not."""


def operation_changes(before: Iterable[Operation], after: Iterable[Operation]) -> Iterator[Detail]:
    """What came, what went, and what is otherwise than before."""
    was = {operation.route: operation for operation in before}
    will_be = {operation.route: operation for operation in after}
    for route, operation in will_be.items():
        if route not in was:
            text = "public" if operation.public else ""
            yield Detail("+", place(operation), text, operation.public)
    for route, operation in was.items():
        if route not in will_be:
            yield Detail("-", place(operation))
        elif operation != will_be[route]:
            yield from _changes(operation, will_be[route])


def place(operation: Operation) -> str:
    """An operation as people know it."""
    name = f"{operation.method} {operation.path} ({operation.id})"
    return shown(name, MAX_PLACE_CHARACTERS)


def _changes(was: Operation, will_be: Operation) -> Iterator[Detail]:
    where = place(will_be)
    if was.public != will_be.public:
        text = "is public now" if will_be.public else "is not public any more"
        yield Detail("~", where, text, will_be.public)
    if was.scopes != will_be.scopes and (will_be.scopes or not will_be.public):
        yield Detail("~", where, _scopes(was, will_be), asks_for_less(was, will_be))
    if was.path != will_be.path:
        yield Detail("~", where, f"was {shown(was.path)}")
    # By their names, so that a member that is added to operations is told too.
    for member in fields(Operation):
        old, new = getattr(was, member.name), getattr(will_be, member.name)
        if member.name not in ITSELF and old != new:
            widens = member.name in DECIDING or (member.name == "fresh" and not new)
            yield Detail("~", where, f"{member.name} {_value(old)} → {_value(new)}", widens)


def asks_for_less(was: Operation, will_be: Operation) -> bool:
    """Whether the scopes of some token are enough now that were not before."""
    enough = will_be.scopes or (frozenset(),)
    return not all(was.allows_scopes(held) for held in enough)


def _scopes(was: Operation, will_be: Operation) -> str:
    old, new = alternatives(was), alternatives(will_be)
    if not new:
        return f"asks for no scope any more (was {old})" if old else "scopes are written otherwise"
    if not old:
        return f"asks for scopes: {new}"
    return f"scopes {old} → {new}" if old != new else "scopes are written otherwise"


def alternatives(operation: Operation) -> str:
    """The scopes that are asked for; nothing where none is."""
    if not all(operation.scopes):
        return ""
    return shown(" or ".join(dict.fromkeys(" ".join(sorted(each)) for each in operation.scopes)))


def _value(value: object) -> str:
    if value is None:
        return "none"
    return told(value) if isinstance(value, str | bool | int) else shown(str(value))
