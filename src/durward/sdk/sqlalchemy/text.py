"""Strings compared as policies compare them: exactly, whatever a column's collation.

A column may be case-insensitive, as with `NOCASE` of SQLite and `citext` of PostgreSQL; LIKE of
SQLite always is. The comparisons here are exact.
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from durward.core.policy.language.automaton import STAR, Wildcard

ESCAPE: Final = "!"
TEXT: Final = sa.Text()


class Comparison(FunctionElement[bool]):
    """A condition of its own, which is not compared with 1."""

    type = sa.Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002
        """It brings its own parentheses."""
        return self


class IsOneOf(Comparison):
    """The first string is one of the others."""

    inherit_cache = True


class Fits(Comparison):
    """A string matches a pattern with `*` and `?`: the string, the patterns of GLOB and LIKE."""

    inherit_cache = True


class HasNul(Comparison):
    """A string has the character U+0000, at which GLOB of SQLite stops reading."""

    inherit_cache = True


def one_of(text: ColumnElement[Any], *others: ColumnElement[Any] | str) -> ColumnElement[bool]:
    """The condition that a string is one of the others; none of them is NULL."""
    if not others:
        return sa.false()
    return IsOneOf(text, *(_bound(each) if isinstance(each, str) else each for each in others))


def fits(text: ColumnElement[Any], parts: tuple[str | Wildcard, ...]) -> ColumnElement[bool]:
    """The condition that a string matches the parts."""
    return Fits(text, _bound("".join(map(_glob, parts))), _bound("".join(map(_like, parts))))


def _bound(text: str) -> ColumnElement[str]:
    return sa.literal(text, TEXT)


def _glob(part: str | Wildcard) -> str:
    if isinstance(part, Wildcard):
        return part.sign
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in part)


def _like(part: str | Wildcard) -> str:
    if isinstance(part, Wildcard):
        return "%" if part == STAR else "_"
    return "".join(ESCAPE + sign if sign in f"%_{ESCAPE}" else sign for sign in part)


def _grouped(clause: ColumnElement[Any], compiler: SQLCompiler, kw: dict[str, Any]) -> str:
    text = compiler.process(clause, **kw)
    return text if isinstance(clause, sa.Column | sa.BindParameter) else f"({text})"


@compiles(IsOneOf, "sqlite")
def _one_of_sqlite(element: IsOneOf, compiler: SQLCompiler, **kw: Any) -> str:
    text, *others = (_grouped(clause, compiler, kw) for clause in element.clauses)
    return f"({text} COLLATE BINARY IN ({', '.join(others)}))"


@compiles(IsOneOf, "postgresql")
def _one_of_postgresql(element: IsOneOf, compiler: SQLCompiler, **kw: Any) -> str:
    """The first comparison is what an index can answer; the second is the exact one."""
    text, *others = (_grouped(clause, compiler, kw) for clause in element.clauses)
    listed = ", ".join(others)
    exact = ", ".join(f'CAST({other} AS TEXT) COLLATE "C"' for other in others)
    return f'({text} IN ({listed}) AND CAST({text} AS TEXT) COLLATE "C" IN ({exact}))'


@compiles(Fits, "sqlite")
def _fits_sqlite(element: Fits, compiler: SQLCompiler, **kw: Any) -> str:
    text, glob, _ = element.clauses
    return f"({_grouped(text, compiler, kw)} GLOB {compiler.process(glob, **kw)})"


@compiles(Fits, "postgresql")
def _fits_postgresql(element: Fits, compiler: SQLCompiler, **kw: Any) -> str:
    text, _, like = element.clauses
    given, pattern = compiler.process(text, **kw), compiler.process(like, **kw)
    return f"(CAST({given} AS TEXT) COLLATE \"C\" LIKE {pattern} ESCAPE '{ESCAPE}')"


@compiles(HasNul, "sqlite")
def _has_nul_sqlite(element: HasNul, compiler: SQLCompiler, **kw: Any) -> str:
    (text,) = element.clauses
    return f"(coalesce(instr({compiler.process(text, **kw)}, char(0)), 0) > 0)"


@compiles(HasNul, "postgresql")
def _has_nul_postgresql(_element: HasNul, _compiler: SQLCompiler, **_kw: Any) -> str:
    """No string of PostgreSQL has this character."""
    return "false"
