"""The changes between two inventories of an API, by operation; routes tell which is which."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Final

from durward.core.difference import MAX_PLACE_CHARACTERS, Detail, apart, excerpt, summarize_list
from durward.core.openapi.operations import Operation
from durward.core.openapi.shadows import Behind, Shapes


@dataclass(frozen=True, slots=True)
class Place:
    """Where an API is served: its hosts, and the prefix of its paths."""

    hosts: tuple[str, ...] = ()
    prefix: str = ""


NOWHERE: Final = Place()
NO_SHAPES: Final = (Shapes(()), Shapes(()))
ITSELF: Final = {"method", "path", "public", "scopes"}
"""Members that are reported in their own words, or that are the place."""
DECIDING: Final = {"id", "action", "resource", "tenant", "owner"}
"""Members of the question to policies: with another value they may allow more."""


def operation_changes(
    before: Iterable[Operation],
    after: Iterable[Operation],
    api: str = "",
    shapes: tuple[Shapes, Shapes] = NO_SHAPES,
    places: tuple[Place, Place] = (NOWHERE, NOWHERE),
) -> Iterator[Detail]:
    """The added, removed and changed operations.

    `shapes` are those of all APIs before and after: requests that another operation answers than
    before are reported, since it may be public, and policies are asked about another action.
    `places` are where the API is served before and after. If the API moves, only the move is
    reported for an operation that moves with it.
    """
    moves = places[0] != places[1]
    was = {_declared(operation, places[0]): operation for operation in before}
    will_be = {_declared(operation, places[1]): operation for operation in after}
    for route, operation in will_be.items():
        if route not in was or moves:
            others = shapes[0].behind(operation, places[1].hosts)
            others = others.without(api, was.get(route))
            taken = f"takes requests of {_named(others, api)}" if others else ""
            text = "; ".join(filter(None, ("public" if operation.public else "", taken)))
            opens = operation.public or not all(other.public for _, other in others.operations)
            if route not in was or others:
                yield Detail("+", label(operation), text, opens or not others.whole)
    for route, operation in was.items():
        if route not in will_be or moves:
            others = shapes[1].behind(operation, places[0].hosts)
            others = others.without(api, will_be.get(route))
            text = f"its requests are answered by {_named(others, api)}" if others else ""
            if route not in will_be or others:
                yield Detail("-", label(operation), text, bool(others))
        if route in will_be and operation != will_be[route]:
            yield from _changes(operation, will_be[route], places)


def _declared(operation: Operation, place: Place) -> tuple[str, str]:
    """The method and the path of the document, without the names of variables."""
    method, shape = operation.route
    return method, shape.removeprefix(place.prefix)


def label(operation: Operation) -> str:
    """An operation in messages."""
    name = f"{operation.method} {operation.path} ({operation.id})"
    return excerpt(name, MAX_PLACE_CHARACTERS)


def _named(others: Behind, api: str) -> str:
    if not others.operations:
        return "others, perhaps: there are too many to search"
    owner, first = others.operations[0]
    public = ", public" if first.public else ""
    said = f"{label(first)}{public}{'' if owner == api else f' of apis/{owner}'}"
    more = len(others.operations) - 1
    count = f"{more}" if others.whole else f"at least {more}"
    return said + (f" (and {count} more)" if more or not others.whole else "")


def _changes(was: Operation, will_be: Operation, places: tuple[Place, Place]) -> Iterator[Detail]:
    where = label(will_be)
    if was.public != will_be.public:
        text = "is public now" if will_be.public else "is not public any more"
        yield Detail("~", where, text, will_be.public)
    if was.scopes != will_be.scopes and (will_be.scopes or not will_be.public):
        yield Detail("~", where, _scopes(was, will_be), will_be.takes_scopes_beyond(was))
    paths = [
        each.path.removeprefix(place.prefix)
        for each, place in zip((was, will_be), places, strict=True)
    ]
    if paths[0] != paths[1]:
        # What policies say of a variable (`durward:Path/org`) is said of its name.
        yield Detail("~", where, f"was {apart(was.path, will_be.path)[0]}", widens=True)
    # By their names, so that a member that is added to operations is told too.
    for member in fields(Operation):
        old, new = getattr(was, member.name), getattr(will_be, member.name)
        if member.name not in ITSELF and old != new:
            widens = member.name in DECIDING or (member.name == "fresh" and not new)
            text = " → ".join(apart(_value(old), _value(new)))
            yield Detail("~", where, f"{member.name} {text}", widens)


def _scopes(was: Operation, will_be: Operation) -> str:
    old, new = _alternatives(was), _alternatives(will_be)
    before, after = " or ".join(old), " or ".join(new)
    if before == after:
        return "scopes are written otherwise"
    if not new:
        return f"asks for no scope any more (was {excerpt(before)})"
    if not old:
        return f"asks for scopes: {excerpt(after)}"
    if excerpt(before) != before or excerpt(after) != after:  # of long lists what differs
        if len(old) == len(new) == 1:
            old, new = old[0].split(" "), new[0].split(" ")
        gone = [each for each in old if each not in new]
        return f"scopes {summarize_list([each for each in new if each not in old], gone)}"
    return f"scopes {before} → {after}"


def _alternatives(operation: Operation) -> list[str]:
    """The required scopes; empty if any token suffices."""
    if not all(operation.scopes):
        return []
    return list(dict.fromkeys(" ".join(sorted(each)) for each in operation.scopes))


def _value(value: object) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
