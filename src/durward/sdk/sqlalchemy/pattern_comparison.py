"""Comparison of a string of the row with a pattern, in the simplest form that the columns allow.

A common beginning is compared here, so that `order/` and an id against `order/*` needs no
condition, and a string without a column is compared as the evaluator does it. The database compares
the rest: a pattern is printed as `GLOB` or `LIKE`, since only the database knows the string.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.sql.expression import ColumnElement

from durward.core.policy.language.automaton import STAR, Wildcard
from durward.core.policy.language.wildcards import matches
from durward.sdk.sqlalchemy.logic import Clause, some, truth
from durward.sdk.sqlalchemy.rows import Field, Part, Shape
from durward.sdk.sqlalchemy.text import fits, one_of
from durward.sdk.sqlalchemy.untranslatable import Untranslatable

Piece: TypeAlias = str | Field | Wildcard
INTEGERS: Final = range(-(2**63), 2**63)
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_FOREIGN = {Shape.INTEGER: re.compile(r"[^0-9-]"), Shape.UUID: re.compile(r"[^0-9a-f-]")}
"""Characters that no value of the shape has."""


def compare(
    text: Sequence[Part], pattern: Sequence[Piece], globbed: Callable[[Field], None]
) -> Clause:
    """The condition that a string, whose columns are not NULL, matches the pattern.

    `globbed` is called for each column that is compared with wildcards. Raises Untranslatable.
    """
    left = _without_beginning(list(text), list(pattern))
    if left is None:
        return sa.false()
    rest, asked = left
    known = [piece for piece in rest if isinstance(piece, str)]
    wanted = tuple(piece for piece in asked if not isinstance(piece, Field))
    if len(known) == len(rest) and len(wanted) == len(asked):
        return truth(matches(wanted, "".join(known)))
    if wanted == (STAR,) and len(asked) == 1:
        return sa.true()
    if not any(isinstance(piece, Wildcard) for piece in asked):
        return _equal(rest, [piece for piece in asked if not isinstance(piece, Wildcard)])
    if len(wanted) < len(asked):
        raise Untranslatable("a pattern has wildcards beside a column")
    return _fits(rest, wanted, globbed)


def equals(field: Field, texts: Sequence[str]) -> Clause:
    """The condition that a column's value, as a string, is one of these."""
    column: Any = field.column
    match field.shape:
        case Shape.TEXT:
            return one_of(column, *texts)
        case Shape.INTEGER:
            integers = [int(text) for text in texts if _INTEGER.fullmatch(text)]
            return _in(column, [number for number in integers if number in INTEGERS])
        case Shape.UUID:
            return _in(column, [UUID(text) for text in texts if _is_uuid(text)])
        case Shape.BOOLEAN:
            states = {"true": True, "false": False}
            return some(*(column.is_(states[t]) for t in texts if t in states))


def _in(column: Any, values: list[Any]) -> Clause:
    if len(values) == 1:
        return column == values[0]  # type: ignore[no-any-return]
    return column.in_(values) if values else sa.false()


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def concatenate(pieces: Sequence[Part]) -> ColumnElement[str]:
    """The pieces as one SQL string. Raises Untranslatable."""
    whole: ColumnElement[str] | None = None
    for piece in pieces:
        each: ColumnElement[Any] = (
            _text(piece) if isinstance(piece, Field) else sa.literal(piece, sa.Text())
        )
        whole = each if whole is None else whole.concat(each)
    return sa.literal("", sa.Text()) if whole is None else whole


def _text(field: Field) -> ColumnElement[Any]:
    match field.shape:
        case Shape.TEXT:
            return field.column
        case Shape.INTEGER:
            return sa.cast(field.column, sa.Text())
        case _:
            raise Untranslatable(f"a column of {field.shape} is no part of a text")


def _without_beginning(
    text: list[Part], pattern: list[Piece]
) -> tuple[list[Part], list[Piece]] | None:
    """Both without their common beginning; None if they begin differently."""
    while text and pattern:
        first, wanted = text[0], pattern[0]
        if first == "" or wanted == "":
            del (text if first == "" else pattern)[0]
        elif isinstance(first, str) and isinstance(wanted, str):
            length = min(len(first), len(wanted))
            if first[:length] != wanted[:length]:
                return None
            text[0], pattern[0] = first[length:], wanted[length:]
        else:
            break
    return [piece for piece in text if piece != ""], [piece for piece in pattern if piece != ""]


def _equal(text: list[Part], wanted: list[Part]) -> Clause:
    for one, other in ((text, wanted), (wanted, text)):
        first = one[0] if len(one) == 1 else None
        if isinstance(first, Field):
            texts = [piece for piece in other if isinstance(piece, str)]
            if len(texts) == len(other):
                return equals(first, ["".join(texts)])
            second = other[0] if len(other) == 1 else None
            if isinstance(second, Field) and first.shape == second.shape is not Shape.TEXT:
                return first.column == second.column
    return one_of(concatenate(text), concatenate(wanted))


def _fits(
    text: list[Part], wanted: tuple[str | Wildcard, ...], globbed: Callable[[Field], None]
) -> Clause:
    only = text[0] if len(text) == 1 else None
    foreign = _FOREIGN.get(only.shape) if isinstance(only, Field) else None
    if foreign and any(isinstance(piece, str) and foreign.search(piece) for piece in wanted):
        return sa.false()
    for piece in text:
        if isinstance(piece, Field) and piece.shape is Shape.TEXT:
            globbed(piece)
    return fits(concatenate(text), wanted)
