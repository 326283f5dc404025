"""A router as Envoy's matcher tree: a request costs as much among 20,000 operations as among one.

By method, then by the literal segments that a path begins with, the longest first; then by groups,
each asked by one regular expression for all of its templates, and at last the routes of the group
that fits. Where no group fits, Envoy goes on with the next shorter beginning (ADR 26).
"""

import math
from collections.abc import Iterable, Iterator, Sequence

from durward.core.edge.envoy.types import Config, typed_extension
from durward.core.openapi.router import Route, buckets, path_regex, tables
from durward.core.wire import JsonLike

SMALL = 32
"""So many routes are tried one after the other; of more a group has the root of their number."""
QUERY = r"(?:\?.*)?"
"""The matcher sees the path as it was sent, with its query."""


def tree(routes: Iterable[Route[Sequence[Config]]], undeclared: Config) -> Config:
    """The matcher of a virtual host; what no route is declared for is answered by `undeclared`."""
    methods: list[JsonLike] = [
        {"predicate": has_method(methods), "on_match": {"matcher": by_path(table)}}
        for methods, table in tables(routes).items()
    ]
    nothing: Config = {"on_no_match": on_match([undeclared])}
    return {"matcher_list": {"matchers": methods}, **nothing} if methods else nothing


def by_path(table: Sequence[Route[Sequence[Config]]]) -> Config:
    """The routes of a method by the beginning of the path."""
    parts = {text: {"matcher": groups(part)} for text, part in buckets(table, SMALL).items()}
    return {"matcher_tree": {"input": header(":path"), "prefix_match_map": {"map": parts}}}


def groups(part: Sequence[Route[Sequence[Config]]]) -> Config:
    """Routes whose paths begin alike, the most specific first."""
    return {
        "matcher_list": {
            "matchers": [
                {
                    "predicate": has_path(group),
                    "on_match": on_match(each for route in group for each in route.what),
                }
                for group in grouped(part)
            ]
        }
    }


def grouped(part: Sequence[Route[Sequence[Config]]]) -> Iterator[Sequence[Route[Sequence[Config]]]]:
    """Neighbours together: the first group that fits has the first route that fits."""
    size = max(SMALL, math.isqrt(len(part)))
    return (part[start : start + size] for start in range(0, len(part), size))


def has_method(methods: Sequence[str]) -> Config:
    """The request has one of these methods."""
    each: list[Config] = [
        {"single_predicate": {"input": header(":method"), "value_match": {"exact": method}}}
        for method in methods
    ]
    return {"or_matcher": {"predicate": each}} if len(each) > 1 else each[0]


def has_path(group: Sequence[Route[Sequence[Config]]]) -> Config:
    """The path fits one of the templates."""
    some = "|".join(path_regex(route.template) for route in group)
    fits: Config = {"safe_regex": {"google_re2": {}, "regex": f"(?:{some}){QUERY}"}}
    return {"single_predicate": {"input": header(":path"), "value_match": fits}}


def on_match(routes: Iterable[Config]) -> Config:
    """Leave the tree with a list of routes."""
    found: Config = {"routes": list(routes)}
    return {"action": typed_extension("routes", "envoy.config.route.v3.RouteList", found)}


def header(name: str) -> Config:
    """A header of the request as an input."""
    kind = "envoy.type.matcher.v3.HttpRequestHeaderMatchInput"
    return typed_extension("header", kind, {"header_name": name})
