"""Find a string that satisfies all patterns, or prove that there is none.

Each pattern is an automaton that reads a string character by character; the search explores their
product, shortest strings first. Characters that no pattern names are equivalent, so one of them
represents all.
"""

from collections import deque
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import chain, count
from typing import Any, Final, Protocol

from durward.core.policy.language.automaton import QUESTION, STAR
from durward.core.policy.language.operators import MAX_NUMBER_CHARACTERS
from durward.core.policy.language.wildcards import ArnGlob, Glob
from durward.core.policy.symbolic.addresses import LikeIpv6, Within
from durward.core.policy.symbolic.folding import folding_to
from durward.core.policy.symbolic.numbers import ALL, ANYHOW, EXPONENTS, NoNumber, Number
from durward.core.policy.symbolic.unknown import Unknown

MAX_STATES: Final = 30_000
MAX_CLASS_STATES: Final = 150
MAX_STATES_OF_NUMBERS: Final = 5_000
"""Fewer states: they are explored for each exponent, and a question may need many numbers."""
FRESH: Final = "xyzqjwkv0123456789_"
"""Characters to use if any will do; then those from `OTHER` on."""
OTHER: Final = 0x2022
TOO_LONG: Final = Glob((*[QUESTION] * (MAX_NUMBER_CHARACTERS + 1), STAR))
"""The pattern of strings that are too long for a number."""


@dataclass(frozen=True, slots=True)
class Unlike:
    """The complement of a pattern."""

    pattern: Glob | ArnGlob
    folds: bool = False

    def matches(self, text: str) -> bool:
        """Whether the string matches."""
        return not self.pattern.matches(text)

    def reader(self, _: int | None) -> "_Unlike":
        """The automaton of the pattern."""
        return _Unlike(self.pattern.reader())


@dataclass(frozen=True, slots=True)
class OfSigns:
    """Strings of these characters and white space."""

    allowed: str

    def matches(self, text: str) -> bool:
        """Whether the string matches."""
        return all(sign in self.allowed or sign.isspace() for sign in text)

    def reader(self, _: int | None) -> "_OfSigns":
        """The automaton of the pattern."""
        return _OfSigns(self.allowed)


Pattern = Glob | ArnGlob | Unlike | OfSigns | Number | NoNumber | Within | LikeIpv6


@dataclass(frozen=True, slots=True)
class PatternConstraint:
    """The constraint that a string matches one of the patterns, or none of them."""

    globs: tuple[Pattern, ...]
    matches: bool

    def fits(self, text: str) -> bool:
        """Whether a string satisfies the constraint."""
        return any(glob.matches(text) for glob in self.globs) is self.matches


class _Reader(Protocol):
    """An automaton: a state after each character, which may be final."""

    @property
    def start(self) -> Any: ...
    @property
    def signs(self) -> Iterable[str]: ...
    def after(self, state: Any, sign: str) -> Any: ...
    def ends(self, state: Any) -> bool: ...
    def is_hopeful(self, state: Any) -> bool: ...


def shortest_string(wanted: Iterable[PatternConstraint], most: int = MAX_STATES) -> str | None:
    """The shortest string that satisfies all constraints; None if there is none.

    Raises Unknown beyond `most` states.
    """
    return _shortest(tuple(wanted), most)


@lru_cache(maxsize=1024)
def _shortest(wanted: tuple[PatternConstraint, ...], most: int) -> str | None:
    if not any(isinstance(glob, Number | NoNumber) for each in wanted for glob in each.globs):
        return _Search(wanted).shortest(most)
    positive = [part for each in wanted for part in _positive(each)]
    found = _shortest_number(positive, min(most, MAX_STATES_OF_NUMBERS))
    return _too_long_a_text(wanted, most) if found is None else found


def _positive(wanted: PatternConstraint) -> Iterator[PatternConstraint]:
    """Replace negated numbers by complements: an automaton covers the numbers of one exponent."""
    if wanted.matches:
        yield wanted
        return
    rest = tuple(glob for glob in wanted.globs if not isinstance(glob, Number | NoNumber))
    yield PatternConstraint(rest, matches=False)
    for glob in wanted.globs:
        if isinstance(glob, Number):
            other = Number(ALL - glob.relations, glob.constant)
            yield PatternConstraint((other, NoNumber()), matches=True)
        elif isinstance(glob, NoNumber):
            yield PatternConstraint((Number(ALL, Decimal(0)),), matches=True)


def _shortest_number(wanted: Sequence[PatternConstraint], left: int) -> str | None:
    """A string that is not too long for a number."""
    for exponent in (None, ANYHOW, *EXPONENTS):
        search = _Search(wanted, exponent)
        found = search.shortest(left, MAX_NUMBER_CHARACTERS)
        left -= search.states
        if exponent == ANYHOW:
            if found is None:
                return None
        elif found is not None:
            return found
    return None


def _too_long_a_text(wanted: Iterable[PatternConstraint], most: int) -> str | None:
    """A string that is too long for a number, and so is not one."""
    others = [PatternConstraint((TOO_LONG,), matches=True)]
    for each in wanted:
        is_none = any(isinstance(glob, NoNumber) for glob in each.globs)
        if is_none and not each.matches:
            return None
        if not is_none:
            rest = tuple(glob for glob in each.globs if not isinstance(glob, Number))
            others.append(PatternConstraint(rest, each.matches))
    return _Search(others).shortest(most)


class _Unlike:
    def __init__(self, other: _Reader) -> None:
        self.start, self.signs, self.after = other.start, other.signs, other.after
        self._other = other

    def ends(self, state: Any) -> bool:
        return not self._other.ends(state)

    def is_hopeful(self, _: Any) -> bool:
        return True


class _OfSigns:
    start = True

    def __init__(self, allowed: str) -> None:
        self.signs = (*allowed, " ")

    def after(self, state: bool, sign: str) -> bool:  # noqa: FBT001
        return state and (sign in self.signs or sign.isspace())

    def ends(self, state: bool) -> bool:  # noqa: FBT001
        return state

    def is_hopeful(self, state: bool) -> bool:  # noqa: FBT001
        return state


_GONE: Final = object()
"""The dead state of an automaton."""


class _Steps(dict[Any, tuple[Any, ...]]):
    """The transitions of an automaton, each computed once."""

    def __init__(self, reader: _Reader, alphabet: Sequence[str]) -> None:
        super().__init__({_GONE: (_GONE,) * len(alphabet)})
        self._reader, self._alphabet = reader, alphabet

    def __missing__(self, state: Any) -> tuple[Any, ...]:
        after = (self._reader.after(state, sign) for sign in self._alphabet)
        self[state] = found = tuple(
            [then if self._reader.is_hopeful(then) else _GONE for then in after]
        )
        return found


class _Search:
    """The product of the automata of patterns; numbers with one exponent, or without."""

    def __init__(self, wanted: Sequence[PatternConstraint], exponent: int | None = None) -> None:
        self.groups: list[tuple[list[_Reader], bool]] = [
            ([glob.reader(exponent) for glob in each.globs], each.matches) for each in wanted
        ]
        self.readers = [reader for readers, _ in self.groups for reader in readers]
        self.folds = {getattr(glob, "folds", False) for each in wanted for glob in each.globs}
        self.states = 0

    def shortest(self, most: int, longest: int | None = None) -> str | None:
        """The shortest string of at most `longest` characters, within `most` states.

        Raises Unknown.
        """
        named = dict.fromkeys(sign for reader in self.readers for sign in reader.signs)
        alphabet = [fresh_sign(named), *named]
        found = self._shortest(alphabet, most, longest)
        if found is None and len(self.folds) > 1:
            # If only some patterns ignore case, each spelling may be the one that matches.
            rare = folding_to(named) - named.keys()
            found = self._shortest([*alphabet, *sorted(rare)], most, longest)
        return found

    def _shortest(self, alphabet: Sequence[str], most: int, longest: int | None) -> str | None:
        start = tuple(reader.start for reader in self.readers)
        steps = [_Steps(reader, alphabet) for reader in self.readers]
        seen, waiting = {start}, deque([(start, "")])
        while waiting:
            states, text = waiting.popleft()
            if self._is_end(states):
                return text
            if len(text) == longest:
                continue
            rows = [step[state] for step, state in zip(steps, states, strict=True)]
            for sign, then in zip(alphabet, zip(*rows, strict=True), strict=False):
                if then not in seen and self._is_hopeful(then):
                    seen.add(then)
                    self.states += 1
                    if self.states > most:
                        raise Unknown("the patterns are too entangled")
                    waiting.append((then, text + sign))
        return None

    def _is_end(self, states: Sequence[Any]) -> bool:
        place = 0
        for readers, matches in self.groups:
            ends = False
            for reader in readers:
                state = states[place]
                ends = ends or (state is not _GONE and reader.ends(state))
                place += 1
            if ends is not matches:
                return False
        return True

    def _is_hopeful(self, states: Sequence[Any]) -> bool:
        """Whether each group that must match still can."""
        place = 0
        for readers, matches in self.groups:
            if matches and all(state is _GONE for state in states[place : place + len(readers)]):
                return False
            place += len(readers)
        return True


@lru_cache(maxsize=256)
def class_examples(globs: tuple[Glob, ...], fresh: str) -> list[str]:
    """A string of each class that the patterns distinguish, with the fresh character if possible.

    A class without such a string is represented by each string with another path through the
    automata. Raises Unknown.
    """
    readers = [glob.reader() for glob in globs]
    alphabet = (fresh, *dict.fromkeys(sign for reader in readers for sign in reader.signs))
    steps = [_Steps(reader, alphabet) for reader in readers]
    start = tuple(reader.start for reader in readers)
    seen, waiting = {(start, False)}, deque([(start, "")])
    texts: dict[tuple[bool, ...], list[str]] = {}
    while waiting:
        states, text = waiting.popleft()
        pairs = zip(readers, states, strict=True)
        kind = tuple(state is not _GONE and reader.ends(state) for reader, state in pairs)
        texts.setdefault(kind, []).append(text)
        rows = [step[state] for step, state in zip(steps, states, strict=True)]
        for sign, then in zip(alphabet, zip(*rows, strict=True), strict=False):
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
    """A character that is none of those."""
    signs = chain(FRESH, map(chr, count(OTHER)))
    return next(sign for sign in signs if sign not in named)
