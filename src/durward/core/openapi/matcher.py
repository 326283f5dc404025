"""Which operation a request means: a walk over segments, literal before variable."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from durward.core.openapi.operations import Operation

SEGMENT = r"[A-Za-z0-9._~!$&'()+,=:@%-]+"
"""A segment as RFC 3986 allows it, less `;` and `*`, which upstreams read differently."""

_SEGMENT = re.compile(SEGMENT + r"\Z")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%2[fF]|%5[cC]|%00|%25")
"""Broken escapes, and escapes of what separates or ends: never part of a value."""


@dataclass
class _Place:
    literals: "dict[str, _Place]" = field(default_factory=dict)
    variable: "_Place | None" = None
    operations: dict[str, Operation] = field(default_factory=dict)


class Matcher:
    """Finds the operation of a method and a path that is normalised already."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = _Place()
        for operation in operations:
            place = self._root
            for segment in operation.path.split("/")[1:]:
                if segment.startswith("{"):
                    place.variable = place.variable or _Place()
                    place = place.variable
                else:
                    place = place.literals.setdefault(segment, _Place())
            place.operations[operation.method] = operation

    def match(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]] | None:
        """The operation and the decoded values of its variables, or None."""
        if not path.startswith("/"):
            return None
        segments = path.split("/")[1:]
        operation = _walk(self._root, segments, 0, method)
        if operation is None:
            return None
        values: dict[str, str] = {}
        for name, segment in zip(operation.path.split("/")[1:], segments, strict=True):
            if name.startswith("{"):
                value = _decode(segment)
                if value is None:
                    return None
                values[name[1:-1]] = value
        return operation, values


def _walk(place: _Place, segments: list[str], depth: int, method: str) -> Operation | None:
    if depth == len(segments):
        return place.operations.get(method)
    literal = place.literals.get(segments[depth])
    if literal and (found := _walk(literal, segments, depth + 1, method)):
        return found
    if place.variable and _SEGMENT.match(segments[depth]):
        return _walk(place.variable, segments, depth + 1, method)
    return None


def _decode(segment: str) -> str | None:
    if "%" not in segment:
        return segment
    if _ESCAPE.search(segment):
        return None
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        return None
