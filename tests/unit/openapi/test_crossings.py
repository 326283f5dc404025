"""Which operations of one service share paths that either of them may answer."""

from itertools import combinations, product

import pytest
from tests.depth import depth

from durward.core.openapi import crossings as crossings_module
from durward.core.openapi.crossings import MAX_CROSSINGS, Crossings, find_crossings
from durward.core.openapi.operations import Inventory, read_inventory
from durward.core.openapi.router import Route, Router, ambiguous_routes
from durward.core.openapi.segment import segment_of
from durward.core.wire import Json

SEGMENTS = ("a", "b", "{v}", "{v}.b", "a{v}", "{v},{w}")
TEXTS = ("a", "b", "c", "c.b", "ac", "ac.b", "c,c", "ac,c", "c,c.b", "ac,c.b")
"""One for each set of segments that fit."""


def crossings(*paths: str, method: str = "GET") -> Crossings[str]:
    return find_crossings(Route(method, path, path) for path in paths)


def pairs(*paths: str) -> list[tuple[str, str, str | None]]:
    found = crossings(*paths).found
    return [(each.taken.template, each.other.template, each.shared) for each in found]


def inventory(paths: Json) -> Inventory:
    schemes: Json = {"bearer": {"type": "http", "scheme": "bearer"}}
    document: Json = {
        "openapi": "3.1.0",
        "paths": paths,
        "components": {"securitySchemes": schemes},
    }
    return read_inventory(document, "shop")


def test_a_pair_is_what_both_answer_and_each_has_paths_of_its_own() -> None:
    """Of all pairs of templates of two segments, held against the requests that each matches."""
    paths = ["/".join(("", *parts)) for parts in product(SEGMENTS, repeat=2)]
    paths = [path for path in paths if path.count("{v}") < 2]
    requests = ["/".join(("", *parts)) for parts in product(TEXTS, repeat=2)]
    for one, other in combinations(paths, 2):
        if [*ambiguous_routes([Route("GET", one, one), Route("GET", other, other)])]:
            continue
        mine, others = (
            {path for path in requests if Router([Route("GET", each, each)]).match("GET", path)}
            for each in (one, other)
        )
        crosses = bool(mine & others and mine - others and others - mine)
        found = crossings(one, other)
        assert bool(found.found) is crosses, (one, other)
        if crosses:
            both = Router([Route("GET", one, one), Route("GET", other, other)])
            taken = {m[0].template for path in mine & others if (m := both.match("GET", path))}
            assert taken == {found.found[0].taken.template}


def test_the_paths_that_both_fit_are_told_as_a_template() -> None:
    assert pairs("/{org}/settings", "/public/{page}") == [
        ("/public/{page}", "/{org}/settings", "/public/settings")
    ]
    assert pairs("/{org}/x/{id}", "/public/{page}/{item}") == [
        ("/public/{page}/{item}", "/{org}/x/{id}", "/public/x/{item}")
    ]
    assert pairs("/a/v{x}", "/a/{y}.json") == [("/a/v{x}", "/a/{y}.json", None)]


def test_a_pair_whose_paths_are_declared_themselves_is_settled() -> None:
    assert not pairs("/{org}/settings", "/public/{page}", "/public/settings")
    assert pairs("/{org}/settings", "/public/{page}", "/public/{x}.settings")


@pytest.mark.parametrize(
    "paths",
    [
        ("/users/me", "/users/{id}"),
        ("/{a}/{b}", "/x/{b}", "/x/y"),
        ("/{org}/settings", "/public/{page}/x"),
        ("/a/{id}/b", "/a/{id}/c"),
        ("/a/{x}.json", "/a/{x}.xml"),
    ],
)
def test_templates_within_each_other_or_apart_are_no_pair(paths: tuple[str, ...]) -> None:
    assert not pairs(*paths)


def test_methods_are_compared_and_head_with_get() -> None:
    one, other = "/{org}/settings", "/public/{page}"

    def found(first: str, second: str) -> list[str]:
        routes = [Route(first, one, one), Route(second, other, other)]
        return [each.method for each in find_crossings(routes).found]

    assert found("PUT", "PUT") == ["PUT"]
    assert found("GET", "HEAD") == found("HEAD", "GET") == ["HEAD"]
    assert not found("GET", "PUT")


def test_a_segment_is_within_another_that_fits_all_its_texts() -> None:
    shapes = ("a", "b", "{}", "{}.b", "a{}", "a{}.b", "{},{}", "a{},{}")
    texts = [*TEXTS, "aa", "ab", "aac.b", "a,", ",a", "a,b", "aa,b"]
    for one, other in product(map(segment_of, shapes), repeat=2):
        mine = {text for text in texts if one.read(text) is not None}
        others = {text for text in texts if other.read(text) is not None}
        assert one.is_within(other) is (mine <= others), (one, other)


PUBLIC: Json = {"security": []}
SCOPED: Json = {"security": [{"bearer": ["admin"]}]}


@pytest.mark.parametrize(
    ("taken", "other", "opens"),
    [
        (PUBLIC, {}, True),
        ({}, PUBLIC, False),
        ({}, SCOPED, True),
        (SCOPED, {}, False),
        (SCOPED, SCOPED, False),
        (PUBLIC, PUBLIC, False),
        ({}, {"x-durward": {"fresh": True}}, True),
        ({"x-durward": {"fresh": True}}, {}, False),
    ],
)
def test_a_pair_of_which_the_service_may_do_what_asks_for_more_is_told_first(
    taken: Json, other: Json, opens: bool
) -> None:
    found = inventory({"/{org}/settings": {"get": other}, "/public/{page}": {"get": taken}})
    assert found.opening == opens
    assert found.notes[0].startswith(
        "/paths: `GET /public/{page}` and `GET /{org}/settings` both fit `/public/settings`:"
    )
    assert ("which asks for more" in found.notes[0]) is opens
    assert "declare `GET /public/settings`" in found.notes[0]


def test_of_pairs_that_open_nothing_one_is_told_and_their_number() -> None:
    paths: dict[str, Json] = {f"/{{org}}/s{number}": {"get": {}} for number in range(30)}
    notes = inventory({**paths, "/public/{page}": {"get": {}}}).notes
    assert len(notes) == 1
    assert notes[0].endswith("(29 more pairs share paths)")


MANY, STEPS = depth(1_000, long=20_000), depth(25_000, long=crossings_module.MAX_STEPS)
HALF, EXPONENT = MANY // 2, MANY.bit_length() - 1


@pytest.mark.parametrize(
    ("paths", "whole"),
    [
        ([f"/a{n // 20}/{{v}}/b{n % 20}" for n in range(MANY)], True),
        ([f"/{{v}}/a{n}" for n in range(HALF)] + [f"/b{n}/c" for n in range(HALF)], True),
        ([f"/{{v}}/a{n}" for n in range(HALF)] + [f"/b{n}/{{w}}" for n in range(HALF)], False),
        ([f"/b{n}" for n in range(HALF)] + [f"/{{v}}.a{n}" for n in range(HALF)], False),
        (
            [
                "".join(f"/{{v{place}}}" if n >> place & 1 else "/a" for place in range(EXPONENT))
                for n in range(2**EXPONENT)
            ],
            False,
        ),
        (["/" + "/".join(["a"] * 499 + ["b"]), "/" + "/".join(["a"] * 499 + ["{v}"])], True),
    ],
)
def test_a_search_among_thousands_of_operations_ends(
    paths: list[str], whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where all cross; then it says that it is not all."""
    monkeypatch.setattr(crossings_module, "MAX_STEPS", STEPS)
    found = find_crossings([Route("GET", path, path) for path in paths])
    assert found.whole is whole
    assert len(found.found) <= MAX_CROSSINGS
