"""The one order of all operations: Envoy's routes are made from it, decision points match with it.

A host that routes name has those routes alone, every other host has the routes without a host. A
template is segments (`segment`). Of those that fit a path, the most specific counts: segment by
segment from the left, literal before mixed before variable. What a variable is called and who was
declared first count for nothing. Two that this order cannot settle are refused (ADR 26).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Generic, TypeVar
from urllib.parse import unquote

from durward.core.host import asked_host
from durward.core.openapi.segment import (
    CACHED,
    CHARACTERS,
    VARIABLE,
    Order,
    Segment,
    segment_of,
)
from durward.core.openapi.template import shape_of, variables_of

_SEGMENT: Final = re.compile(f"[{CHARACTERS}]+\\Z")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%2[fF]|%5[cC]|%25")
"""Broken escapes, and escapes of separators: never part of a value."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Ends of text or of lines, and other controls: routers whose `$` fits before a line feed, as
Python's does, take `/users/export%0A` for `/users/export`."""

What = TypeVar("What")
Answers_co = TypeVar("Answers_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Route(Generic[Answers_co]):
    """A method on a template, and its target."""

    method: str
    template: str
    what: Answers_co
    hosts: tuple[str, ...] = ()
    """Its hosts; none means every host that no route names."""

    @property
    def shape(self) -> str:
        """The template without the names of its variables."""
        return shape_of(self.template)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments of its template."""
        return segments_of(self.template)


@lru_cache(CACHED)
def segments_of(template: str) -> tuple[Segment, ...]:
    """The segments of a template, by their shapes."""
    return tuple(map(segment_of, shape_of(template).split("/")[1:]))


def has_mixed(template: str) -> bool:
    """Whether a segment has text and variables."""
    some = segments_of(template) if VARIABLE in shape_of(template) else ()
    return any(not (segment.is_literal or segment.is_variable) for segment in some)


def methods_of(method: str) -> tuple[str, ...]:
    """The methods that a declared one answers: GET answers HEAD too (RFC 9110 §9.3.2)."""
    return ("GET", "HEAD") if method == "GET" else (method,)


def ambiguous_routes(routes: Iterable[Route[What]]) -> Iterator[tuple[Route[What], Route[What]]]:
    """Pairs of routes for the same requests that no order settles."""
    known: dict[tuple[str, str, str], Route[What]] = {}
    several: dict[tuple[str, str, int], list[Route[What]]] = {}
    for route in routes:
        shape = route.shape
        others = [known.setdefault((host, route.method, shape), route) for host in hosts_of(route)]
        if other := next((each for each in others if each is not route), None):
            yield other, route
        elif shape.count(VARIABLE) > 1 and any(each.has_several for each in route.segments):
            for host in hosts_of(route):
                alike = several.setdefault((host, route.method, shape.count("/")), [])
                if other := next((each for each in alike if _tied(each, route)), None):
                    yield other, route
                    break
                alike.append(route)


def hosts_of(route: Route[What]) -> tuple[str, ...]:
    """The hosts of a route; the empty one means every host that no route names."""
    return route.hosts or ("",)


def _tied(one: Route[What], other: Route[What]) -> bool:
    """Whether both match some path, and the first different segment does not order them."""
    pairs = list(zip(one.segments, other.segments, strict=True))
    first = next((pair for pair in pairs if pair[0] != pair[1]), None)
    if first is None or not first[0].is_tied_with(first[1]):
        return False
    return all(mine.may_share(others) for mine, others in pairs)


def by_hosts(
    routes: Iterable[Route[What]],
) -> dict[tuple[str, ...], list[Route[What]]]:
    """The routes of each set of hosts that share them; `()` is every host that no route names."""
    parts: dict[tuple[str, ...], list[Route[What]]] = {(): []}
    for route in routes:
        parts.setdefault(route.hosts, []).append(route)
    serving: dict[str, list[tuple[str, ...]]] = {}
    for hosts in parts:
        for host in dict.fromkeys(hosts):
            serving.setdefault(host, []).append(hosts)
    sharing: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for host, some in serving.items():
        sharing.setdefault(tuple(some), []).append(host)
    return {(): parts[()]} | {
        tuple(sorted(hosts)): [route for each in some for route in parts[each]]
        for some, hosts in sharing.items()
    }


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


def _specificity(route: Route[What]) -> list[Order]:
    return [segment.order for segment in route.segments]


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
        if len(segments) > depth and segments[depth] and VARIABLE not in segments[depth]:
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
    """The paths of a template, for Envoy: no value of a variable is empty."""
    return "".join(f"/{segment.regex}" for segment in segments_of(template))


@dataclass
class RouteNode(Generic[What]):
    """A node of the tree of routes: what a segment leads to, and what answers where a path ends."""

    literals: "dict[str, RouteNode[What]]" = field(default_factory=dict)
    mixed: "dict[Segment, RouteNode[What]]" = field(default_factory=dict)
    """The most specific first."""
    variable: "RouteNode[What] | None" = None
    routes: dict[str, Route[What]] = field(default_factory=dict)

    def answers(self, method: str) -> Route[What] | None:
        """The route of a method here: HEAD is answered by GET where it is not declared itself."""
        found = self.routes.get(method)
        return self.routes.get("GET") if found is None and method == "HEAD" else found

    def below(self, segment: Segment) -> "RouteNode[What] | None":
        """The child node of a segment."""
        if segment.is_literal:
            return self.literals.get(segment.texts[0])
        return self.variable if segment.is_variable else self.mixed.get(segment)

    def add(self, segment: Segment) -> "RouteNode[What]":
        """The child node of a segment, added if there is none."""
        node = self.below(segment)
        if node is None:
            node = RouteNode[What]()
            if segment.is_literal:
                self.literals[segment.texts[0]] = node
            elif segment.is_variable:
                self.variable = node
            else:
                self.mixed[segment] = node
        return node


def tree_of(routes: Iterable[Route[What]]) -> RouteNode[What]:
    """The root of the tree of routes, by the segments of their templates."""
    root = RouteNode[What]()
    mixing: dict[int, RouteNode[What]] = {}
    for route in routes:
        place = root
        for segment in route.segments:
            before, place = place, place.add(segment)
            if len(before.mixed) > 1:
                mixing[id(before)] = before
        place.routes[route.method] = route
    for node in mixing.values():
        node.mixed = dict(sorted(node.mixed.items(), key=lambda each: each[0].order))
    return root


class Router(Generic[What]):
    """Finds the route of a request with a normalised path."""

    def __init__(self, routes: Iterable[Route[What]]) -> None:
        roots = {hosts: tree_of(some) for hosts, some in by_hosts(routes).items()}
        self._others = roots[()]
        self._named = {host: root for hosts, root in roots.items() for host in hosts}

    def match(
        self, method: str, path: str, authority: str = ""
    ) -> tuple[Route[What], Mapping[str, str]] | None:
        """The route and the decoded values of its variables, or None.

        `authority` is the host of the request, with or without a port (RFC 9110 §7.2). None also
        where the path means another route, or has other values, once it is decoded: a service that
        decodes before it routes would do what `/users/@me` is for when asked for `/users/%40me`.
        """
        if not path.startswith("/"):
            return None
        root = self._others
        if self._named:
            root = self._named.get(asked_host(authority), root)
        segments = path.split("/")[1:]
        route = _walk(root, segments, segments, 0, method)
        if route is None:
            return None
        decoded = segments
        if "%" in path:
            read = [_decode(segment) for segment in segments]
            decoded = [text for text in read if text is not None]
            if len(decoded) < len(segments):
                return None
            if _walk(root, segments, decoded, 0, method) is not route:
                return None
        values = _values(route, decoded)
        if decoded is not segments:
            each = {name: _decode(value) for name, value in _values(route, segments).items()}
            if each != values:
                return None
        return route, values


def _values(route: Route[What], texts: Sequence[str]) -> dict[str, str]:
    """The values of the variables of a route in the segments of a path that it fits."""
    values: dict[str, str] = {}
    for place, name, segment, names in _variables(route.template):
        if segment is None:
            values[name] = texts[place]
        else:
            values.update(zip(names, segment.read(texts[place]) or (), strict=True))
    return values


@lru_cache(CACHED)
def _variables(template: str) -> tuple[tuple[int, str, Segment | None, tuple[str, ...]], ...]:
    """The place of each segment with variables, the first's name, and how it is read if mixed."""
    parts = [tuple(variables_of(part)) for part in template.split("/")[1:]]
    return tuple(
        (place, names[0], None if segment.is_variable else segment, names)
        for place, (segment, names) in enumerate(zip(segments_of(template), parts, strict=True))
        if names
    )


def _walk(
    place: RouteNode[What], raw: list[str], read: list[str], depth: int, method: str
) -> Route[What] | None:
    """The most specific route: texts are compared with `read`, values are taken from `raw`."""
    if depth == len(raw):
        return place.answers(method)
    text = read[depth]
    literal = place.literals.get(text)
    if literal and (found := _walk(literal, raw, read, depth + 1, method)):
        return found
    if not (place.variable or place.mixed) or not _SEGMENT.match(raw[depth]):
        return None
    for segment, below in place.mixed.items():
        fits = segment.read(text) is not None
        if fits and (found := _walk(below, raw, read, depth + 1, method)):
            return found
    return _walk(place.variable, raw, read, depth + 1, method) if place.variable else None


def _decode(segment: str) -> str | None:
    if "%" not in segment:
        return segment
    if _ESCAPE.search(segment):
        return None
    try:
        text = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text
