"""The one order of all operations: Envoy's routes are made from it, decision points match with it.

A template is segments, each literal text or one variable. Of those that fit a path, the most
specific counts: segment by segment from the left, literal before variable. What a variable is
called and who was declared first count for nothing. Two that this order cannot settle are refused
(ADR 26).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar
from urllib.parse import unquote

from durward.core.openapi.template import shape_of

SEGMENT: Final = r"[A-Za-z0-9._~!$&'()+,=:@%-]+"
"""A segment as RFC 3986 allows it, less `;` and `*`, which upstreams read differently."""

_SEGMENT = re.compile(SEGMENT + r"\Z")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%2[fF]|%5[cC]|%00|%25")
"""Broken escapes, and escapes of what separates or ends: never part of a value."""

What = TypeVar("What")
Answers_co = TypeVar("Answers_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Route(Generic[Answers_co]):
    """A method on a template, and what answers there."""

    method: str
    template: str
    what: Answers_co

    @property
    def shape(self) -> str:
        """The template whatever its variables are called: what equal ones share."""
        return shape_of(self.template)


def methods_of(method: str) -> tuple[str, ...]:
    """The methods that a declared one answers: HEAD is GET without content (RFC 9110 §9.3.2)."""
    return ("GET", "HEAD") if method == "GET" else (method,)


def overlaps(routes: Iterable[Route[What]]) -> Iterator[tuple[Route[What], Route[What]]]:
    """Pairs that answer the same requests: no order settles them."""
    known: dict[tuple[str, str], Route[What]] = {}
    for route in routes:
        other = known.setdefault((route.method, route.shape), route)
        if other is not route:
            yield other, route


def tables(routes: Iterable[Route[What]]) -> dict[tuple[str, ...], Sequence[Route[What]]]:
    """The routes of each method, the most specific first; methods with the same ones share them.

    HEAD is answered by GET wherever it is not declared itself.
    """
    declared: dict[str, dict[str, Route[What]]] = {}
    for route in routes:
        declared.setdefault(route.method, {})[route.shape] = route
    if gets := declared.get("GET"):
        declared["HEAD"] = gets | declared.get("HEAD", {})
    methods: dict[tuple[int, ...], list[str]] = {}
    for method, found in sorted(declared.items()):
        methods.setdefault(tuple(sorted(map(id, found.values()))), []).append(method)
    return {
        tuple(sharing): sorted(declared[sharing[0]].values(), key=_specificity)
        for sharing in methods.values()
    }


def _specificity(route: Route[What]) -> list[tuple[bool, str]]:
    return [(part == "{}", part) for part in route.shape.split("/")]


def buckets(table: Sequence[Route[What]], most: int) -> dict[str, Sequence[Route[What]]]:
    """A table in parts of at most so many routes, by the literal segments that paths begin with.

    Of two parts whose text a path begins with, the routes of the longer are the more specific. Only
    a part that no literal segment divides is larger.
    """
    return dict(_divided(table, most, "", 1))


def _divided(
    table: Sequence[Route[What]], most: int, text: str, depth: int
) -> Iterator[tuple[str, Sequence[Route[What]]]]:
    below: dict[str, list[Route[What]]] = {}
    here = []
    for route in table if len(table) > most else ():
        segments = route.shape.split("/")
        if len(segments) > depth and segments[depth] not in {"", "{}"}:
            below.setdefault(f"{text}/{segments[depth]}", []).append(route)
        else:
            here.append(route)
    if not below:
        yield text or "/", table
        return
    if here:
        yield text or "/", here
    for longer, part in below.items():
        yield from _divided(part, most, longer, depth + 1)


def path_regex(template: str) -> str:
    """The paths of a template: every variable is one segment that is not empty."""
    return SEGMENT.join(map(re.escape, shape_of(template).split("{}")))


@dataclass
class RouteNode(Generic[What]):
    """A node of the tree of routes: what a segment leads to, and what answers where a path ends."""

    literals: "dict[str, RouteNode[What]]" = field(default_factory=dict)
    variable: "RouteNode[What] | None" = None
    routes: dict[str, Route[What]] = field(default_factory=dict)

    def answers(self, method: str) -> Route[What] | None:
        """The route of a method here: HEAD is answered by GET where it is not declared itself."""
        found = self.routes.get(method)
        return self.routes.get("GET") if found is None and method == "HEAD" else found


def tree_of(routes: Iterable[Route[What]]) -> RouteNode[What]:
    """The root of the tree of routes, by the segments of their templates."""
    root = RouteNode[What]()
    for route in routes:
        place = root
        for segment in route.template.split("/")[1:]:
            if segment.startswith("{"):
                place.variable = place.variable or RouteNode()
                place = place.variable
            else:
                place = place.literals.setdefault(segment, RouteNode())
        place.routes[route.method] = route
    return root


class Router(Generic[What]):
    """Finds the route of a method and a path that is normalised already."""

    def __init__(self, routes: Iterable[Route[What]]) -> None:
        self._root = tree_of(routes)

    def match(self, method: str, path: str) -> tuple[Route[What], Mapping[str, str]] | None:
        """The route and the decoded values of its variables, or None.

        None also where the path means another route once it is decoded: a service that decodes
        before it routes would do what `/users/@me` is for when asked for `/users/%40me`.
        """
        if not path.startswith("/"):
            return None
        segments = path.split("/")[1:]
        route = _walk(self._root, segments, segments, 0, method)
        if route is None:
            return None
        decoded = segments
        if "%" in path:
            read = [_decode(segment) for segment in segments]
            decoded = [text for text in read if text is not None]
            if len(decoded) < len(segments):
                return None
            if _walk(self._root, segments, decoded, 0, method) is not route:
                return None
        names = route.template.split("/")[1:]
        return route, {
            name[1:-1]: value
            for name, value in zip(names, decoded, strict=True)
            if name.startswith("{")
        }


def _walk(
    place: RouteNode[What], raw: list[str], read: list[str], depth: int, method: str
) -> Route[What] | None:
    """The most specific route: literals are compared with `read`, variables take what is `raw`."""
    if depth == len(raw):
        return place.answers(method)
    literal = place.literals.get(read[depth])
    if literal and (found := _walk(literal, raw, read, depth + 1, method)):
        return found
    if place.variable and _SEGMENT.match(raw[depth]):
        return _walk(place.variable, raw, read, depth + 1, method)
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
