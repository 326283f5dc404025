"""Numbers as texts, read sign by sign: do they compare with a constant as it is wanted?

What the digits mean depends on the exponent, which comes last. So who searches asks for texts
without an exponent first, then for those with each that there is: for a given one, digits are held
against those of the constant, moved by as many places. How long a text is, is not looked at here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from durward.core.policy.language.operators import MAX_NUMBER_CHARACTERS, parse_number

SIGNS: Final = "0123456789.-+eE"
EXPONENTS: Final = tuple(sorted(range(-99, 100), key=abs))
ANYHOW: Final = 100
"""Stands for any exponent, so that any number with one is as it is wanted."""
ENOUGH: Final = MAX_NUMBER_CHARACTERS + 1
"""How many digits of a constant can make a difference."""

LESS, EQUAL, MORE = -1, 0, 1
ALL: Final = frozenset({LESS, EQUAL, MORE})
RELATIONS: Final[Mapping[str, frozenset[int]]] = {
    "Equals": frozenset({EQUAL}),
    "LessThan": frozenset({LESS}),
    "LessThanEquals": frozenset({LESS, EQUAL}),
    "GreaterThan": frozenset({MORE}),
    "GreaterThanEquals": frozenset({MORE, EQUAL}),
}
"""How a value compares with the policy's, by what the operator's name says."""

START, SIGNED, WHOLE, POINT, FRACTION, E, E_SIGNED, E_DIGIT, E_DIGITS = range(9)
WITH_EXPONENT: Final = frozenset({E_DIGIT, E_DIGITS})
COMPLETE: Final = frozenset({WHOLE, FRACTION}) | WITH_EXPONENT
AFTER_DIGIT: Final = {
    START: WHOLE,
    SIGNED: WHOLE,
    WHOLE: WHOLE,
    POINT: FRACTION,
    FRACTION: FRACTION,
    E: E_DIGIT,
    E_SIGNED: E_DIGIT,
    E_DIGIT: E_DIGITS,
}
AFTER: Final[Mapping[str, Mapping[int, int]]] = {
    **dict.fromkeys("0123456789", AFTER_DIGIT),
    **{sign: {START: SIGNED, E: E_SIGNED} for sign in "+-"},
    **{sign: {WHOLE: E, FRACTION: E} for sign in "eE"},
    ".": {START: POINT, SIGNED: POINT, WHOLE: FRACTION},
}
"""What part of a number a sign leads to, from the part before; others lead out of all numbers."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number that compares with a constant in one of these ways."""

    relations: frozenset[int]
    constant: Decimal

    def matches(self, text: str) -> bool:
        """Whether the text is one."""
        try:
            value = parse_number(text)
        except ValueError:
            return False
        return (value > self.constant) - (value < self.constant) in self.relations

    def reader(self, exponent: int | None) -> "_Comparing | _Shape":
        """What reads texts with this exponent, without one, or with any."""
        if exponent == ANYHOW:
            return _Shape(WITH_EXPONENT)
        return _Comparing(self, exponent)


@dataclass(frozen=True, slots=True)
class NoNumber:
    """What cannot be read as a number."""

    def matches(self, text: str) -> bool:
        """Whether the text is such."""
        try:
            parse_number(text)
        except ValueError:
            return True
        return False

    def reader(self, _: int | None) -> "_Shape":
        """What reads any text."""
        return _Shape(COMPLETE, is_number=False)


@dataclass(frozen=True, slots=True)
class _Shape:
    """Reads whether a text is a number by how it is written, or is none.

    A state is the part in which a number ends, or None beside numbers.
    """

    complete: frozenset[int]
    is_number: bool = True
    start: int = START
    signs: str = SIGNS

    def after(self, state: int | None, sign: str) -> int | None:
        return None if state is None else AFTER.get(sign, {}).get(state)

    def ends(self, state: int | None) -> bool:
        return (state in self.complete) is self.is_number

    def is_hopeful(self, state: int | None) -> bool:
        return state is not None or not self.is_number


class _State(NamedTuple):
    """What was read: the part in which it ends, and how the digits compare so far.

    `place` counts the digits, before the point without zeros that lead. From the exponent on,
    `relation` is settled, and sign and place are the exponent's.
    """

    part: int = START
    is_negative: bool = False
    relation: int = EQUAL
    place: int = 0


class _Comparing:
    """Reads how a number with a given exponent compares; a state is None beside such numbers."""

    __slots__ = ("_exponent", "_fraction", "_relations", "_sign", "_whole")
    start: Final = _State()
    signs: Final = SIGNS

    def __init__(self, wanted: Number, exponent: int | None) -> None:
        self._relations = wanted.relations
        self._exponent = exponent
        constant = wanted.constant
        self._sign = (constant > 0) - (constant < 0)
        _, digits, moved = constant.as_tuple()
        text = "".join(map(str, digits))
        places = int(moved) - (exponent or 0)
        padded = text + "0" * places if places >= 0 else text.rjust(1 - places, "0")
        point = len(padded) if places >= 0 else len(padded) + places
        self._whole = padded[:point].lstrip("0")[:ENOUGH]
        self._fraction = padded[point:].rstrip("0")[:ENOUGH]

    def after(self, state: _State | None, sign: str) -> _State | None:
        if state is None:
            return None
        part = AFTER.get(sign, {}).get(state.part)
        if part is None:
            return None
        if part in {SIGNED, E_SIGNED}:
            return state._replace(part=part, is_negative=sign == "-")
        if part == WHOLE:
            return self._after_whole(state, sign)
        if part in {POINT, FRACTION}:
            return self._after_fraction(state, sign, part)
        if part == E:
            return None if self._exponent is None else _State(E, relation=self._settled(state))
        return state._replace(part=part, place=10 * state.place + int(sign))

    def _after_whole(self, state: _State, sign: str) -> _State:
        known = state._replace(part=WHOLE)
        if state.place == 0 and sign == "0":
            return known
        if state.place >= len(self._whole):
            return known._replace(relation=MORE, place=len(self._whole) + 1)
        relation = state.relation or _compared(sign, self._whole[state.place])
        return known._replace(relation=relation, place=state.place + 1)

    def _after_fraction(self, state: _State, sign: str, part: int) -> _State:
        if sign == ".":
            return state._replace(part=part, relation=self._of_whole(state), place=0)
        if state.relation:
            return state._replace(part=part)
        there = self._fraction[state.place : state.place + 1]
        return state._replace(
            part=part,
            relation=_compared(sign, there or "0"),
            place=state.place + 1 if there else state.place,
        )

    def _of_whole(self, state: _State) -> int:
        """How the digits before the point compare with the constant's."""
        return LESS if state.place < len(self._whole) else state.relation

    def _settled(self, state: _State) -> int:
        """How the value compares, if the digits end here."""
        if state.part == WHOLE:
            state = state._replace(relation=self._of_whole(state), place=0)
        if not state.relation and state.place < len(self._fraction):
            state = state._replace(relation=LESS)
        return self._signed(state.relation, is_negative=state.is_negative)

    def _signed(self, relation: int, *, is_negative: bool) -> int:
        """How a value compares with the constant, whose digits compare so."""
        if self._sign == 0:
            return -relation if is_negative else relation
        if is_negative is not (self._sign < 0):
            return -self._sign
        return relation * self._sign

    def ends(self, state: _State | None) -> bool:
        if state is None or state.part not in COMPLETE:
            return False
        if self._exponent is None:
            return self._settled(state) in self._relations
        exponent = -state.place if state.is_negative else state.place
        is_it = state.part in WITH_EXPONENT and exponent == self._exponent
        return is_it and state.relation in self._relations

    def is_hopeful(self, state: _State | None) -> bool:
        if state is None:
            return False
        if state.part in {START, SIGNED, POINT}:
            return True
        if state.part >= E:
            return state.relation in self._relations
        is_settled = (
            state.relation != EQUAL if state.part == FRACTION else state.place > len(self._whole)
        )
        digits = {state.relation} if is_settled else ALL
        found = {self._signed(each, is_negative=state.is_negative) for each in digits}
        return not self._relations.isdisjoint(found)


def _compared(sign: str, other: str) -> int:
    return (sign > other) - (sign < other)
