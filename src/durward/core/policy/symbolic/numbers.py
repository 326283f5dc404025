"""Automata for numbers as strings: do they have a given relation to a constant?

The meaning of digits depends on the exponent, which comes last. So a search tries strings without
an exponent first, then with each possible one: then the digits are compared with those of the
constant, shifted by the exponent. The length of strings is not limited here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from durward.core.policy.language.operators import MAX_NUMBER_CHARACTERS, parse_number

SIGNS: Final = "0123456789.-+eE"
EXPONENTS: Final = tuple(sorted(range(-99, 100), key=abs))
ANYHOW: Final = 100
"""Represents any exponent: every number with one has the relation."""
ENOUGH: Final = MAX_NUMBER_CHARACTERS + 1
"""The number of digits of a constant that can make a difference."""

LESS, EQUAL, MORE = -1, 0, 1
ALL: Final = frozenset({LESS, EQUAL, MORE})
RELATIONS: Final[Mapping[str, frozenset[int]]] = {
    "Equals": frozenset({EQUAL}),
    "LessThan": frozenset({LESS}),
    "LessThanEquals": frozenset({LESS, EQUAL}),
    "GreaterThan": frozenset({MORE}),
    "GreaterThanEquals": frozenset({MORE, EQUAL}),
}
"""The relations of a value to the policy's constant, by the suffix of the operator's name."""

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
"""The transitions between the parts of a number, by character; any other ends outside numbers."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number with one of these relations to a constant."""

    relations: frozenset[int]
    constant: Decimal

    def matches(self, text: str) -> bool:
        """Whether the string matches."""
        try:
            value = parse_number(text)
        except ValueError:
            return False
        return (value > self.constant) - (value < self.constant) in self.relations

    def reader(self, exponent: int | None) -> "_Comparing | _Shape":
        """The automaton for strings with this exponent, without one, or with any."""
        if exponent == ANYHOW:
            return _Shape(WITH_EXPONENT)
        return _Comparing(self, exponent)


@dataclass(frozen=True, slots=True)
class NoNumber:
    """A string that is not a number."""

    def matches(self, text: str) -> bool:
        """Whether the string matches."""
        try:
            parse_number(text)
        except ValueError:
            return True
        return False

    def reader(self, _: int | None) -> "_Shape":
        """The automaton for all strings."""
        return _Shape(COMPLETE, is_number=False)


@dataclass(frozen=True, slots=True)
class _Shape:
    """Accepts strings that are numbers by their form, or strings that are not.

    A state is the part of the number that was read last, or None outside numbers.
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
    """The last part that was read, and the relation of the digits so far.

    `place` counts the digits, before the point without leading zeros. From the exponent on,
    `relation` is final, and sign and place are the exponent's.
    """

    part: int = START
    is_negative: bool = False
    relation: int = EQUAL
    place: int = 0


class _Comparing:
    """Compares a number with a given exponent; a state is None outside such numbers."""

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
        """The relation of the digits before the point to the constant's."""
        return LESS if state.place < len(self._whole) else state.relation

    def _settled(self, state: _State) -> int:
        """The relation of the value, if the digits end here."""
        if state.part == WHOLE:
            state = state._replace(relation=self._of_whole(state), place=0)
        if not state.relation and state.place < len(self._fraction):
            state = state._replace(relation=LESS)
        return self._signed(state.relation, is_negative=state.is_negative)

    def _signed(self, relation: int, *, is_negative: bool) -> int:
        """The relation of a value to the constant, from the relation of their digits."""
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
