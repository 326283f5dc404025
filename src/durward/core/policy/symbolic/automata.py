"""Patterns read sign by sign, as a set of states in one integer.

This is Baeza-Yates and Gonnet's shift-and: bit n is set where the first n tokens have been read.
Where case makes no difference, a sign is read as what it folds to, as `str.casefold` does it:
`\u1e9e` as `ss`, the sign for Kelvin as `k`.
"""

from collections import defaultdict, deque
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, count
from typing import Final

from durward.core.policy.language.pattern import QUESTION, STAR, Wildcard
from durward.core.policy.language.pattern import matches as fits_whole
from durward.core.policy.symbolic.unknown import Unknown

MAX_CLASS_STATES: Final = 150
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

    def reader(self, _: int | None = None) -> "_Automaton":
        """What reads a text."""
        return _Automaton((self.parts,), folds=self.folds)


@dataclass(frozen=True, slots=True)
class ArnGlob:
    """The pattern of an ARN: in each of its segments but the last, a wildcard means no colon."""

    segments: tuple[Parts, ...]
    folds: bool = False

    def matches(self, text: str) -> bool:
        """Whether it means the whole text."""
        given = text.split(":", len(self.segments) - 1)
        return len(given) == len(self.segments) and all(map(fits_whole, self.segments, given))

    def reader(self, _: int | None = None) -> "_Automaton":
        """What reads a text."""
        return _Automaton(self.segments)


class _Automaton:
    __slots__ = ("_any", "_by_sign", "_inner", "_known", "_loops", "_whole", "folds", "start")

    def __init__(self, segments: Sequence[Parts], *, folds: bool = False) -> None:
        self.folds = folds
        self._any = self._loops = self._inner = 0
        self._by_sign: dict[str, int] = {}
        self._known: dict[tuple[int, str], int] = {}
        place = 0
        for number, parts in enumerate(segments, start=1):
            for part in parts:
                if part == STAR:
                    self._loops |= 1 << place
                elif part == QUESTION:
                    self._any |= 1 << place
                    place += 1
                elif isinstance(part, str):
                    place = self._add(part.casefold() if folds else part, place)
            if number < len(segments):
                place = self._add(":", place)
                self._inner = (1 << place) - 1
        self._whole = 1 << place
        self.start = 1

    def _add(self, text: str, place: int) -> int:
        for at, sign in enumerate(text, start=place):
            self._by_sign[sign] = self._by_sign.get(sign, 0) | 1 << at
        return place + len(text)

    @property
    def signs(self) -> Iterator[str]:
        """The signs that it names."""
        for sign in self._by_sign:
            yield sign
            if self.folds and len(sign.upper()) == 1:
                yield sign.upper()

    def after(self, state: int, sign: str) -> int:
        """The state that a sign leads to."""
        known = self._known.get((state, sign))
        if known is None:
            known = self._known[state, sign] = self._after(state, sign)
        return known

    def _after(self, state: int, sign: str) -> int:
        for each in sign.casefold() if self.folds else sign:
            meant, kept = self._any, self._loops
            if each == ":" and self._inner:
                meant, kept = meant & ~self._inner, kept & ~self._inner
            known = self._by_sign.get(each, 0)
            state = (state & (known | meant)) << 1 | (state & kept)
        return state

    def ends(self, state: int) -> bool:
        """Whether all of it has been read."""
        return bool(state & self._whole)

    def is_hopeful(self, state: int) -> bool:
        """Whether all of it can still be read."""
        return bool(state)


@lru_cache(maxsize=256)
def classes_of(globs: tuple[Glob, ...], fresh: str) -> list[str]:
    """A text of each kind that the patterns tell apart, with the fresh sign in it if one has it.

    Of a kind without one each text stands that the patterns take other ways. Raises Unknown.
    """
    automata = [glob.reader() for glob in globs]
    named = dict.fromkeys(sign for automaton in automata for sign in automaton.signs)
    start = tuple(automaton.start for automaton in automata)
    seen, waiting = {(start, False)}, deque([(start, "")])
    texts: dict[tuple[bool, ...], list[str]] = {}
    while waiting:
        states, text = waiting.popleft()
        pairs = zip(automata, states, strict=True)
        kind = tuple(automaton.ends(state) for automaton, state in pairs)
        texts.setdefault(kind, []).append(text)
        for sign in (fresh, *named):
            pairs = zip(automata, states, strict=True)
            then = tuple([automaton.after(state, sign) for automaton, state in pairs])
            is_fresh = fresh in text or sign == fresh
            if (then, is_fresh) not in seen:
                seen.add((then, is_fresh))
                if len(seen) > MAX_CLASS_STATES:
                    raise Unknown("the patterns for a variable are too entangled")
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


def folding_to(signs: Iterable[str]) -> set[str]:
    """Every sign that folds to something that begins with one of those."""
    return {each for sign in signs for each in _spelled().get(sign, ())}


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
