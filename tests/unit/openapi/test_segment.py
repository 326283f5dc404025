"""Segments of path templates: what they fit, and how it is read."""

import re
from itertools import product

import pytest

from durward.core.openapi.segment import Segment, segment_of

SHAPES = ["a", "{}", "{}.json", "v{}", "v{}.json", "{}:go", "{},{}", "v{},{}", "{}-{}", "{}..{}"]
SHAPES += [
    "{}..{}.{}",
    "{},{}.{}",
    "{}-a-{}",
    "{}a-{}.v",
    "a{}.{}a",
    "{}--{},{}",
    "{}.{}.{}",
    "{}..{}..{}",
]
TEXTS = ["".join(each) for size in range(1, 6) for each in product("av.,-", repeat=size)]
TEXTS += ["a.json", "v1.json", ".json", "v.json", "a:go", "a.json.json", "v", "a,b.json"]


@pytest.mark.parametrize(
    ("shape", "text", "values"),
    [
        ("a", "a", ()),
        ("a", "b", None),
        ("{}", "b", ("b",)),
        ("{}.json", "b.json", ("b",)),
        ("{}.json", "b.json.json", ("b.json",)),
        ("{}.json", ".json", None),
        ("v{}", "v", None),
        ("v{}", "vv", ("v",)),
        ("a{}a", "aa", None),
        ("a{}a", "aaa", ("a",)),
        ("{}:activate", "x:y:activate", ("x:y",)),
        ("{},{}", "1,2", ("1", "2")),
        ("{},{}", "1,2,3", None),
        ("{},{}", ",2", None),
        ("{}..{}", "a..b", ("a", "b")),
        ("{}..{}", "a...b", None),
        ("{}..{}", "1.0..2.0", ("1.0", "2.0")),
        ("{}..{}", "main..feature-1.2", ("main", "feature-1.2")),
        ("{}..{}", "a..b..c", None),
        ("{}...{}", "v1..0...v1.1", ("v1..0", "v1.1")),
        ("{}...{}", "v1....v2", None),
        ("{},{},{}.{}", "-1.5,2.5,3.png", ("-1.5", "2.5", "3", "png")),
        ("{},{},{}.{}", "-1.5,2.5,3.5.png", None),
        ("{},{}.{}", "-1.5,2.png", ("-1.5", "2", "png")),
        ("{},{}.{}", "1,2.5.png", None),
        ("{}..{}.{}", "a..b.c", ("a", "b", "c")),
        ("{}..{}.{}", "a.x..b.c", ("a.x", "b", "c")),
        ("{}..{}.{}", "a..b.x.c", None),
        ("f(a='{}',b='{}')", "f(a='1',b='2,b')", ("1", "2,b")),
        ("f(a='{}',b='{}')", "f(a='1',b='2',b='3')", None),
        ("{}-x-{}", "a-x-b", ("a", "b")),
        ("{}-x-{}", "a-x-x-b", None),
    ],
)
def test_how_a_text_is_read(shape: str, text: str, values: tuple[str, ...] | None) -> None:
    assert segment_of(shape).read(text) == values


@pytest.mark.parametrize("shape", SHAPES)
def test_the_expression_fits_what_is_read(shape: str) -> None:
    """Envoy's expression and `read` agree on every text of the characters that are allowed."""
    segment = segment_of(shape)
    for text in TEXTS:
        assert bool(re.fullmatch(segment.regex, text)) == (segment.read(text) is not None), text


def ways(texts: tuple[str, ...], text: str) -> int:
    """In how many ways a text can be parted at all, whatever characters values have."""
    if len(texts) == 1:
        return text == texts[0]
    if not text.startswith(texts[0]):
        return 0
    rest = text[len(texts[0]) :]
    return sum(ways(texts[1:], rest[end:]) for end in range(1, len(rest) + 1))


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_read_can_be_read_in_one_way(shape: str) -> None:
    """A service that reads by another rule (greedy, or from the end) finds the same values."""
    for text in TEXTS:
        if segment_of(shape).read(text) is not None:
            assert ways(segment_of(shape).texts, text) == 1, text


def test_two_that_share_no_text_are_told_apart() -> None:
    """`may_share` is exact for one variable, and never says no where a text fits both."""
    for one, other in product(map(segment_of, SHAPES), repeat=2):
        shared = any(one.read(text) is not None and other.read(text) is not None for text in TEXTS)
        longer = one.texts[0] + other.texts[0] + "x" + one.texts[-1] + other.texts[-1]
        shared |= one.read(longer) is not None and other.read(longer) is not None
        assert one.may_share(other) >= shared, (one, other)
        if not (one.has_several or other.has_several):
            assert one.may_share(other) == shared or len(one.texts) * len(other.texts) > 1


@pytest.mark.parametrize(
    ("one", "other", "tied"),
    [
        ("{}.{}", "{}-{}", True),
        ("v{}.{}", "v{}-{}", True),
        ("{}.{}", "{}.{}.{}", False),
        ("{}.{}", "{}.json", False),
        ("{}.{}", "{}", False),
        ("v{}.{}", "v{}", False),
        ("{}.{}", "{}.{}", False),
        ("v{}.{}", "w{}-{}", False),
    ],
)
def test_two_of_several_variables_may_be_tied(one: str, other: str, tied: bool) -> None:
    assert segment_of(one).is_tied_with(segment_of(other)) is tied
    assert segment_of(other).is_tied_with(segment_of(one)) is tied


def test_literal_text_is_before_mixed_before_a_variable() -> None:
    shapes = ["{}", "v{}", "{}.json", "version{}", "v{}.{}", "me", "v{}.json"]
    ordered = sorted(map(segment_of, shapes), key=lambda each: each.order)
    assert ordered == [
        segment_of(each)
        for each in ("me", "version{}", "v{}.json", "v{}.{}", "v{}", "{}.json", "{}")
    ]
    assert segment_of("{}.json") == Segment(("", ".json"))
