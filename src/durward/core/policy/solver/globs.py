"""A text that some patterns match and others do not, or the proof that there is none.

Each pattern is read sign by sign as a set of states in one integer (Baeza-Yates and Gonnet's
shift-and); the search goes through the product of all, shortest texts first. Signs that no pattern
names are alike, so that one of them stands for all.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from durward.core.policy.pattern import QUESTION, STAR, Wildcard
from durward.core.policy.solver.undecided import Undecided

MAX_STATES: Final = 20_000
FRESH: Final = "xyzqjwkvXYZ0123456789_"
"""Signs to choose from for where any will do."""

Parts = tuple[str | Wildcard, ...]


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern; `folds` where it takes no notice of case."""

    parts: Parts
    folds: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whether a text is to match one of the patterns, or none of them."""

    globs: tuple[Glob, ...]
    matches: bool


class _Automaton:
    """A pattern as bits: bit n is set where the first n tokens have been read."""

    __slots__ = ("_any", "_by_sign", "_loops", "accepting", "folds", "start")

    def __init__(self, glob: Glob) -> None:
        self.folds = glob.folds
        self._any = self._loops = 0
        self._by_sign: dict[str, int] = {}
        place = 0
        for part in glob.parts:
            if part == STAR:
                self._loops |= 1 << place
            elif part == QUESTION:
                self._any |= 1 << place
                place += 1
            elif isinstance(part, str):
                for sign in part.casefold() if glob.folds else part:
                    self._by_sign[sign] = self._by_sign.get(sign, 0) | 1 << place
                    place += 1
        self.accepting = 1 << place
        self.start = 1

    @property
    def signs(self) -> Iterator[str]:
        """The signs that it names."""
        for sign in self._by_sign:
            yield sign
            if self.folds:
                yield sign.upper()

    def after(self, state: int, sign: str) -> int:
        """The state that a sign leads to."""
        known = self._by_sign.get(sign.casefold() if self.folds else sign, 0)
        return (state & (known | self._any)) << 1 | (state & self._loops)


def text_of(wanted: Sequence[Wanted]) -> str | None:
    """The shortest text that is as all of them want it. Raises Undecided where that is too hard."""
    groups = [([_Automaton(glob) for glob in each.globs], each.matches) for each in wanted]
    automata = [automaton for listed, _ in groups for automaton in listed]
    named = dict.fromkeys(sign for automaton in automata for sign in automaton.signs)
    fresh = next((sign for sign in FRESH if sign not in named), "\u2022")
    alphabet = [fresh, *named]
    start = tuple(automaton.start for automaton in automata)
    seen, waiting = {start}, deque([(start, "")])
    while waiting:
        states, text = waiting.popleft()
        if _fits(states, groups):
            return text
        for sign in alphabet:
            then = tuple(
                automaton.after(state, sign)
                for automaton, state in zip(automata, states, strict=True)
            )
            if then not in seen and _hopeful(then, groups):
                seen.add(then)
                if len(seen) > MAX_STATES:
                    raise Undecided("the patterns are too entangled")
                waiting.append((then, text + sign))
    return None


Groups = Sequence[tuple[list[_Automaton], bool]]


def _fits(states: tuple[int, ...], groups: Groups) -> bool:
    place = 0
    for automata, matches in groups:
        ends = False
        for automaton in automata:
            ends = ends or bool(states[place] & automaton.accepting)
            place += 1
        if ends is not matches:
            return False
    return True


def _hopeful(states: tuple[int, ...], groups: Groups) -> bool:
    """Whether each group that is to match still can."""
    place = 0
    for automata, matches in groups:
        alive = any(states[place : place + len(automata)])
        place += len(automata)
        if matches and not alive:
            return False
    return True
