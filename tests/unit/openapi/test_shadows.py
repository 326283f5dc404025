"""Which operations share requests, held against what the router itself answers."""

import time
from dataclasses import replace
from itertools import product

from durward.core.openapi.operations import Operation
from durward.core.openapi.router import Route, Router
from durward.core.openapi.shadows import MAX_STEPS, Shapes

SEGMENTS = ("a", "b", "{v}", "{v}.b", "a{v}")
TEXTS = ("a", "b", "c", "c.b", "ac", "ac.b")
"""One for each set of segments that fit."""


def operation(path: str, method: str = "GET") -> Operation:
    return Operation(id=f"{method} {path}", method=method, path=path, action="x:Y")


def test_what_is_behind_is_what_the_router_finds_without_it() -> None:
    """Of all pairs of templates of two segments: it answers alone what the other would take."""
    paths = ["/".join(("", *parts)) for parts in product(SEGMENTS, repeat=2)]
    requests = ["/".join(("", *parts)) for parts in product(TEXTS, repeat=2)]
    for one, other in product(paths, repeat=2):
        first, second = operation(one), replace(operation(other), id="other")
        both = [first, second] if one != other else [first]
        together = Router(Route(each.method, each.path, each.path) for each in both)
        alone = Router([Route("GET", other, other)])
        moved = any(
            (found := together.match("GET", path)) and found[0].what == one
            for path in requests
            if alone.match("GET", path)
        )
        assert bool(Shapes([("b", second)]).behind(first).operations) is moved, (one, other)


def test_behind_a_host_is_what_that_host_serves() -> None:
    """One that nobody names serves what names no host, also if the operation is to name it."""
    named, others = operation("/{v}"), operation("/{w}")
    shapes = Shapes([("named", named), ("others", others)], {"named": ("x", "y")})

    def behind(*hosts: str) -> list[str]:
        return [name for name, _ in shapes.behind(operation("/a"), hosts).operations]

    assert behind() == ["others"]
    assert behind("x") == behind("x", "y") == ["named"]
    assert behind("z") == ["others"]
    assert sorted(behind("x", "z")) == ["named", "others"]


def test_head_is_behind_get_only_where_get_answers_it() -> None:
    get, head = operation("/a"), operation("/a", "HEAD")
    assert Shapes([("b", get)]).behind(head).operations == (("b", get),)
    assert not Shapes([("b", head)]).behind(get)
    variable = operation("/{v}", "HEAD")
    assert Shapes([("b", variable)]).behind(get).operations == (("b", variable),)
    assert not Shapes([("b", head), ("b", variable)]).behind(get)


def test_a_path_that_ends_in_a_slash_shares_nothing_with_a_variable() -> None:
    assert not Shapes([("b", operation("/{t}/{v}"))]).behind(operation("/a/"))


def test_a_search_that_is_too_long_says_so() -> None:
    many = [("b", operation(f"/{{t}}/x{number}", "PUT")) for number in range(MAX_STEPS + 1)]
    found = Shapes(many).behind(operation("/a/{v}"))
    assert found
    assert not found.operations
    assert not found.whole


def test_all_searches_together_are_bounded() -> None:
    many = [("b", operation(f"/{{t}}/x{number}", "PUT")) for number in range(MAX_STEPS + 1)]
    shapes = Shapes(many)
    begun = time.monotonic()
    assert not any(shapes.behind(operation(f"/a{number}/{{v}}")).whole for number in range(5_000))
    assert time.monotonic() - begun < 10
    assert Shapes(many).behind(operation("/a/{v}", "PUT")).operations
