"""Operations that share requests: those that one hides, and those that answer when it is removed.

Of two templates that match a path the more specific answers (`router`). So an added operation takes
requests from others, and the requests of a removed one may be answered by others. At a host that no
API names these are the operations of the APIs without hosts.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, TypeAlias

from durward.core.openapi.operations import Operation
from durward.core.openapi.router import (
    Route,
    RouteNode,
    by_hosts,
    methods_of,
    segments_of,
    tree_of,
)
from durward.core.openapi.segment import VARIABLE, Segment, segment_of

MAX_STEPS: Final = 1_000
"""The steps of one search: a template of variables may share requests with everything."""
MAX_STEPS_TOGETHER: Final = 100_000
"""The steps of all searches: about a second."""

ANYTHING: Final = segment_of(VARIABLE)
Segments: TypeAlias = tuple[Segment, ...]
Owned: TypeAlias = tuple[str, Operation]
"""The name of an API, and an operation of it."""


@dataclass(frozen=True, slots=True)
class Behind:
    """The found operations, and whether they are all, or the search was too long."""

    operations: tuple[Owned, ...] = ()
    whole: bool = True

    def without(self, api: str, operation: Operation | None) -> "Behind":
        """The same without one operation of an API."""
        others = [one for one in self.operations if one != (api, operation)]
        return replace(self, operations=tuple(others))

    def __bool__(self) -> bool:
        """Whether it has an operation, or may have one."""
        return bool(self.operations) or not self.whole


class Shapes:
    """The operations of all APIs by the shapes of their paths."""

    def __init__(
        self, operations: Iterable[Owned], hosts: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        """`hosts` are those of each API by name; an API that is missing has none."""
        declared = hosts or {}
        routes = (
            Route(one.method, one.path, (name, one), declared.get(name, ()))
            for name, one in operations
        )
        self._roots = {
            host: root
            for hosts, some in by_hosts(routes).items()
            for root in (tree_of(some),)
            for host in hosts or ("",)
        }
        self._left = MAX_STEPS_TOGETHER
        self._steps = self._most = 0

    def behind(self, operation: Operation, hosts: tuple[str, ...] = ()) -> "Behind":
        """The operations that answer its requests if it is not declared."""
        segments = segments_of(operation.path)
        found: dict[tuple[str, tuple[str, str]], Owned] = {}
        self._steps = 0
        self._most = min(MAX_STEPS, self._left)
        roots = [self._roots.get(host, self._roots[""]) for host in hosts or ("",)]
        for root in {id(root): root for root in roots}.values():
            for method in methods_of(operation.method):
                for owned in self._answering(root, segments, operation, method):
                    found.setdefault((owned[0], owned[1].route), owned)
        self._left -= min(self._steps, self._left)
        return Behind(tuple(found.values()), whole=self._steps <= self._most)

    def _answering(
        self, root: RouteNode[Owned], segments: Segments, operation: Operation, method: str
    ) -> Iterator[Owned]:
        """Those of the same shape answer all; else those with a less specific segment."""
        audit = [root]
        for segment in segments:
            below = audit[-1].below(segment)
            if below is None:
                break
            audit.append(below)
        if len(audit) > len(segments) and (own := audit[-1].answers(method)):
            # HEAD that is declared itself was never answered by a GET.
            if operation.method in {method, own.method}:
                yield own.what
            return
        for depth in range(min(len(audit), len(segments)) - 1, -1, -1):
            segment = segments[depth]
            for other, below in _patterns(audit[depth]):
                if segment.order < other.order and segment.may_share(other):
                    yield from self._fitting(below, segments, depth + 1, method)

    def _fitting(
        self, place: RouteNode[Owned], segments: Segments, depth: int, method: str
    ) -> Iterator[Owned]:
        if depth == len(segments):
            if found := place.answers(method):
                yield found.what
            return
        segment = segments[depth]
        for other, below in chain(_patterns(place), _literals(place, segment)):
            self._steps += 1
            if self._steps > self._most:
                return
            if segment.may_share(other):
                yield from self._fitting(below, segments, depth + 1, method)


def _patterns(place: RouteNode[Owned]) -> Iterator[tuple[Segment, RouteNode[Owned]]]:
    """The children of a node for more than one text, the least specific first."""
    if place.variable:
        yield ANYTHING, place.variable
    yield from place.mixed.items()


def _literals(
    place: RouteNode[Owned], segment: Segment
) -> Iterator[tuple[Segment, RouteNode[Owned]]]:
    """The literal children of a node: that of a literal segment, or all."""
    texts = segment.texts if segment.is_literal else [*place.literals]
    for text in texts:
        if below := place.literals.get(text):
            yield segment_of(text), below
