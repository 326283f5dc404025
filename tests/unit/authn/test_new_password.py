"""New passwords: their length, and how soon somebody who guesses comes to them."""

import string
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durward.core.authn.new_password import (
    GUESSABLE_BITS,
    LEAST_BESIDE,
    MOST,
    PasswordProblem,
    guess_bits,
    problem_of,
)

COMMON = {"password": 1, "123456": 2, "iloveyou": 5, "dragon": 9, "monkey": 14, "sommer": 20_000}
EXPECTED = ("p_1", "Cleo Jones", "acme", "cleo", "cleo@acme.example", "durward")
GOOD = "vier alte Birnen"
WIDE = "passwordpassword".translate({each: each + 0xFEE0 for each in range(0x21, 0x7F)})
"""Full-width forms of ASCII (U+FF01 and on)."""


def judged(typed: str, least: int = 15) -> PasswordProblem | None:
    return problem_of(typed, COMMON, EXPECTED, least)


@pytest.mark.requirement("ZT-16", "AS-93")
@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        (GOOD, None),
        (GOOD[:15], None),
        (GOOD[:14], PasswordProblem.TOO_SHORT),
        ("", PasswordProblem.TOO_SHORT),
        ("vier Birnen " * 6, None),
        ((GOOD * 9)[:MOST], None),
        ((GOOD * 9)[: MOST + 1], PasswordProblem.TOO_LONG),
        (GOOD * 4_000, PasswordProblem.TOO_LONG),
        ("birnenundquitten", None),
        ("Zwölf Bäume 冬 ❄", None),
        (GOOD + "\x00", PasswordProblem.NOT_TEXT),
        (GOOD + "\ud800", PasswordProblem.NOT_TEXT),
    ],
)
def test_length_and_text_are_asked_for_and_no_kinds_of_characters(
    typed: str, problem: PasswordProblem | None
) -> None:
    assert judged(typed) is problem


@pytest.mark.requirement("ZT-16")
def test_a_character_is_a_code_point_after_composition_however_it_was_typed() -> None:
    composed = "Zwölf Ölbäume ü"
    assert len(composed) == 15
    assert judged(composed) is None
    assert judged(composed[:-1]) is PasswordProblem.TOO_SHORT
    taken_apart = unicodedata.normalize("NFD", composed[:-1])
    assert len(taken_apart) > 15
    assert judged(taken_apart) is PasswordProblem.TOO_SHORT


@pytest.mark.requirement("ZT-16")
def test_beside_a_second_factor_eight_characters_are_enough() -> None:
    assert judged("gq7vbxzk", LEAST_BESIDE) is None
    assert judged("gq7vbxz", LEAST_BESIDE) is PasswordProblem.TOO_SHORT
    assert judged("password", LEAST_BESIDE) is PasswordProblem.GUESSABLE


@pytest.mark.requirement("ZT-16", "AS-93")
@pytest.mark.parametrize(
    "typed",
    [
        "passwordpassword",
        "PasswordPassword1!",
        WIDE,
        "password12345678",
        "iloveyoudragonmonkey",
        "aaaaaaaaaaaaaaaa",
        "abcabcabcabcabcabc",
        "987654321987654321",
        "abcdefghijklmnop",
        "qwertyuiopasdfghjkl",
        "qwertzuiopqwertzuiop",
        "cleo@acme.example",
        "cleo-jones-acme-2026",
        "CLEO.JONES.DURWARD",
        "Sommer2026Sommer2026",
        "一丁丂七丄丅丆万丈三上下丌不与丏",
    ],
)
def test_what_is_frequent_or_expected_or_regular_is_refused(typed: str) -> None:
    assert judged(typed) is PasswordProblem.GUESSABLE


@pytest.mark.requirement("ZT-16")
def test_only_the_whole_password_counts_and_not_that_a_word_is_in_it() -> None:
    assert judged("mypassword is monkey-proof") is None
    assert judged("cleo likes bitter melons") is None


def test_a_password_is_no_easier_for_one_more_piece() -> None:
    bits = guess_bits("dragon", COMMON)
    assert bits < guess_bits("dragonmonkey", COMMON) < guess_bits("dragonmonkey7x", COMMON)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=140))
def test_every_text_gets_an_answer(typed: str) -> None:
    problem = judged(typed)
    bits = guess_bits(typed, COMMON, EXPECTED)
    assert bits >= 0
    if problem is None:
        assert bits >= GUESSABLE_BITS
        assert 15 <= len(unicodedata.normalize("NFC", typed)) <= MOST


@given(st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=40))
def test_to_know_more_makes_no_password_harder(typed: str) -> None:
    assert guess_bits(typed, COMMON, EXPECTED) <= guess_bits(typed, {})


@pytest.mark.alone
@pytest.mark.parametrize(
    "typed", ["ab" * 64, "4@8({[<3691!|0$5+7%2" * 6, "a" * 128, "\ufdfa" * 128]
)
def test_to_judge_takes_milliseconds_whatever_was_typed(typed: str) -> None:
    took = []
    for _ in range(3):
        began = time.thread_time()
        judged(typed)
        took.append(time.thread_time() - began)
    assert min(took) < 0.1
