"""Matching of strings with patterns of `*` and `?` that have no variables.

The usual shapes are compared by methods of `str`; what is between two `*` is searched from the
left. Only a pattern with a `?` between two `*` is read by its `automaton`, which also answers all
other questions about patterns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from durward.core.policy.language.automaton import Automaton, Parts, Wildcard, automaton_of

Test = Callable[[str], bool]
"""Whether a pattern without variables matches a string."""


def compile_parts(parts: Parts) -> Test:
    """A function that matches whole strings with the parts."""
    match parts:
        case () | (str(),):
            return "".join(map(str, parts)).__eq__
        case (Wildcard("*"),):
            return lambda _: True
        case (str(beginning), Wildcard("*")):
            return lambda text: text.startswith(beginning)
        case (Wildcard("*"), str(end)):
            return lambda text: text.endswith(end)
        case (Wildcard("*"), str(held), Wildcard("*")):
            return lambda text: held in text
        case _:
            chunks = _chunks(parts)
            if chunks is None:
                return automaton_of((parts,)).reads
            first, inside, last = chunks
            if inside is None:
                return lambda text: _stands(first, text, 0) == len(text)
            width = _width(last)
            return lambda text: _matches(first, inside, last, width, text)


def matches(parts: Parts, text: str) -> bool:
    """Whether the parts match the whole string; for parts that are used once."""
    chunks = _chunks(parts)
    if chunks is None:
        return Automaton((parts,)).reads(text)
    first, inside, last = chunks
    if inside is None:
        return _stands(first, text, 0) == len(text)
    return _matches(first, inside, last, _width(last), text)


def _chunks(parts: Parts) -> tuple[Parts, list[str] | None, Parts] | None:
    """The parts before the first `*`, the strings between two, and the parts behind the last.

    Without a `*` the first has all parts; None if there is a `?` between two `*`.
    """
    stars = [at for at, part in enumerate(parts) if not isinstance(part, str) and part.sign == "*"]
    if not stars:
        return parts, None, ()
    inside = []
    for before, after in pairwise(stars):
        texts = [part for part in parts[before + 1 : after] if isinstance(part, str)]
        if len(texts) < after - before - 1:
            return None
        inside.append("".join(texts))
    return parts[: stars[0]], inside, parts[stars[-1] + 1 :]


def _matches(first: Parts, inside: Sequence[str], last: Parts, width: int, text: str) -> bool:
    """Match the first chunk at the beginning, the last at the end, the others as early as possible.

    An early match leaves most room for those after it, so nothing is tried twice.
    """
    place, end = _stands(first, text, 0), len(text) - width
    if place < 0:
        return False
    for each in inside:
        found = text.find(each, place)
        if found < 0:
            return False
        place = found + len(each)
    return place <= end and _stands(last, text, end) >= 0


def _width(chunk: Parts) -> int:
    return sum(len(part) if isinstance(part, str) else 1 for part in chunk)


def _stands(chunk: Parts, text: str, place: int) -> int:
    """The end of the chunk if it matches at a place, else -1."""
    for part in chunk:
        if not isinstance(part, str):
            place += 1
        elif text.startswith(part, place):
            place += len(part)
        else:
            return -1
    return place if place <= len(text) else -1


@lru_cache(maxsize=4096)
def _test_of(parts: Parts) -> Test:
    return compile_parts(parts)


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern; `folds`: it is case-insensitive."""

    parts: Parts
    folds: bool = False

    @property
    def literal(self) -> str | None:
        """The only string that it matches, apart from case, if there is one."""
        texts = [part for part in self.parts if isinstance(part, str)]
        return "".join(texts) if len(texts) == len(self.parts) else None

    def matches(self, text: str) -> bool:
        """Whether it means the whole text."""
        if self.folds:
            return self.reader().reads(text)
        return _test_of(self.parts)(text)

    def reader(self, _: int | None = None) -> Automaton:
        """The automaton of the pattern."""
        return automaton_of((self.parts,), self.folds)


@dataclass(frozen=True, slots=True)
class ArnGlob:
    """The pattern of an ARN: in each segment but the last, a wildcard matches no colon."""

    segments: tuple[Parts, ...]

    def matches(self, text: str) -> bool:
        """Whether it means the whole text."""
        given = text.split(":", len(self.segments) - 1)
        return len(given) == len(self.segments) and all(
            _test_of(parts)(each) for parts, each in zip(self.segments, given, strict=True)
        )

    def reader(self, _: int | None = None) -> Automaton:
        """The automaton of the pattern."""
        return automaton_of(self.segments)
