"""A router as Envoy's matcher tree: a request costs the same among 20,000 operations as with one.

It matches the method, then the longest literal prefix of the path, then groups, each with one
regular expression for all its templates, and last the routes of the matching group. If no group
matches, Envoy goes on with the next shorter prefix (ADR 26).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from durward.core.edge.envoy.cors import WANTED_METHOD
from durward.core.edge.envoy.types import Config, typed_extension
from durward.core.openapi.router import Route, buckets, path_regex, tables
from durward.core.wire import JsonLike

PREFLIGHT = "preflight "
SMALL = 32
"""Up to this number routes are tried in sequence; of more, a group has the root of their number."""
QUERY = r"(?:\?.*)?"
"""The matcher sees the path as it was sent, with its query."""


def tree(routes: Iterable[Route[Sequence[Config]]], undeclared: Config) -> Config:
    """The matcher of a virtual host; `undeclared` is the route of all other requests.

    Routes whose method begins with PREFLIGHT are those of preflights for the method behind it.
    """
    asked: list[Route[Sequence[Config]]] = []
    announced: list[Route[Sequence[Config]]] = []
    for route in routes:
        if route.method.startswith(PREFLIGHT):
            announced.append(replace(route, method=route.method.removeprefix(PREFLIGHT)))
        else:
            asked.append(route)
    methods: list[JsonLike] = [
        {"predicate": has_method(methods), "on_match": {"matcher": by_path(table)}}
        for has_method, some in ((is_preflight, announced), (is_request, asked))
        for methods, table in tables(some).items()
    ]
    nothing: Config = {"on_no_match": on_match([undeclared])}
    return {"matcher_list": {"matchers": methods}, **nothing} if methods else nothing


def by_path(table: Sequence[Route[Sequence[Config]]]) -> Config:
    """The routes of a method by the literal prefix of the path."""
    parts = {text: {"matcher": groups(part)} for text, part in buckets(table, SMALL).items()}
    return {"matcher_tree": {"input": header(":path"), "prefix_match_map": {"map": parts}}}


def groups(part: Sequence[Route[Sequence[Config]]]) -> Config:
    """Routes with the same literal prefix, the most specific first."""
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
    """Neighbours in groups: the first matching group has the first matching route."""
    size = max(SMALL, math.isqrt(len(part)))
    return (part[start : start + size] for start in range(0, len(part), size))


def is_request(methods: Sequence[str]) -> Config:
    """The request has one of these methods."""
    return one_of(":method", methods)


def is_preflight(methods: Sequence[str]) -> Config:
    """The request asks whether a page may use one of these methods (Fetch standard §3.2.2)."""
    wanted = one_of(WANTED_METHOD, methods)
    return {"and_matcher": {"predicate": [one_of(":method", ["OPTIONS"]), wanted]}}


def one_of(name: str, values: Sequence[str]) -> Config:
    """A header has one of these values."""
    each: list[Config] = [
        {"single_predicate": {"input": header(name), "value_match": {"exact": value}}}
        for value in values
    ]
    return {"or_matcher": {"predicate": each}} if len(each) > 1 else each[0]


def has_path(group: Sequence[Route[Sequence[Config]]]) -> Config:
    """The path matches one of the templates."""
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
