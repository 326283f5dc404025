"""Which operations share requests: what one hides, and what answers them when it goes.

Of two templates that fit a path the more specific answers (`router`). So an operation that is added
takes requests from others, and the requests of one that is removed may be answered by others.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from durward.core.openapi.operations import Operation
from durward.core.openapi.router import Route, RouteNode, methods_of, tree_of

MAX_STEPS: Final = 1_000
"""Of one search: what shares requests with a template of variables may be everything."""
MAX_STEPS_TOGETHER: Final = 100_000
"""Of all searches: about a second."""

Owned: TypeAlias = tuple[str, Operation]
"""The name of an API, and an operation of it."""


@dataclass(frozen=True, slots=True)
class Behind:
    """What was found, each operation once; and whether that is all, or the search was too long."""

    operations: tuple[Owned, ...] = ()
    whole: bool = True

    def __bool__(self) -> bool:
        """Whether there is something, or may be."""
        return bool(self.operations) or not self.whole


class Shapes:
    """The operations of all APIs by the shapes of their paths."""

    def __init__(self, operations: Iterable[Owned]) -> None:
        self._root = tree_of(Route(one.method, one.path, (name, one)) for name, one in operations)
        self._left = MAX_STEPS_TOGETHER
        self._steps = self._most = 0

    def behind(self, operation: Operation) -> "Behind":
        """What answers requests of an operation where it is not declared itself."""
        segments = _segments(operation)
        found: dict[tuple[str, tuple[str, str]], Owned] = {}
        self._steps = 0
        self._most = min(MAX_STEPS, self._left)
        for method in methods_of(operation.method):
            for owned in self._answering(segments, operation, method):
                found.setdefault((owned[0], owned[1].route), owned)
        self._left -= min(self._steps, self._left)
        return Behind(tuple(found.values()), whole=self._steps <= self._most)

    def _answering(self, segments: list[str], operation: Operation, method: str) -> Iterator[Owned]:
        """Those of its shape answer all; else those that have a variable for a literal of it."""
        audit = [self._root]
        for segment in segments:
            below = audit[-1].variable if segment == "{}" else audit[-1].literals.get(segment)
            if below is None:
                break
            audit.append(below)
        if len(audit) > len(segments) and (own := audit[-1].answers(method)):
            # HEAD that is declared itself was never answered by a GET.
            if operation.method in {method, own.method}:
                yield own.what
            return
        for depth in range(min(len(audit), len(segments)) - 1, -1, -1):
            if segments[depth] != "{}" and (variable := audit[depth].variable):
                yield from self._fitting(variable, segments, depth + 1, method)

    def _fitting(
        self, place: RouteNode[Owned], segments: list[str], depth: int, method: str
    ) -> Iterator[Owned]:
        self._steps += 1
        if self._steps > self._most:
            return
        if depth == len(segments):
            if found := place.answers(method):
                yield found.what
            return
        segment = segments[depth]
        some = place.literals.values() if segment == "{}" else [place.literals.get(segment)]
        for below in (place.variable, *some):
            # An empty segment, at the end of a path, is no value of a variable.
            if below is not None and (segment or below is not place.variable):
                yield from self._fitting(below, segments, depth + 1, method)


def _segments(operation: Operation) -> list[str]:
    return operation.route[1].split("/")[1:]
