"""A pattern with `*` and `?` as an automaton: it matches strings, and is compared with patterns.

This is the shift-and algorithm of Baeza-Yates and Gonnet (CACM 35, 1992): the states are one
integer, whose bit n is set if the first n tokens have been read. A token is a character or a `?`; a
`*` keeps a bit where it is. There is no backtracking: the time is linear in the string.

The input may be a pattern too. For an overlap, each of its wildcards is read as any string: the
states are those that some string of the input leads to; at the end they say whether the patterns
share a string, and what remains of one pattern when the other has been read. For an inclusion, each
wildcard is read as characters that the automaton does not name: these match least.

Without regard to case, a character is read as what `str.casefold` makes of it: `ẞ` as `ss`, the
Kelvin sign as `k`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MAX_WAYS: Final = 100
"""The most sets of states that are followed at once, where each string of a pattern counts."""


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*` or `?`."""

    sign: str


STAR, QUESTION = Wildcard("*"), Wildcard("?")
Parts = tuple[str | Wildcard, ...]
"""Strings and wildcards, in their order."""
Unit = str | Wildcard
"""One character, `?` or `*`."""


def units(parts: Iterable[Unit]) -> Iterator[Unit]:
    """The parts, character by character."""
    for part in parts:
        if isinstance(part, str):
            yield from part
        else:
            yield part


class Automaton:
    """Matches a string of segments that are separated by colons; most patterns have one segment.

    In each segment but the last, a wildcard matches no colon. An automaton is immutable.
    """

    __slots__ = ("_all", "_kept", "_named", "_others", "_whole", "folds")

    start: Final = 1

    def __init__(self, segments: Sequence[Parts], *, folds: bool = False) -> None:
        self.folds = folds
        named: dict[str, int] = {}
        anything = kept = inner = 0
        bit = 1
        for number, parts in enumerate(segments):
            if number:
                named[":"] = named.get(":", 0) | bit
                bit <<= 1
                inner = bit - 1
            for part in parts:
                if isinstance(part, str):
                    for sign in part.casefold() if folds else part:
                        named[sign] = named.get(sign, 0) | bit
                        bit <<= 1
                elif part.sign == STAR.sign:
                    kept |= bit
                else:
                    anything |= bit
                    bit <<= 1
        self._whole = bit
        self._all = bit - 1
        self._kept = kept
        self._others = (anything, kept)
        self._named = {sign: (found | anything, kept) for sign, found in named.items()}
        if inner:
            self._named[":"] = (named[":"] | anything & ~inner, kept & ~inner)

    @property
    def signs(self) -> Iterator[str]:
        """The characters that the pattern names."""
        for sign in self._named:
            yield sign
            if self.folds and len(sign.upper()) == 1:
                yield sign.upper()

    def reads(self, text: str) -> bool:
        """Whether the pattern matches the whole string."""
        state, named, others = self.start, self._named, self._others
        for sign in text.casefold() if self.folds else text:
            passing, kept = named.get(sign, others)
            state = (state & passing) << 1 | state & kept
            if not state:
                return False
        return self.ends(state)

    def after(self, state: int, sign: str) -> int:
        """The states that a character leads to."""
        for each in sign.casefold() if self.folds else sign:
            passing, kept = self._named.get(each, self._others)
            state = (state & passing) << 1 | state & kept
        return state

    def after_some(self, state: int, parts: Iterable[Unit]) -> int:
        """The states that any string of a pattern leads to; only for case-sensitive patterns."""
        for unit in units(parts):
            if unit == STAR:  # every token can be read, from the first that is reached
                state = (self._whole << 1) - (state & -state) if state else 0
            elif unit == QUESTION:
                state = (state & self._all) << 1 | state & self._kept
            else:
                passing, kept = self._named.get(str(unit), self._others)
                state = (state & passing) << 1 | state & kept
        return state

    def after_each(
        self, state: int, parts: Iterable[Unit], most: int = MAX_WAYS
    ) -> set[int] | None:
        """The minimal sets of states that strings of a pattern lead to; for case-sensitive ones.

        What all of these sets can still read, is read after any string of the pattern. None if
        there are more of them than `most`.
        """
        states = {state}
        for unit in units(parts):
            if unit == STAR:
                states = self._after_runs(states)
            else:
                passing, kept = self._named.get(str(unit), self._others)
                if unit == QUESTION:
                    passing, kept = self._others
                states = {(each & passing) << 1 | each & kept for each in states}
            states = _least(states)
            if len(states) > most:
                return None
        return states

    def _after_runs(self, states: set[int]) -> set[int]:
        """The states after any number of characters that the pattern does not name."""
        passing, kept = self._others
        found, waiting = set(states), [*states]
        while waiting:  # each sign leads on towards the end, or changes nothing more
            state = waiting.pop()
            then = (state & passing) << 1 | state & kept
            if then not in found:
                found.add(then)
                waiting.append(then)
        return found

    def ends(self, state: int) -> bool:
        """Whether the pattern has been read to its end."""
        return bool(state & self._whole)

    def is_hopeful(self, state: int) -> bool:
        """Whether the pattern can still be read to its end."""
        return bool(state)


def _least(states: set[int]) -> set[int]:
    """The minimal sets of states: what these can read, their supersets can read too."""
    found: list[int] = []
    for state in sorted(states, key=int.bit_count):
        if not any(each & state == each for each in found):
            found.append(state)
    return set(found)


@lru_cache(maxsize=4096)
def automaton_of(segments: tuple[Parts, ...], folds: bool = False) -> Automaton:  # noqa: FBT001, FBT002
    """The automaton of a pattern, cached."""
    return Automaton(segments, folds=folds)


@lru_cache(maxsize=4096)
def overlaps(one: Parts, other: Parts) -> bool:
    """Whether some string matches both patterns."""
    automaton = automaton_of((other,))
    return automaton.ends(automaton.after_some(automaton.start, one))


@lru_cache(maxsize=4096)
def includes(wide: Parts, narrow: Parts) -> bool:
    """Whether `wide` matches every string of `narrow`; False if that takes too many states."""
    automaton = automaton_of((wide,))
    states = automaton.after_each(automaton.start, narrow)
    return states is not None and all(map(automaton.ends, states))


def places_after(read: Iterable[Unit], pattern: Sequence[Unit]) -> list[int]:
    """The places from which a pattern can continue after some string of another has been read.

    A `*` at such a place belongs to what remains: with it, that matches more.
    """
    automaton = Automaton((tuple(pattern),))
    state = automaton.after_some(automaton.start, read)
    places = [0, *(place for place, unit in enumerate(pattern, start=1) if unit != STAR)]
    return [place for at, place in enumerate(places) if state >> at & 1]
