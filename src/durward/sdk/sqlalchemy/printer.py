"""The rest of a policy as an SQL condition that is true or false, never NULL.

NULL in a column is an absent key: it is tested wherever it matters, so that a NOT around a
condition keeps its meaning.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from math import ceil, floor
from typing import Any, Final, assert_never

import sqlalchemy as sa
from sqlalchemy.sql.expression import ColumnElement

from durward.core.policy.engine.evaluate import PolicySet
from durward.core.policy.engine.filter import OF_RESOURCES, Remaining, TenantCase, remaining
from durward.core.policy.engine.predicate import (
    ActionMatch,
    And,
    ConditionMatch,
    Constant,
    Facts,
    Not,
    Or,
    Predicate,
    PrincipalMatch,
    ResourceMatch,
    absent_holds,
    atom_holds,
)
from durward.core.policy.engine.request import MAX_LISTED, Principal
from durward.core.policy.language.document import Condition, Quantifier
from durward.core.policy.language.operators import parse_date, parse_number
from durward.core.policy.language.pattern import (
    ARN_SEGMENTS,
    ResourcePattern,
    Template,
    Variable,
    parse_template,
)
from durward.sdk.sqlalchemy.logic import Clause, every, negated, some, truth
from durward.sdk.sqlalchemy.pattern_comparison import INTEGERS, Piece, compare, concatenate, equals
from durward.sdk.sqlalchemy.rows import Field, Part, Rows, SeveralFields, Shape
from durward.sdk.sqlalchemy.text import HasNul
from durward.sdk.sqlalchemy.untranslatable import Untranslatable

TEXTS: Final = {"StringEquals", "StringNotEquals", "StringLike", "StringNotLike"}


def where(
    policies: PolicySet,
    rows: Rows,
    principal: Principal | None,
    action: str,
    context: Mapping[str, object] | None = None,
) -> Clause:
    """The condition for the rows on which the principal may perform the action.

    Raises Untranslatable if SQL cannot express it exactly.
    """
    request = rows.listed.request(principal, action, context or {})
    printer = _Printer(rows, request.facts)
    cases = [printer.case(case) for case in remaining(policies, request, rows.listed)]
    return every(some(*cases), *printer.guards()) if cases else sa.false()


class _Printer:
    """Prints conditions for one kind of rows and one request."""

    def __init__(self, rows: Rows, facts: Facts) -> None:
        self._rows = rows
        self._facts = facts
        self._without_nul: dict[int, Clause] = {}

    def guards(self) -> Iterator[Clause]:
        """The conditions of every row that can be named and read."""
        for part in (self._rows.tenant, *self._rows.resource):
            if isinstance(part, Field):
                yield part.present
        yield from self._without_nul.values()

    def case(self, case: TenantCase) -> Clause:
        """No Deny, and one statement of each level."""
        denies = [negated(self._remaining(deny)) for deny in case.denies]
        levels = [some(*map(self._remaining, level)) for level in case.levels]
        return every(self._predicate(case.tenant), *denies, *levels)

    def _remaining(self, left: Remaining) -> Clause:
        try:
            return self._predicate(left.predicate)
        except Untranslatable as error:
            raise error.of(left.rule.id) from None

    def _predicate(self, predicate: Predicate) -> Clause:
        match predicate:
            case Constant(value):
                return truth(value)
            case And(parts):
                return every(*map(self._predicate, parts))
            case Or(parts):
                return some(*map(self._predicate, parts))
            case Not(part):
                return negated(self._predicate(part))
            case ResourceMatch():
                return self._names(predicate)
            case ConditionMatch():
                return self._holds(predicate)
            case ActionMatch() | PrincipalMatch():  # who asks for what is known: they never remain
                return truth(atom_holds(predicate, self._facts))
            case _:
                assert_never(predicate)

    def _names(self, names: ResourceMatch) -> Clause:
        """See `names_hold`: a complement is unknown if a variable has no value."""
        named = some(*map(self._named, names.patterns))
        if not names.complement:
            return named
        if names.on_error:
            return negated(named)
        known = [there for pattern in names.patterns for there in self._present(pattern)]
        return every(negated(named), *known)

    def _named(self, pattern: ResourcePattern) -> Clause:
        if pattern.segments is None:
            return sa.true()
        if len(pattern.segments) != ARN_SEGMENTS:
            raise Untranslatable(f"`{pattern.text}` has fewer than six segments")
        rows = self._rows
        head: list[Part] = ["arn", "durward", rows.listed.api, rows.listed.stage, rows.tenant]
        texts = [*([part] for part in head), list(rows.resource)]
        fitting = [
            self._fits(text, template)
            for text, template in zip(texts, pattern.segments, strict=True)
            if not template.is_star
        ]
        return every(*fitting)

    def _present(self, pattern: ResourcePattern) -> Iterator[Clause]:
        for template in pattern.segments or ():
            yield from self._variables(template)[1]

    def _holds(self, holds: ConditionMatch) -> Clause:
        """See `condition_holds`."""
        condition = holds.condition
        value = self._value(condition.key)
        absent = absent_holds(condition)
        if condition.refused:
            return truth(holds.on_error)
        match value:
            case None | ():
                return truth(absent)
            case Field(column, Shape.BOOLEAN):
                return self._enumerated(holds, column)
            case Field(column):
                if condition.operator is None:
                    return _presence(condition, value.present)
                tested = self._tested(condition, value)
                if absent:
                    return some(column.is_(None), tested)
                return every(value.present, tested)
            case SeveralFields():
                told = self._several(condition, value, absent=absent)
                crowd = _crowd(value)  # see `MAX_LISTED`: nobody reads as many
                return some(crowd, told) if holds.on_error else every(told, negated(crowd))
            case str():
                return self._tested(condition, value)
            case tuple():
                return self._of_texts(condition, value)
            case _:
                return truth(holds.on_error)

    def _value(self, key: str) -> Any:
        """The source of a key's value: columns, or a known value."""
        if key in self._rows.keys:
            return self._rows.keys[key]
        if key.startswith(OF_RESOURCES):
            raise Untranslatable(f"`{key}` has no column", hint="name it in `keys` of `Rows`")
        return self._facts.get(key)

    def _enumerated(self, holds: ConditionMatch, column: ColumnElement[Any]) -> Clause:
        """A boolean has three states: the condition is evaluated for each of them here."""
        if any(operand.keys for operand in holds.condition.operands):
            raise _no_sql(holds.condition)
        key = holds.condition.key
        states: dict[bool | None, str | None] = {True: "true", False: "false", None: None}
        holding = [
            column.is_(state) for state, text in states.items() if atom_holds(holds, {key: text})
        ]
        return sa.true() if len(holding) == len(states) else some(*holding)

    def _several(self, condition: Condition, value: SeveralFields, *, absent: bool) -> Clause:
        if condition.operator is None:
            return _presence(condition, _exists(value, sa.true()))
        nothing = negated(_exists(value, sa.true())) if absent else sa.false()
        if condition.quantifier is None:  # a plain operator on several values does not hold
            return nothing
        tested = self._tested(condition, value.field, value)
        if condition.quantifier is Quantifier.EVERY:
            return negated(_exists(value, negated(tested)))
        return some(nothing, _exists(value, tested))

    def _of_texts(self, condition: Condition, texts: tuple[str, ...]) -> Clause:
        """The rule for several known values, compared with columns."""
        tested = [self._tested(condition, text) for text in texts]
        match condition.quantifier:
            case None:
                return sa.false()
            case Quantifier.EVERY:
                return every(*tested)
            case Quantifier.SOME:
                return some(*tested)

    def _tested(
        self, condition: Condition, subject: Part, among: SeveralFields | None = None
    ) -> Clause:
        """The condition that one present value passes. `among` are all values of its key."""
        operator = condition.operator
        if operator and operator.name in TEXTS:
            matching = self._one_of(condition, subject, operator.name.endswith("Like"), among)
        elif isinstance(subject, Field) and subject.shape is Shape.INTEGER:
            matching = _compared(condition, subject.column)
        else:
            raise _no_sql(condition)
        return negated(matching) if operator and operator.negated else matching

    def _one_of(
        self,
        condition: Condition,
        subject: Part,
        wildcards: bool,  # noqa: FBT001
        among: SeveralFields | None,
    ) -> Clause:
        """The condition that a string matches one of the policy's values."""
        texts = [operand.equal for operand in condition.operands if operand.equal is not None]
        matching = [equals(subject, texts)] if isinstance(subject, Field) and texts else []
        for operand in condition.operands:
            if operand.equal is None or not isinstance(subject, Field):
                template = parse_template(operand.text, wildcards=wildcards)
                matching.append(self._fits([subject], template, among))
        return some(*matching)

    def _fits(
        self, text: list[Part], template: Template, among: SeveralFields | None = None
    ) -> Clause:
        """The condition that a string matches a template, whose variables may be columns."""
        pieces, present = self._variables(template)
        if pieces is None:
            return sa.false()

        def globbed(field: Field) -> None:
            has_nul: Clause = HasNul(field.column)
            if among and field is among.field:
                has_nul = _exists(among, has_nul)
            self._without_nul[id(field)] = negated(has_nul)

        return every(*present, compare(text, pieces, globbed))

    def _variables(self, template: Template) -> tuple[list[Piece] | None, list[Clause]]:
        """The pieces of a template, and the conditions for its variables to have values.

        None if a key of several values is a variable: then it matches nothing.
        """
        pieces: list[Piece] = []
        present: list[Clause] = []
        for part in template.parts:
            if not isinstance(part, Variable):
                pieces.append(part)
                continue
            match self._value(part.key):
                case Field() as field if part.default is None:
                    present.append(field.present)
                    pieces.append(field)
                case Field() as field:
                    default = sa.literal(part.default, sa.Text())
                    filled = sa.func.coalesce(concatenate([field]), default, type_=sa.Text())
                    pieces.append(Field(filled, Shape.TEXT))
                case str(text):
                    pieces.append(text)
                case SeveralFields():
                    return None, [sa.false()]
                case _:
                    raise Untranslatable(f"`${{{part.key}}}` cannot be read")
        return pieces, present


def _presence(condition: Condition, present: Clause) -> Clause:
    """The rule of `Null`."""
    wanted = [negated(present) if absent else present for absent in sorted(condition.absent)]
    return sa.true() if len(wanted) > 1 else some(*wanted)


def _exists(several: SeveralFields, test: Clause) -> Clause:
    """The condition that some value passes."""
    return _values(several).where(test).exists()


def _crowd(several: SeveralFields) -> Clause:
    """The condition that there are more values than a request may have: they are unreadable."""
    return _values(several).limit(1).offset(MAX_LISTED).exists()


def _values(several: SeveralFields) -> sa.Select[Any]:
    column: Any = several.field.column
    found: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(column.table)
    return found.where(several.on, several.field.present).correlate_except(column.table)


Compare = Callable[[Any, Decimal], Clause]


def _equal_to(column: Any, number: Decimal) -> Clause:
    is_whole = number == int(number) and int(number) in INTEGERS
    return column == int(number) if is_whole else sa.false()


def _below(column: Any, bound: int) -> Clause:
    """The condition that a column is less than a whole number."""
    if bound in INTEGERS:
        return column < bound  # type: ignore[no-any-return]
    return truth(bound > 0)


ORDERED: Final[dict[str, Compare]] = {
    "Equals": _equal_to,
    "NotEquals": _equal_to,
    "LessThan": lambda column, bound: _below(column, ceil(bound)),
    "LessThanEquals": lambda column, bound: _below(column, floor(bound) + 1),
    "GreaterThan": lambda column, bound: negated(_below(column, floor(bound) + 1)),
    "GreaterThanEquals": lambda column, bound: negated(_below(column, ceil(bound))),
}
"""Compare whole numbers with any number, by the next whole one; a negation is around all of it."""


def _compared(condition: Condition, column: ColumnElement[Any]) -> Clause:
    name = condition.operator.name if condition.operator else ""
    for family, parse in (("Numeric", parse_number), ("Date", parse_date)):
        if name.startswith(family):
            compared = ORDERED[name.removeprefix(family)]
            found = [compared(column, parse(operand.text)) for operand in condition.operands]
            return some(*found)
    raise _no_sql(condition)


def _no_sql(condition: Condition) -> Untranslatable:
    return Untranslatable(
        f"`{condition.name}` on `{condition.key}` has no exact meaning in SQL",
        hint="compare texts by String…, whole numbers by Numeric… and Date…",
    )
