"""Texts that are as it is wanted: held against every short text there is."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from durward.core.policy.language.automaton import QUESTION, STAR, Parts
from durward.core.policy.language.pattern import widest
from durward.core.policy.language.wildcards import ArnGlob, Glob
from durward.core.policy.symbolic.addresses import LikeIpv6, Within
from durward.core.policy.symbolic.numbers import ALL, NoNumber, Number
from durward.core.policy.symbolic.strings import (
    OfSigns,
    Pattern,
    PatternConstraint,
    Unlike,
    shortest_string,
)
from durward.core.policy.symbolic.unknown import Unknown

SIGNS = "015.e-a"
LONGEST = 4
PARTS = st.lists(st.sampled_from(["1", "0", "5", "a", "e", ".", STAR, QUESTION]), max_size=4)
GLOBS = st.builds(lambda parts, folds: Glob(widest(tuple(parts)), folds), PARTS, st.booleans())
CONSTANTS = st.sampled_from(["0", "1", "-1", "5", "10", "0.5", "1e5", "-0.1", "150", "1e-5", "11"])
RELATIONS = st.sets(st.sampled_from(sorted(ALL)), min_size=1, max_size=2)
NUMBERS = st.builds(
    lambda found, text: Number(frozenset(found), Decimal(text)), RELATIONS, CONSTANTS
)
OTHERS: st.SearchStrategy[Pattern] = st.one_of(
    st.just(NoNumber()), st.builds(Unlike, GLOBS), st.sampled_from([OfSigns("01."), OfSigns("e5")])
)
WANTED = st.builds(
    lambda listed, matches: PatternConstraint(tuple(listed), matches),
    st.lists(st.one_of(GLOBS, NUMBERS, OTHERS), min_size=1, max_size=2),
    st.booleans(),
)


def short_texts() -> Iterator[str]:
    for length in range(LONGEST + 1):
        yield from map("".join, product(SIGNS, repeat=length))


SHORT = tuple(short_texts())


@settings(max_examples=100, deadline=None)
@given(st.lists(WANTED, min_size=1, max_size=3))
def test_a_text_is_found_where_there_is_one(wanted: list[PatternConstraint]) -> None:
    try:
        found = shortest_string(wanted)
    except Unknown:
        return
    if found is not None:
        assert all(each.fits(found) for each in wanted)
        return
    assert not [text for text in SHORT if all(each.fits(text) for each in wanted)]


ADDRESSES = st.builds(Within, st.sampled_from([0, 1, 5 << 24, 10 << 24]), st.just(11 << 24))
IP_SHORT = [
    text
    for octets in product(["0", "1", "5", "05", "10", "11", "256"], repeat=2)
    for text in (
        f"{octets[0]}.0.0.{octets[1]}",
        f"{octets[0]}.{octets[1]}.0",
        f" {octets[0]}.0.0.1",
    )
]
IP_GLOBS: st.SearchStrategy[Glob] = st.sampled_from(
    [Glob(("1", STAR)), Glob((STAR, "5")), Glob(("10.", STAR)), Glob((QUESTION, ".0", STAR))]
)


@settings(max_examples=60, deadline=None)
@given(ADDRESSES, ADDRESSES, IP_GLOBS, st.booleans())
def test_an_address_is_found_by_its_range_and_its_spelling(
    one: Within, other: Within, glob: Glob, matches: bool
) -> None:
    wanted = [
        PatternConstraint((one,), True),
        PatternConstraint((other,), matches),
        PatternConstraint((glob,), True),
    ]
    found = shortest_string(wanted)
    if found is not None:
        assert all(each.fits(found) for each in wanted)
        return
    assert not [text for text in IP_SHORT if all(each.fits(text) for each in wanted)]


def test_every_address_of_ipv6_is_written_as_one() -> None:
    for text in (
        "::",
        "::1",
        "1::",
        "fe80::1 ",
        "::ffff:10.0.0.1",
        "1:2:3:4:5:6:7:8",
        "A::B",
        "0::ffff:a:b",
    ):
        assert LikeIpv6().matches(text)
        assert LikeIpv6(is_mapped=True).matches(text) is (text[0] in "0:")
    for text in ("", "10.0.0.1", "10.0.0.1:2", "1.2::", "x::", ": :", "abc"):
        assert not LikeIpv6().matches(text)


SEGMENTS: list[Parts] = [(), ("a",), (STAR,), (QUESTION,), ("a", STAR), (STAR, "a")]
SEGMENT = st.sampled_from(SEGMENTS)
ARNS = st.builds(lambda *segments: ArnGlob(segments), SEGMENT, SEGMENT, SEGMENT)
ARN_SHORT = [text for n in range(6) for text in map("".join, product("ab:", repeat=n))]


@settings(max_examples=100, deadline=None)
@given(ARNS, ARNS, GLOBS)
def test_a_wildcard_of_an_arn_means_no_colon_but_in_the_last_segment(
    one: ArnGlob, other: ArnGlob, glob: Glob
) -> None:
    wanted = [PatternConstraint((one,), True), PatternConstraint((other, glob), False)]
    found = shortest_string(wanted)
    if found is not None:
        assert all(each.fits(found) for each in wanted)
        return
    assert not [text for text in ARN_SHORT if all(each.fits(text) for each in wanted)]
