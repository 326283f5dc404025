"""A text with `*` and `?` as an automaton, from which all that is asked about it follows.

This is the shift-and of Baeza-Yates and Gonnet (CACM 35, 1992): the states are one integer, whose
bit n is set where the first n tokens have been read. A token is a sign or a `?`; a `*` lets a bit
stay where it is. So nothing is tried twice, and a text takes time by its length alone.

What is read may be a pattern too, of which each wildcard is read as whatever suits: then the states
are those to which some text of it leads. At the end they tell whether both patterns share a text,
and what is left of the one where the other has been read. Whether one includes the other is asked
of every text: there each wildcard is read as signs that are named nowhere, which is the least that
it can be.

Where case makes no difference, a sign is read as what it folds to, as `str.casefold` does it:
`\u1e9e` as `ss`, the sign for Kelvin as `k`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MAX_WAYS: Final = 100
"""Of how many sets of states it is gone on from where each text is asked about."""


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*` or `?`."""

    sign: str


STAR, QUESTION = Wildcard("*"), Wildcard("?")
Parts = tuple[str | Wildcard, ...]
"""Texts and wildcards, in their order."""
Unit = str | Wildcard
"""One sign, `?` or `*`."""


def units(parts: Iterable[Unit]) -> Iterator[Unit]:
    """The parts, a sign each."""
    for part in parts:
        if isinstance(part, str):
            yield from part
        else:
            yield part


class Automaton:
    """What reads a text of some segments, between which a colon stands; mostly it is one.

    In each segment but the last, a wildcard means no colon. It is not changed once it is built.
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
        """The signs that it names."""
        for sign in self._named:
            yield sign
            if self.folds and len(sign.upper()) == 1:
                yield sign.upper()

    def reads(self, text: str) -> bool:
        """Whether the whole text is meant."""
        state, named, others = self.start, self._named, self._others
        for sign in text.casefold() if self.folds else text:
            passing, kept = named.get(sign, others)
            state = (state & passing) << 1 | state & kept
            if not state:
                return False
        return self.ends(state)

    def after(self, state: int, sign: str) -> int:
        """The states that a sign leads to."""
        for each in sign.casefold() if self.folds else sign:
            passing, kept = self._named.get(each, self._others)
            state = (state & passing) << 1 | state & kept
        return state

    def after_some(self, state: int, parts: Iterable[Unit]) -> int:
        """The states that some text of a pattern leads to; where case matters."""
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
        """The states to which each text of a pattern leads, the least of them; where case matters.

        What all of these can still read, is read after any text of it. None where there are more of
        them than `most`.
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
        """After any number of signs that are not named."""
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
        """Whether all of it has been read."""
        return bool(state & self._whole)

    def is_hopeful(self, state: int) -> bool:
        """Whether all of it can still be read."""
        return bool(state)


def _least(states: set[int]) -> set[int]:
    """Those that have none of the others in them: what these read, the others read too."""
    found: list[int] = []
    for state in sorted(states, key=int.bit_count):
        if not any(each & state == each for each in found):
            found.append(state)
    return set(found)


@lru_cache(maxsize=4096)
def automaton_of(segments: tuple[Parts, ...], folds: bool = False) -> Automaton:  # noqa: FBT001, FBT002
    """What reads a text of such segments, built once."""
    return Automaton(segments, folds=folds)


@lru_cache(maxsize=4096)
def overlaps(one: Parts, other: Parts) -> bool:
    """Whether some text is meant by both."""
    automaton = automaton_of((other,))
    return automaton.ends(automaton.after_some(automaton.start, one))


@lru_cache(maxsize=4096)
def includes(wide: Parts, narrow: Parts) -> bool:
    """Whether every text that the one means is meant by the other; False where that is too hard."""
    automaton = automaton_of((wide,))
    states = automaton.after_each(automaton.start, narrow)
    return states is not None and all(map(automaton.ends, states))


def places_after(read: Iterable[Unit], pattern: Sequence[Unit]) -> list[int]:
    """Where a pattern, of which each unit stands alone, can go on when a text of one was read.

    A `*` there is a part of what follows: with it that means more, and all else too.
    """
    automaton = Automaton((tuple(pattern),))
    state = automaton.after_some(automaton.start, read)
    places = [0, *(place for place, unit in enumerate(pattern, start=1) if unit != STAR)]
    return [place for at, place in enumerate(places) if state >> at & 1]
