"""The policy stack: all policies that decide for a principal, for the questions of `find`.

Statements with equal content count as one, whatever their names. A question about one action needs
only the statements that match it: `about` finds them by the action's name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from durward.core.policy.engine.predicate import (
    ACTION,
    ActionMatch,
    And,
    Not,
    Or,
    Predicate,
    atom_holds,
    compile_statement,
)
from durward.core.policy.engine.request import Principal
from durward.core.policy.language.document import Document, Effect, Statement
from durward.core.policy.symbolic.outline import Outline, outline_of

Statements = Mapping[object, Statement]
"""Statements by their content."""


class StatementIndex:
    """The statements of one effect of some documents, by the actions that they match."""

    def __init__(self, documents: Iterable[Document], effect: Effect) -> None:
        self.by_meaning: dict[object, Statement] = {}
        self._order: dict[object, int] = {}
        self._named: dict[str, list[object]] = {}
        self._open: list[tuple[object, ActionMatch]] = []
        for document in documents:
            for statement in document.statements:
                if statement.effect is effect:
                    self._add(meaning_of(statement), statement)

    def _add(self, meaning: object, statement: Statement) -> None:
        if meaning in self.by_meaning:
            return
        self._order[meaning] = len(self._order)
        self.by_meaning[meaning] = statement
        actions = statement.actions
        names = [pattern.template.literal for pattern in actions.patterns]
        if actions.complement or None in names:
            self._open.append((meaning, ActionMatch(actions.patterns, actions.complement)))
            return
        for name in dict.fromkeys(names):
            self._named.setdefault(str(name), []).append(meaning)

    def about(self, action: str) -> Statements:
        """The statements that match an action, given in lower case."""
        facts = {ACTION: action}
        found = [meaning for meaning, acts in self._open if atom_holds(acts, facts)]
        found += self._named.get(action, ())
        found.sort(key=self._order.__getitem__)
        return {meaning: self.by_meaning[meaning] for meaning in found}


@dataclass(frozen=True)
class Narrowed:
    """The part of a stack that a question needs: grants, Denies, and the Allows of ceilings."""

    allows: Statements
    denies: Statements
    levels: Sequence[Statements]

    @property
    def can_grant(self) -> bool:
        """Whether something is granted, and every ceiling leaves something."""
        return bool(self.allows) and all(self.levels)

    @cached_property
    def outlined(self) -> list[list[tuple[Outline, Statement]]]:
        """Denies, Allows and levels, each statement with its outline."""
        groups = (self.denies, self.allows, *self.levels)
        return [[(outline_of(found), found) for found in group.values()] for group in groups]

    def predicate(self, concerns: Callable[[Outline], bool]) -> Predicate:
        """The predicate of allowed requests, from the statements that concern the question."""
        allowing = [
            compile_statement(found) for outline, found in self.outlined[1] if concerns(outline)
        ]
        return And((Or(tuple(allowing)), self.leaves(concerns)))

    def leaves(self, concerns: Callable[[Outline], bool]) -> Predicate:
        """The predicate of requests that every ceiling allows and no Deny refuses."""
        denies, _, *levels = [
            [compile_statement(found) for outline, found in group if concerns(outline)]
            for group in self.outlined
        ]
        return And((*(Or(tuple(level)) for level in levels), *map(Not, denies)))

    def caps_no_more(self, other: "Narrowed") -> bool:
        """Whether each ceiling has all statements of one of the other's ceilings."""
        return all(
            any(level.keys() >= given.keys() for given in other.levels) for level in self.levels
        )

    def says_the_same(self, other: "Narrowed") -> bool:
        """Whether both have equal statements in the same layers."""
        return (
            self.allows.keys() == other.allows.keys()
            and self.denies.keys() == other.denies.keys()
            and [level.keys() for level in self.levels] == [level.keys() for level in other.levels]
        )


@dataclass(frozen=True)
class PolicyStack:
    """The policies of a principal: documents that grant, and ceilings, each of which must allow.

    The resource is of the principal's own tenant, unless `cross_tenant`. Without a principal any
    principal is considered.
    """

    grants: Sequence[Document]
    ceilings: Sequence[Sequence[Document]] = ()
    cross_tenant: bool = False
    principal: Principal | None = None
    _narrowed: dict[str, Narrowed] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def _indexes(self) -> tuple[StatementIndex, StatementIndex, list[StatementIndex]]:
        everything = list(chain(self.grants, *self.ceilings))
        return (
            StatementIndex(self.grants, Effect.ALLOW),
            StatementIndex(everything, Effect.DENY),
            [StatementIndex(level, Effect.ALLOW) for level in self.ceilings],
        )

    @cached_property
    def can_grant(self) -> bool:
        """Whether something is granted, and every ceiling leaves something."""
        return self.whole.can_grant

    @cached_property
    def whole(self) -> Narrowed:
        """All statements."""
        allows, denies, levels = self._indexes
        return Narrowed(
            allows.by_meaning, denies.by_meaning, [level.by_meaning for level in levels]
        )

    def about(self, action: str) -> Narrowed:
        """The part of the stack about an action, given in lower case."""
        known = self._narrowed.get(action)
        if known is None:
            allows, denies, levels = self._indexes
            known = self._narrowed[action] = Narrowed(
                allows.about(action), denies.about(action), [one.about(action) for one in levels]
            )
        return known


def meaning_of(statement: Statement) -> object:
    """The content of a statement without its name: equal for equal statements."""
    return (
        statement.effect,
        statement.actions.complement,
        *[pattern.text for pattern in statement.actions.patterns],
        statement.resources.complement,
        *[pattern.text for pattern in statement.resources.patterns],
        statement.principals,
        *[
            (each.name, each.key, each.refused, each.absent, *[o.text for o in each.operands])
            for each in statement.conditions
        ],
    )
