"""A text that some patterns match and others do not, or the proof that there is none.

Each pattern is read sign by sign as a set of states in one integer (Baeza-Yates and Gonnet's
shift-and); the search goes through the product of all, shortest texts first. Signs that no pattern
names are alike, so that one of them stands for all. Where case makes no difference, a sign is read
as what it folds to, as `str.casefold` does it: `\u1e9e` as `ss`, the sign for Kelvin as `k`.
"""

from collections import defaultdict, deque
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, count
from typing import Final

from durward.core.policy.pattern import QUESTION, STAR, Wildcard
from durward.core.policy.pattern import matches as fits_whole
from durward.core.policy.solver.undecided import Undecided

MAX_STATES: Final = 20_000
MAX_CLASS_STATES: Final = 1_000
FRESH: Final = "xyzqjwkv0123456789_"
"""Signs to choose from for where any will do; then those from `OTHER` on."""
OTHER: Final = 0x2022
LAST_WITH_CASE: Final = 0x1E943

Parts = tuple[str | Wildcard, ...]


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern; `folds` where it takes no notice of case."""

    parts: Parts
    folds: bool = False

    def matches(self, text: str) -> bool:
        """Whether it means the whole text."""
        if not self.folds:
            return fits_whole(self.parts, text)
        parts = tuple(part.casefold() if isinstance(part, str) else part for part in self.parts)
        return fits_whole(parts, text.casefold())


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
            if self.folds and len(sign.upper()) == 1:
                yield sign.upper()

    def after(self, state: int, sign: str) -> int:
        """The state that a sign leads to."""
        for each in sign.casefold() if self.folds else sign:
            known = self._by_sign.get(each, 0)
            state = (state & (known | self._any)) << 1 | (state & self._loops)
        return state


def text_of(wanted: Sequence[Wanted]) -> str | None:
    """The shortest text that is as all of them want it. Raises Undecided where that is too hard."""
    return _text_of(tuple(wanted))


@lru_cache(maxsize=1024)
def _text_of(wanted: tuple[Wanted, ...]) -> str | None:
    groups = [([_Automaton(glob) for glob in each.globs], each.matches) for each in wanted]
    automata = [automaton for listed, _ in groups for automaton in listed]
    named = dict.fromkeys(sign for automaton in automata for sign in automaton.signs)
    alphabet = [fresh_sign(named), *named]
    found = _shortest(groups, automata, alphabet)
    if found is None and len({automaton.folds for automaton in automata}) > 1:
        # Where one takes notice of case and another does not, every spelling can be the one.
        rare = {rare for sign in named for rare in _spelled().get(sign, ())} - named.keys()
        found = _shortest(groups, automata, [*alphabet, *sorted(rare)])
    return found


@lru_cache(maxsize=256)
def classes_of(globs: tuple[Glob, ...], fresh: str) -> list[str]:
    """A text of each kind that the patterns tell apart, with the fresh sign in it if one has it.

    Of a kind without one each text stands that the patterns take other ways. Raises Undecided.
    """
    automata = [_Automaton(glob) for glob in globs]
    named = dict.fromkeys(sign for automaton in automata for sign in automaton.signs)
    start = tuple(automaton.start for automaton in automata)
    seen, waiting = {(start, False)}, deque([(start, "")])
    texts: dict[tuple[bool, ...], list[str]] = {}
    while waiting:
        states, text = waiting.popleft()
        pairs = zip(automata, states, strict=True)
        kind = tuple(bool(state & automaton.accepting) for automaton, state in pairs)
        texts.setdefault(kind, []).append(text)
        for sign in (fresh, *named):
            then = tuple(
                automaton.after(state, sign)
                for automaton, state in zip(automata, states, strict=True)
            )
            is_fresh = fresh in text or sign == fresh
            if (then, is_fresh) not in seen:
                seen.add((then, is_fresh))
                if len(seen) > MAX_CLASS_STATES:
                    raise Undecided("the patterns for a variable are too entangled")
                waiting.append((then, text + sign))
    found: list[str] = []
    for listed in texts.values():
        own = [text for text in listed if fresh in text]
        found += own[:1] or listed
    return found


def fresh_sign(named: Container[str]) -> str:
    """A sign that is none of those."""
    signs = chain(FRESH, map(chr, count(OTHER)))
    return next(sign for sign in signs if sign not in named)


@lru_cache(maxsize=1)
def _spelled() -> dict[str, list[str]]:
    """The signs that fold to something else, by what that begins with."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for sign in map(chr, range(LAST_WITH_CASE)):
        folded = sign.casefold()
        if folded != sign:
            found[folded[0]].append(sign)
    return dict(found)


def spellings(texts: Iterable[str]) -> Iterator[str]:
    """All texts that fold to the same as one of these; the text itself first."""
    for text in texts:
        yield text
        yield from (each for each in _spellings(text.casefold()) if each != text)


def _spellings(folded: str) -> Iterator[str]:
    if not folded:
        yield ""
    for sign in [folded[:1], *_spelled().get(folded[:1], ())] if folded else ():
        read = sign.casefold()
        if folded.startswith(read):
            yield from (sign + rest for rest in _spellings(folded[len(read) :]))


def _shortest(
    groups: "Groups", automata: Sequence[_Automaton], alphabet: Sequence[str]
) -> str | None:
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
