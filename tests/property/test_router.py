"""The router against a reading of its rule in one line, over templates and requests at random."""

import re
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from durward.core.openapi.router import (
    Route,
    Router,
    ambiguous_routes,
    by_hosts,
    path_regex,
    tables,
)
from durward.core.openapi.template import filled, path_problem

TEXTS = ("a", "b", "a.b", "v", "1")
SEGMENTS = st.one_of(
    st.sampled_from(TEXTS),
    st.sampled_from(
        ["{%s}", "{%s}", "{%s}.b", "v{%s}", "a{%s}b", "{%s}:a", "{%s},{%s}", "{%s}-{%s}"]
    ),
)
VALUES = st.sampled_from(
    ["a", "b", "v", "1", "a.b", "v1", "1,a", "1-a", "x:a", "%41", "%2C", "%61", ""]
)
HOSTS = ("x", "y")


@st.composite
def routes(draw: st.DrawFn) -> list[Route[int]]:
    found: list[Route[int]] = []
    for number in range(draw(st.integers(1, 8))):
        segments = []
        for place, segment in enumerate(draw(st.lists(SEGMENTS, min_size=1, max_size=3))):
            names = tuple(f"n{place}_{each}" for each in range(segment.count("%s")))
            segments.append(segment % names)
        template = "/" + "/".join(segments)
        assert path_problem(template) is None
        hosts = draw(st.sampled_from([(), (), ("x",), ("x", "y")]))
        route = Route(draw(st.sampled_from(["GET", "PUT"])), template, number, hosts)
        if not list(ambiguous_routes([*found, route])):
            found.append(route)
    return found


@st.composite
def paths(draw: st.DrawFn, some: list[Route[int]]) -> str:
    if draw(st.booleans()):
        return "/" + "/".join(draw(st.lists(VALUES, min_size=1, max_size=3)))
    parts = draw(st.sampled_from(some)).template.split("/")[1:]
    return "/" + "/".join(
        draw(VALUES)
        if "{" in part and draw(st.booleans())
        else part.replace("{", "").replace("}", "")
        for part in parts
    )


@given(st.data())
def test_the_least_of_those_that_fit_is_found(data: st.DataObject) -> None:
    """At the host's routes: by the expression that Envoy has, and the order of segments."""
    some = data.draw(routes())
    path, host = data.draw(paths(some)), data.draw(st.sampled_from([*HOSTS, "z", ""]))
    named = {each for route in some for each in route.hosts}
    here = [r for r in some if (host in r.hosts if host in named else not r.hosts)]
    fitting = [r for r in here if r.method == "GET" and fits(r.template, path)]
    found = Router(some).match("GET", path, host)
    least = min(fitting, key=lambda r: [s.order for s in r.segments], default=None)
    if found is None:
        assert least is None or "%" in path
        return
    assert found[0] is least
    assert filled(found[0].template, found[1]) == unquote(path), "the values are those of the path"
    assert all(found[1].values())


@given(routes())
def test_the_order_of_declarations_counts_for_nothing(some: list[Route[int]]) -> None:
    shuffled = some[::-1]
    of_some, of_shuffled = (
        {hosts: tables(there) for hosts, there in by_hosts(each).items()}
        for each in (some, shuffled)
    )
    assert of_some == of_shuffled
    for path in ("/a", "/v1", "/a.b", "/a/b", "/1,a/v1", "/v1/a.b/1-a"):
        one, other = (Router(each).match("GET", path, "x") for each in (some, shuffled))
        assert one == other


def fits(template: str, path: str) -> bool:
    return re.fullmatch(path_regex(template), path) is not None
