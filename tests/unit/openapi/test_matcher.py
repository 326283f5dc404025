"""Which operation a request means."""

import pytest

from durward.core.openapi.matcher import Matcher
from durward.core.openapi.operations import Operation


def matcher(*paths: str) -> Matcher:
    return Matcher(Operation(path, "GET", path, f"a:{path}") for path in paths)


def test_a_literal_segment_wins_over_a_variable() -> None:
    found = matcher("/{x}/b", "/a/{y}").match("GET", "/a/b")
    assert found is not None
    assert (found[0].path, found[1]) == ("/a/{y}", {"y": "b"})


def test_a_walk_that_ends_nowhere_goes_back_to_the_variable() -> None:
    found = matcher("/{x}/b", "/a/c").match("GET", "/a/b")
    assert found is not None
    assert found[1] == {"x": "a"}


def test_values_are_decoded_once() -> None:
    found = matcher("/{x}").match("GET", "/a%20b%C3%A9")
    assert found is not None
    assert found[1] == {"x": "a bé"}


@pytest.mark.parametrize(
    "path",
    [
        *("", "a", "/", "/a", "/a/", "/a/b/c", "//b", "/a/b;c", "/a/*", "/a/%2f", "/a/%00"),
        *("/a/%5C", "/a/%252f", "/a/%", "/a/%zz", "/a/%ff", "/a/é", "/A/b", "/a/b\n"),
    ],
)
def test_other_paths_match_nothing(path: str) -> None:
    assert matcher("/a/{x}").match("GET", path) is None


def test_another_method_matches_nothing() -> None:
    assert matcher("/a").match("POST", "/a") is None
