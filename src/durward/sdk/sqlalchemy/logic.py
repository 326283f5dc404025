"""And, or and not; known booleans do not appear in the statement."""

from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.sql.elements import False_, True_
from sqlalchemy.sql.expression import ColumnElement

Clause: TypeAlias = ColumnElement[bool]


def truth(value: bool) -> Clause:  # noqa: FBT001
    """A known value."""
    return sa.true() if value else sa.false()


def every(*clauses: Clause) -> Clause:
    """All conditions hold; true for none."""
    left = [clause for clause in clauses if not isinstance(clause, True_)]
    if any(isinstance(clause, False_) for clause in left):
        return sa.false()
    return left[0] if len(left) == 1 else sa.and_(*left) if left else sa.true()


def some(*clauses: Clause) -> Clause:
    """One of the conditions holds; false for none."""
    left = [clause for clause in clauses if not isinstance(clause, False_)]
    if any(isinstance(clause, True_) for clause in left):
        return sa.true()
    return left[0] if len(left) == 1 else sa.or_(*left) if left else sa.false()


def negated(clause: Clause) -> Clause:
    """The condition does not hold."""
    return truth(isinstance(clause, False_)) if _is_known(clause) else sa.not_(clause)


def _is_known(clause: Clause) -> bool:
    return isinstance(clause, True_ | False_)
