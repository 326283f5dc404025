"""One automaton answers all about patterns: held against the naive matcher on every short text."""

from functools import lru_cache
from itertools import product

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.oracle import naive_policy

from durward.core.policy.language.automaton import (
    QUESTION,
    STAR,
    Automaton,
    Parts,
    Unit,
    Wildcard,
    includes,
    overlaps,
    places_after,
    units,
)
from durward.core.policy.language.pattern import widest
from durward.core.policy.language.wildcards import ArnGlob, Glob, compile_parts, matches
from durward.core.policy.symbolic.strings import PatternConstraint, shortest_string

PIECES: list[Unit] = ["a", "b", "ab", "aa", "ba", STAR, STAR, QUESTION]
PARTS = st.lists(st.sampled_from(PIECES), max_size=7).map(lambda found: widest(tuple(found)))
SHORT = tuple("".join(each) for length in range(7) for each in product("abx", repeat=length))
"""No pattern names the third sign, so that it stands for all others."""


def naively(parts: Parts, text: str) -> bool:
    spelled = (p.sign if isinstance(p, Wildcard) else naive_policy.quoted(p) for p in parts)
    return naive_policy.glob("".join(spelled), text)


@lru_cache(maxsize=512)
def meant(parts: Parts) -> frozenset[str]:
    return frozenset(text for text in SHORT if naively(parts, text))


texts = st.text("abx:AB\u017f\u00df\u1e9e\u212ak", max_size=9)


@settings(max_examples=100)
@given(PARTS, texts)
@example((STAR, "a", QUESTION, "b", STAR), "aab")
@example((STAR, QUESTION, STAR, QUESTION), "a")
def test_a_pattern_means_a_text_by_every_way_of_asking(parts: Parts, text: str) -> None:
    expected = naively(parts, text)
    assert compile_parts(parts)(text) is expected
    assert matches(parts, text) is expected
    assert Glob(parts).matches(text) is expected
    assert Automaton((parts,)).reads(text) is expected
    automaton = Automaton((parts,))
    state = automaton.start
    for sign in text:
        state = automaton.after(state, sign)
    assert automaton.ends(state) is expected
    assert automaton.ends(automaton.after_some(automaton.start, (text,))) is expected


@given(PARTS, texts)
def test_case_makes_no_difference_where_it_is_folded(parts: Parts, text: str) -> None:
    upper = tuple(part.upper() if isinstance(part, str) else part for part in parts)
    folded = tuple(part.casefold() if isinstance(part, str) else part for part in parts)
    assert Glob(upper, folds=True).matches(text) is naively(folded, text.casefold())


@given(st.lists(PARTS, min_size=1, max_size=4), st.text("ab:", max_size=8))
@example([(STAR,), ("b",)], "a:a:b")
@example([("a", QUESTION), ("b",)], "a::b")
def test_of_an_arn_each_segment_is_matched_on_its_own(segments: list[Parts], text: str) -> None:
    given_segments = text.split(":", len(segments) - 1)
    expected = len(given_segments) == len(segments) and all(map(naively, segments, given_segments))
    assert Automaton(segments).reads(text) is expected
    assert ArnGlob(tuple(segments)).matches(text) is expected


SMALL = st.lists(st.sampled_from(["a", "b", STAR, QUESTION]), max_size=4).map(
    lambda found: widest(tuple(found))
)


def searched(one: Parts, other: Parts, *, both: bool) -> str | None:
    """A text of the one, and of the other too or not."""
    wanted = [
        PatternConstraint((Glob(one),), matches=True),
        PatternConstraint((Glob(other),), matches=both),
    ]
    return shortest_string(wanted)


@settings(max_examples=60)
@given(SMALL, SMALL)
def test_two_patterns_overlap_where_some_text_is_meant_by_both(one: Parts, other: Parts) -> None:
    """The solver's search through both finds one there too, and no shorter one was missed."""
    found = shortest_string(
        [
            PatternConstraint((Glob(one),), matches=True),
            PatternConstraint((Glob(other),), matches=True),
        ]
    )
    assert (found is not None) is bool(meant(one) & meant(other))
    assert overlaps(one, other) is (found is not None)


@settings(max_examples=60)
@given(SMALL, SMALL)
@example((QUESTION, STAR), (STAR, QUESTION))
@example(("a", STAR), ("a", QUESTION))
@example((STAR, "a", STAR), (STAR, "a"))
@example((QUESTION, QUESTION, QUESTION, STAR), (STAR, "a"))
def test_a_pattern_includes_another_where_no_text_is_meant_by_that_alone(
    wide: Parts, narrow: Parts
) -> None:
    alone = shortest_string(
        [
            PatternConstraint((Glob(narrow),), matches=True),
            PatternConstraint((Glob(wide),), matches=False),
        ]
    )
    assert (alone is not None) is bool(meant(narrow) - meant(wide))
    assert includes(wide, narrow) is (alone is None)


def test_where_too_many_ways_lead_on_nothing_is_said_to_be_included() -> None:
    automaton = Automaton(((QUESTION, QUESTION, STAR),))
    assert automaton.after_each(automaton.start, (STAR,)) == {1, 2, 4}
    assert automaton.after_each(automaton.start, (STAR,), most=2) is None


TINY = st.lists(st.sampled_from(["a", "b", STAR, QUESTION]), max_size=3).map(
    lambda found: tuple(units(widest(tuple(found))))
)


@settings(max_examples=60)
@given(TINY, TINY)
def test_what_is_left_of_a_pattern_is_what_can_follow(read: Parts, pattern: Parts) -> None:
    """In every way to part a text of the pattern whose first half is a text of the other."""
    left = [pattern[place:] for place in places_after(read, pattern)]
    for text in (text for text in SHORT if len(text) <= 2):
        follows = any(naively(pattern, start + text) for start in meant(read))
        assert any(naively(each, text) for each in left) is follows
