"""Anchors, aliases and merge keys: read in documents of strangers, within bounds."""

import pytest

from durward.core.policy.language.source import PolicyError, parse_text, place_finder
from durward.core.wire import Json


def read(text: str, *, limit_bytes: int = 10_000, limit_depth: int = 10) -> Json:
    return parse_text(
        text.encode(), "a.yaml", limit_bytes=limit_bytes, limit_depth=limit_depth, aliases=True
    )


def refusal(text: str, *, limit_bytes: int = 10_000, limit_depth: int = 10) -> str:
    with pytest.raises(PolicyError) as caught:
        read(text, limit_bytes=limit_bytes, limit_depth=limit_depth)
    (problem,) = caught.value.problems
    assert problem.line
    return problem.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &x [1, {b: 2}]\nc: *x\n", {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}),
        ("a: &x 1\nb: [*x, *x]\n", {"a": 1, "b": [1, 1]}),
        ("a: &x\nb: *x\n", {"a": None, "b": None}),
        ("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}),
        ("a: &x {b: &y {c: 1}}\nd: *y\n", {"a": {"b": {"c": 1}}, "d": {"c": 1}}),
        ("&x k: 1\n", {"k": 1}),
    ],
)
def test_an_alias_is_what_its_anchor_marks(text: str, value: Json) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\n", {"p": 1, "q": 3}),
        ("a: &x {p: 1, q: 2}\nb: {q: 3, <<: *x}\n", {"p": 1, "q": 3}),
        ("a: [&x {p: 1}, &y {p: 2, r: 4}]\nb: {<<: [*x, *y]}\n", {"p": 1, "r": 4}),
        ("a: &x {p: 1}\nm: &y {<<: *x, s: 5}\nb: {<<: *y}\n", {"p": 1, "s": 5}),
        ("b: {<<: {p: 1}}\n", {"p": 1}),
        ("b: {'<<': 1}\n", {"<<": 1}),
    ],
)
def test_a_merge_key_adds_members_that_are_not_written(text: str, value: Json) -> None:
    found = read(text)
    assert isinstance(found, dict)
    assert found["b"] == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: *x\n", "not defined before"),
        ("a: *x\nb: &x 1\n", "not defined before"),
        ("a: &x [*x]\n", "contains itself"),
        ("a: &x {<<: *x}\n", "contains itself"),
        ("a: &x {}\n*x : 1\n", "a key must be a string"),
        ("a: &x 1\nb: {<<: *x}\n", "merges mappings alone"),
        ("a: &x {}\nb: {<<: [*x, 1]}\n", "merges mappings alone"),
        ("a: {b: 1, b: 2}\n", "occurs twice"),
        ("a: &x {s: 1}\nb: &y {s: 2}\nc: {<<: *x, <<: *y}\n", "`<<` occurs twice"),
    ],
)
def test_an_ambiguous_yaml_text_is_refused(text: str, why: str) -> None:
    assert why in refusal(text)


def test_repetition_by_aliases_is_bounded_as_if_it_were_written() -> None:
    """Ten lines that would be a thousand million texts."""
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 10)]
    assert "aliases repeat more than" in refusal("\n".join(lines))
    long = "a: &x " + "y" * 4_000
    assert read(f"{long}\nb: [*x, *x]\n")
    assert "aliases repeat more than" in refusal(f"{long}\nb: [*x, *x, *x]\n")


def test_an_alias_nests_as_deep_as_its_anchor() -> None:
    deep = "a: &x [[[1]]]\n"
    assert read(f"{deep}b: [[[*x]]]\n", limit_depth=7)
    assert "nested over 6 levels" in refusal(f"{deep}b: [[[*x]]]\n", limit_depth=6)
    inner = "a: &x [[1]]\nb: &y [*x]\nc: [[[[*y]]]]\n"
    assert read(inner, limit_depth=8)
    assert "nested over" in refusal(inner, limit_depth=7)


def test_policies_and_declarations_have_no_aliases() -> None:
    for text in (b"a: &x 1", b"a: *x", b"&x a: 1", b"a: {<<: {b: 1}}"):
        with pytest.raises(PolicyError, match=r"anchors and aliases|merges"):
            parse_text(text, "a.yaml")


def test_the_place_of_a_repeated_value_is_that_of_its_alias() -> None:
    text = b"a: &x {p: {q: 1}}\nb:\n  c: *x\n  d: 1\n"
    place = place_finder(text)
    assert place("/b/c/p/q") == (3, 6)
    assert place("/b/d") == (4, 6)
