"""Which new passwords are accepted (NIST SP 800-63B-4 §3.1.1.2, ASVS 5.0.0 V6.2).

Length, and how soon somebody who guesses comes to it; no rule about kinds of characters (V6.2.5).
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import pairwise
from typing import Final

LEAST_ALONE: Final = 15
"""Characters of a password that is the only factor."""
LEAST_BESIDE: Final = 8
"""Characters of a password that never signs in without a second factor."""
MOST: Final = 128
"""Characters of any; §3.1.1.2 asks for 64 or more. Each is a code point, after NFC."""
GUESSABLE_BITS: Final = 35.0
"""Below so many guesses (as a power of two) a password is guessable: who stole its hash and tries a
hundred thousand a second has it in days. Eight random letters usually have more."""

_DIGIT_BITS, _LETTER_BITS, _OTHER_BITS = math.log2(10), math.log2(26), 6.0
_EXPECTED_BITS = 3.0
_RUN_BITS = 7.0
"""Which run it is, and how long."""
_REPEAT_BITS = 6.0
_YEAR_BITS = 7.0
_YEAR: Final = re.compile(r"(?:19|20)[0-9]{2}\Z")
_LEAST_WORD = 3
_LONGEST_WORD = 40
_ROWS: Final = ("qwertyuiopasdfghjklzxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "1234567890")
_STEPS: Final = frozenset(
    step for row in _ROWS for keys in (row, row[::-1]) for step in pairwise(keys)
)
"""From a key to the next one, on the usual keyboards."""


class PasswordProblem(StrEnum):
    """Why a password is not accepted."""

    TOO_SHORT = "too short"
    TOO_LONG = "too long"
    NOT_TEXT = "not text"
    GUESSABLE = "guessable"


def problem_of(
    typed: str,
    common: Mapping[str, int],
    expected: Iterable[str] = (),
    least: int = LEAST_ALONE,
) -> PasswordProblem | None:
    """What is wrong with a new password; None if it is accepted.

    `common` has the frequent passwords, in lower case, with their ranks from 1 on; `expected` are
    the names of the person and of the service. The password that is verified later is the one that
    was typed, unchanged (ASVS V6.2.8): folding is only for comparison.
    """
    characters = len(unicodedata.normalize("NFC", typed[: 4 * MOST]))
    if characters < least:
        return PasswordProblem.TOO_SHORT
    if len(typed) > 4 * MOST or characters > MOST:
        return PasswordProblem.TOO_LONG
    if any(unicodedata.category(each) == "Cs" or each == "\x00" for each in typed):
        return PasswordProblem.NOT_TEXT
    if guess_bits(typed, common, expected) < GUESSABLE_BITS:
        return PasswordProblem.GUESSABLE
    return None


def guess_bits(typed: str, common: Mapping[str, int], expected: Iterable[str] = ()) -> float:
    """The logarithm (base 2) of the guesses until somebody comes to a password.

    They know what is frequent, expected, a run of the alphabet or of the keyboard, or a repetition,
    and join such pieces: the cheapest division into pieces counts. It takes time quadratic in the
    length, whatever was typed.
    """
    folded = fold(typed)[:MOST]  # one character may fold to eighteen; a part costs no more
    known = _expected_words(expected)
    size, runs, repeats = len(folded), _run_ends(folded), _repeat_ends(folded)
    cost = [0.0, *(math.inf for _ in folded)]
    for start, each in enumerate(folded):
        cost[start + 1] = min(cost[start + 1], cost[start] + _character_bits(each))
        for end in range(start + _LEAST_WORD, min(size, start + _LONGEST_WORD) + 1):
            bits = _word_bits(folded[start:end], common, known)
            cost[end] = min(cost[end], cost[start] + bits)
        for ends, bits in ((runs, _RUN_BITS), (repeats, _REPEAT_BITS)):
            for end in range(start + _LEAST_WORD, ends[start] + 1):
                cost[end] = min(cost[end], cost[start] + bits)
    return cost[size]


def fold(text: str) -> str:
    """The form by which passwords and words are compared."""
    return unicodedata.normalize("NFKC", text).casefold()


def _expected_words(expected: Iterable[str]) -> frozenset[str]:
    """The names, and the parts of them: `ann`, `acme` and `example` of `ann@acme.example`."""
    words: set[str] = set()
    for text in map(fold, expected):
        parts = "".join(each if each.isalnum() else " " for each in text).split()
        words.update((text, *parts))
    return frozenset(word for word in words if len(word) >= _LEAST_WORD)


def _word_bits(word: str, common: Mapping[str, int], known: frozenset[str]) -> float:
    if word in known:
        return _EXPECTED_BITS
    if _YEAR.match(word):
        return _YEAR_BITS
    rank = common.get(word)
    return math.log2(rank + 1) if rank else math.inf


def _character_bits(character: str) -> float:
    if character.isdecimal():
        return _DIGIT_BITS
    return _LETTER_BITS if "a" <= character <= "z" else _OTHER_BITS


def _run_ends(text: str) -> list[int]:
    """For each place where the run ends that begins there: `abc`, `987`, `aaa`, `qwert`."""
    ends = list(range(1, len(text) + 1))
    for place in range(len(text) - 2, -1, -1):
        step = _step(text, place)
        if step is not None:
            goes_on = step == _step(text, place + 1)
            ends[place] = ends[place + 1] if goes_on else place + 2
    return ends


def _step(text: str, place: int) -> int | None:
    """How a character leads to the next: up, down, the same, or along the keyboard."""
    if place + 1 >= len(text):
        return None
    distance = ord(text[place + 1]) - ord(text[place])
    if -1 <= distance <= 1:
        return distance
    return 2 if (text[place], text[place + 1]) in _STEPS else None


def _repeat_ends(text: str) -> list[int]:
    """For each place where the longest text ends that stands before it too."""
    size = len(text)
    ends = list(range(size))
    for distance in range(1, size):
        alike = 0
        for place in range(size - 1, distance - 1, -1):
            alike = alike + 1 if text[place] == text[place - distance] else 0
            ends[place] = max(ends[place], place + alike)
    return ends
