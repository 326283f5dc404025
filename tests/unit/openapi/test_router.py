"""Which operation a request means."""

import pytest

from durward.core.openapi.router import Route, Router, ambiguous_routes, buckets, by_hosts, tables


def router(*paths: str) -> Router[str]:
    return Router(Route("GET", path, path) for path in paths)


def test_a_literal_segment_wins_over_a_variable() -> None:
    found = router("/{x}/b", "/a/{y}").match("GET", "/a/b")
    assert found is not None
    assert (found[0].template, found[1]) == ("/a/{y}", {"y": "b"})


def test_a_walk_that_ends_nowhere_goes_back_to_the_variable() -> None:
    found = router("/{x}/b", "/a/c").match("GET", "/a/b")
    assert found is not None
    assert found[1] == {"x": "a"}


def test_values_are_decoded_once() -> None:
    found = router("/{x}").match("GET", "/a%20b%C3%A9")
    assert found is not None
    assert found[1] == {"x": "a bé"}


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/users/@me", "/users/@me"),
        ("/users/%40me", None),
        ("/users/@m%65", None),
        ("/users/ann%40example.com", "/users/{id}"),
        ("/a:b/x", "/a:b/{y}"),
        ("/a%3Ab/x", None),
        ("/a%3Ac/x", "/{x}/{y}"),
    ],
)
def test_a_path_that_means_another_operation_once_it_is_decoded_means_none(
    path: str, meant: str | None
) -> None:
    found = router("/users/{id}", "/users/@me", "/{x}/{y}", "/a:b/{y}").match("GET", path)
    assert (found and found[0].template) == meant


@pytest.mark.parametrize(
    "path",
    [
        *("", "a", "/", "/a", "/a/", "/a/b/c", "//b", "/a/b;c", "/a/*", "/a/%2f", "/a/%00"),
        *("/a/%5C", "/a/%252f", "/a/%", "/a/%zz", "/a/%ff", "/a/é", "/A/b", "/a/b\n"),
        *("/a/b%0A", "/a/%0d", "/a/b%7F", "/a/%c2%85", "/a/b%E2%80%A8", "/a/%e2%80%a9b"),
    ],
)
def test_other_paths_match_nothing(path: str) -> None:
    assert router("/a/{x}").match("GET", path) is None


def test_another_method_matches_nothing() -> None:
    assert router("/a").match("POST", "/a") is None


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/x/1/lit", "/x/{b}/lit"),
        ("/x/1/other", "/x/{a}/{c}"),
        ("/acme/settings/tags", "/{org}/settings/{name}"),
        ("/acme/repo/tags", "/{account}/{repo}/tags"),
        ("/acme/settings/", None),
    ],
)
def test_what_variables_are_called_and_who_was_first_counts_for_nothing(
    path: str, meant: str | None
) -> None:
    paths = ["/x/{a}/{c}", "/x/{b}/lit", "/{org}/settings/{name}", "/{account}/{repo}/tags"]
    for order in (paths, paths[::-1]):
        found = router(*order).match("GET", path)
        assert (found and found[0].template) == meant


def test_head_is_answered_by_get_unless_it_is_declared() -> None:
    routes = [Route("GET", "/a/{x}", "get"), Route("HEAD", "/a/b", "head"), Route("PUT", "/c", "p")]
    found = Router(routes)
    assert [
        (match[0].what if (match := found.match("HEAD", path)) else None)
        for path in ("/a/b", "/a/c", "/c")
    ] == ["head", "get", None]
    assert found.match("GET", "/a/b") == (routes[0], {"x": "b"})


def test_methods_with_the_same_routes_share_a_table() -> None:
    routes = [Route("GET", "/a", 1), Route("POST", "/a", 2)]
    assert tables(routes) == {("GET", "HEAD"): [routes[0]], ("POST",): [routes[1]]}
    own = Route("HEAD", "/a", 3)
    assert tables([*routes, own]) == {
        ("GET",): [routes[0]],
        ("HEAD",): [own],
        ("POST",): [routes[1]],
    }


def test_routes_that_no_order_settles_are_told_in_pairs() -> None:
    first, second = Route("GET", "/a/{x}", 1), Route("GET", "/a/{y}", 2)
    others = [Route("POST", "/a/{x}", 3), Route("GET", "/a/x", 4), Route("GET", "/a/{x}/", 5)]
    assert list(ambiguous_routes([first, second, *others])) == [(first, second)]


def test_buckets_are_as_short_as_their_size_allows() -> None:
    table = tables(
        Route("GET", path, path)
        for path in ("/a/1/{x}", "/a/2", "/a/{y}", "/b/3/{z}", "/{w}", "/a/")
    )[("GET", "HEAD")]
    assert {text: [r.what for r in part] for text, part in buckets(table, 4).items()} == {
        "/": ["/{w}"],
        "/a": ["/a/", "/a/1/{x}", "/a/2", "/a/{y}"],
        "/b": ["/b/3/{z}"],
    }
    assert list(buckets(table, 1)) == ["/", "/a", "/a/1", "/a/2", "/b"]
    assert list(buckets(table, 99)) == ["/"]


@pytest.mark.parametrize(
    ("path", "template", "values"),
    [
        ("/a/7.json", "/a/{id}.json", {"id": "7"}),
        ("/a/7.xml", "/a/{other}", {"other": "7.xml"}),
        ("/a/me.json", "/a/me.json", {}),
        ("/a/v7.json", "/a/v{n}", {"n": "7.json"}),
        ("/a/7:go", "/a/{id}:go", {"id": "7"}),
        ("/a/7%20b:go", "/a/{id}:go", {"id": "7 b"}),
        ("/a/7%2Ejson", None, {}),
        ("/a/%767", None, {}),
        ("/a/7%3Ago", None, {}),
        ("/t/1,2", "/t/{x},{y}", {"x": "1", "y": "2"}),
        ("/t/1%2C2,3", None, {}),
        ("/t/1,2,3", None, {}),
        ("/d/x%31", None, {}),
        ("/d/x1", "/d/{id}1", {"id": "x"}),
        ("/d/%611", "/d/{id}1", {"id": "a"}),
    ],
)
def test_text_and_variables_in_one_segment(
    path: str, template: str | None, values: dict[str, str]
) -> None:
    """None where decoding would mean another route, or cut an escape in two."""
    found = router(
        *("/a/{other}", "/a/{id}.json", "/a/me.json", "/a/v{n}", "/a/{id}:go"),
        *("/t/{x},{y}", "/d/{id}1"),
    ).match("GET", path)
    assert (found and found[0].template) == template
    assert found is None or found[1] == values


def test_a_walk_goes_back_to_what_is_less_specific() -> None:
    paths = ["/v{n}/a", "/{x}.json/b", "/{y}/c"]
    for path, template in zip(("/v1.json/a", "/v1.json/b", "/v1.json/c"), paths, strict=True):
        found = router(*paths).match("GET", path)
        assert found is not None
        assert found[0].template == template


def test_a_named_host_has_its_routes_alone() -> None:
    """Case and port do not count (RFC 9110 §4.2.3); every other host has what names none."""
    routes = [
        Route("GET", "/health", "a", ("a.example",)),
        Route("GET", "/health", "b", ("b.example", "c.example")),
        Route("GET", "/only", "b", ("b.example", "c.example")),
        Route("GET", "/health", "others"),
        Route("GET", "/others", "others"),
    ]
    found = Router(routes)

    def meant(host: str, path: str = "/health") -> str | None:
        match = found.match("GET", path, host)
        return match and match[0].what

    assert [*map(meant, ("a.example", "A.Example:8443", "c.example", "", "x", "a.example.b"))] == [
        *("a", "a", "b", "others", "others", "others")
    ]
    assert meant("c.example", "/only") == "b"
    assert (
        meant("a.example", "/only") is meant("a.example", "/others") is meant("x", "/only") is None
    )
    assert meant("x", "/others") == "others"
    assert not list(ambiguous_routes(routes))


def test_hosts_with_the_same_apis_share_their_routes() -> None:
    one, two, others = (
        Route("GET", "/1", 1, ("a", "b")),
        Route("GET", "/2", 2, ("b", "c")),
        Route("GET", "/", 0),
    )
    again = Route("PUT", "/1", 3, ("a", "b"))
    assert by_hosts([one, two, others, again]) == {
        (): [others],
        ("a",): [one, again],
        ("b",): [one, again, two],
        ("c",): [two],
    }
    assert by_hosts([Route("GET", "/1", 1, ("a", "b"))]).keys() == {(), ("a", "b")}


@pytest.mark.parametrize(
    ("one", "other", "is_overlap"),
    [
        (("/a", ("x", "y")), ("/a", ("y", "z")), True),
        (("/a", ("x",)), ("/a", ("y",)), False),
        (("/a", ("x",)), ("/a", ()), False),
        (("/{i}.json", ()), ("/{j}.json", ()), True),
        (("/{i}.json", ()), ("/{j}.xml", ()), False),
        (("/{i}.json", ()), ("/{j}", ()), False),
        (("/t/{a}.{b}", ()), ("/t/{a}-{b}", ()), True),
        (("/t/{a}.{b}", ("x",)), ("/t/{a}-{b}", ("y",)), False),
        (("/t/{a}.{b}/x", ()), ("/t/{a}-{b}/y", ()), False),
        (("/t/{a}.{b}/x", ()), ("/t/{a}-{b}/{c}", ()), True),
        (("/t/{a}.{b}/x", ()), ("/t/{a}-{b}", ()), False),
        (("/t/{a}.{b}", ()), ("/{t}/{a}-{b}", ()), False),
        (("/{t}/{a}.{b}", ()), ("/{u}/{a}-{b}", ()), True),
    ],
)
def test_overlaps_are_what_hosts_and_order_do_not_settle(
    one: tuple[str, tuple[str, ...]],
    other: tuple[str, tuple[str, ...]],
    is_overlap: bool,
) -> None:
    routes = [
        Route("GET", template, number, hosts)
        for number, (template, hosts) in enumerate((one, other))
    ]
    assert list(ambiguous_routes(routes)) == ([tuple(routes)] if is_overlap else [])
    assert not list(ambiguous_routes([routes[0], Route("PUT", other[0], 2, other[1])]))
