"""JSONPath: what a query selects, which queries are refused, and how long one may take."""

import pytest

from durward.core.openapi.json_path import (
    MAX_QUERY_CHARACTERS,
    CountedList,
    CountedObject,
    QueryRefused,
    Steps,
    read_query,
    selected,
)
from durward.core.wire import Json

DOCUMENT: dict[str, Json] = {
    "paths": {
        "/a": {"get": {"id": 1, "tags": ["x"]}, "put": {"id": 2}},
        "/b": {"get": {"id": 3}},
    },
    "list": [{"n": 0}, {"n": 1}, {"n": 2}],
}


def counted(value: Json, steps: Steps) -> Json:
    if isinstance(value, dict):
        part = CountedObject(steps)
        for name, one in value.items():
            dict.__setitem__(part, name, counted(one, steps))
        return part
    if isinstance(value, list):
        items = CountedList(steps)
        items.extend(counted(one, steps) for one in value)
        return items
    return value


def select(query: str, document: Json = DOCUMENT, steps: int = 10_000) -> list[str]:
    root = counted(document, Steps(steps))
    assert isinstance(root, CountedObject | CountedList)
    return ["/".join(map(str, path)) for path, _ in selected(read_query(query), root)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("$", [""]),
        ("$.paths['/a'].get", ["paths//a/get"]),
        ("$.paths['/a', '/b'].get", ["paths//a/get", "paths//b/get"]),
        ("$.paths.*.get", ["paths//a/get", "paths//b/get"]),
        ("$..get", ["paths//a/get", "paths//b/get"]),
        ("$..get[?@ == 3]", ["paths//b/get/id"]),
        ("$.paths.*[?@.id > 1]", ["paths//a/put", "paths//b/get"]),
        ("$.paths.*[?@.tags]", ["paths//a/get"]),
        ("$.paths.*[?length(@.tags) == 1]", ["paths//a/get"]),
        ("$.paths[?count(@.*) == 2]", ["paths//a"]),
        ("$.list[0, 0]", ["list/0"]),
        ("$.list[-1]", ["list/2"]),
        ("$.list[1:]", ["list/1", "list/2"]),
        ("$.list['n']", []),
        ("$.paths['/A']", []),
    ],
)
def test_a_query_selects_each_part_once(query: str, found: list[str]) -> None:
    assert select(query) == found


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("paths", "not a JSONPath"),
        ("$[", "not a JSONPath"),
        ("$ ", "not a JSONPath"),
        ("^", "not a JSONPath"),
        ("$ | $", "not a JSONPath"),
        ("$.paths.~", "not a JSONPath"),
        ("$['\\ud800']", "not a JSONPath"),
        ("$.paths[?match(@.a, '(a*)*b')]", "regular expressions are not read"),
        ("$.paths[?search(@.a, 'b')]", "regular expressions are not read"),
        ("$.paths[?isinstance(@.a, 'b')]", "unknown function"),
        ("$" + ".a" * MAX_QUERY_CHARACTERS, "longer than"),
        ("$" + "[?@" * 400 + "]" * 400, "recursion"),
    ],
)
def test_what_is_not_rfc_9535_or_takes_exponential_time_is_refused(query: str, why: str) -> None:
    with pytest.raises(QueryRefused, match=why):
        select(query)


@pytest.mark.parametrize(
    "query",
    ["$..*..*..*..*", "$[?count($..*) > 0]..*", "$..[?count($..*) > 9999]", "$" + "[*, *]" * 12],
)
def test_steps_are_bounded_and_not_only_what_is_selected(query: str) -> None:
    nested: Json = 1
    for _ in range(12):
        nested = {"a": nested, "b": [nested]} if not isinstance(nested, list) else [nested]
    with pytest.raises(QueryRefused, match="too many steps"):
        select(query, nested, 2_000)


def test_a_step_is_counted_for_each_part_that_is_read() -> None:
    steps = Steps(4)
    root = counted({"a": [1, 2, 3]}, steps)
    assert isinstance(root, CountedObject)
    assert len(selected(read_query("$.a.*"), root)) == 3
    assert steps.left == 0
    with pytest.raises(QueryRefused):
        selected(read_query("$.a"), root)


def test_a_slice_is_counted_by_what_it_has() -> None:
    items: Json = list(range(100))
    with pytest.raises(QueryRefused, match="too many steps"):
        select(f"$[{', '.join(['::'] * 30)}]", items, 2_000)
