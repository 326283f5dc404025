"""Pairs of operations of a service that share some paths, where neither has all of the other's.

`/{org}/settings` and `/public/{page}` both fit `/public/settings`. OpenAPI leaves it to tools which
of the two that is (3.1.1 §4.8.8.2). The edge takes the more specific (`router`); many frameworks
take the one that is declared first, and so do an operation that nobody decided about.

Where one template has all paths of another there is no pair: a service that declares the wider one
first never serves the other, which its authors notice.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final, Generic, TypeVar

from durward.core.openapi.router import Route, RouteNode, segments_of, tree_of
from durward.core.openapi.segment import VARIABLE, Segment, segment_of

MAX_CROSSINGS: Final = 1_000
MAX_STEPS: Final = 500_000
"""About a second."""
STEPS_OF_A_SEGMENT: Final = 5
"""What it costs to find what two templates share."""

ANYTHING: Final = segment_of(VARIABLE)
FIRST_NARROWER, SECOND_NARROWER = 1, 2
CROSSING = FIRST_NARROWER | SECOND_NARROWER

What = TypeVar("What")


@dataclass(frozen=True, slots=True)
class Crossing(Generic[What]):
    """Two routes that share some paths."""

    method: str
    taken: Route[What]
    """The more specific: the edge decides by it."""
    other: Route[What]
    shared: str | None
    """The template of the paths that both fit; None where no template says it."""


@dataclass(frozen=True, slots=True)
class Crossings(Generic[What]):
    """What was found, and whether that is all."""

    found: tuple[Crossing[What], ...]
    whole: bool


def find_crossings(routes: Iterable[Route[What]]) -> Crossings[What]:
    """The pairs of a service's routes, without those whose shared paths are a route themselves.

    It goes through the tree of routes once, at two places at a time that a path may both reach.
    """
    search = _Search(tree_of(routes))
    found = tuple(search.crossings())
    return Crossings(found[:MAX_CROSSINGS], whole=search.whole and len(found) <= MAX_CROSSINGS)


class _Search(Generic[What]):
    def __init__(self, root: RouteNode[What]) -> None:
        self._root = root
        self._steps = 0
        self.whole = True

    def crossings(self) -> Iterator[Crossing[What]]:
        """One more than the most, if there are more."""
        waiting = [(self._root, self._root, 0)]
        found = 0
        while waiting and found <= MAX_CROSSINGS:
            one, other, relation = waiting.pop()
            if relation == CROSSING:
                for crossing in self._at(one, other):
                    found += 1
                    yield crossing
            for first, below_one, second, below_other in _pairs(one, other):
                self._steps += 1
                if self._steps > MAX_STEPS:
                    self.whole = False
                    return
                if first.may_share(second):
                    narrower = relation | _relation(first, second)
                    waiting.append((below_one, below_other, narrower))

    def _at(self, one: RouteNode[What], other: RouteNode[What]) -> Iterator[Crossing[What]]:
        for method in dict.fromkeys(chain(one.routes, other.routes)):
            routes = one.answers(method), other.answers(method)
            if routes[0] is None or routes[1] is None:
                continue
            taken, left = sorted((routes[0], routes[1]), key=_specificity)
            shared = _shared(taken, left)
            self._steps += STEPS_OF_A_SEGMENT * len(taken.segments)
            if shared is None or not self._answers(method, shared):
                yield Crossing(method, taken, left, shared)

    def _answers(self, method: str, shared: str) -> bool:
        place: RouteNode[What] | None = self._root
        for segment in segments_of(shared):
            place = place and place.below(segment)
        return bool(place and place.answers(method))


def _pairs(
    one: RouteNode[What], other: RouteNode[What]
) -> Iterator[tuple[Segment, RouteNode[What], Segment, RouteNode[What]]]:
    """What is below two nodes, or twice below one, without literal texts that differ."""
    few, many = sorted((one.literals, other.literals), key=len)
    for text in few:
        if text in many:
            segment = segment_of(text)
            yield segment, one.literals[text], segment, other.literals[text]
    patterns = _patterns(one), _patterns(other)
    for place, (first, below_one) in enumerate(patterns[0]):
        # Of a node with itself each pair once.
        for second, below_other in patterns[1][place if one is other else 0 :]:
            yield first, below_one, second, below_other
        for text, below_other in other.literals.items():
            yield first, below_one, segment_of(text), below_other
    for second, below_other in () if one is other else patterns[1]:
        for text, below_one in one.literals.items():
            yield segment_of(text), below_one, second, below_other


def _patterns(node: RouteNode[What]) -> list[tuple[Segment, RouteNode[What]]]:
    variable = [(ANYTHING, node.variable)] if node.variable else []
    return [*node.mixed.items(), *variable]


def _relation(first: Segment, second: Segment) -> int:
    """Which of two segments that share texts has fewer; both, where each has some of its own."""
    if first == second:
        return 0
    if first.is_within(second):
        return FIRST_NARROWER
    return SECOND_NARROWER if second.is_within(first) else CROSSING


def _specificity(route: Route[What]) -> list[object]:
    return [segment.order for segment in route.segments]


def _shared(taken: Route[What], other: Route[What]) -> str | None:
    """The template of the paths that both fit, each segment as the narrower one is written."""
    segments = zip(taken.segments, other.segments, strict=True)
    written = zip(taken.template.split("/")[1:], other.template.split("/")[1:], strict=True)
    found = ""
    for (first, second), (mine, others) in zip(segments, written, strict=True):
        if first == second or first.is_within(second):
            found += f"/{mine}"
        elif second.is_within(first):
            found += f"/{others}"
        else:
            return None
    return found
