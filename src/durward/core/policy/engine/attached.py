"""The policies attached in one place, with an index of the statements of each action."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from durward.core.policy.engine.decision import Layer, Rule
from durward.core.policy.engine.index import Index
from durward.core.policy.engine.predicate import ACTION, ActionMatch, atom_holds, is_action
from durward.core.policy.language.document import Actions, Document, Effect

MAX_REMEMBERED: Final = 1_000
"""The number of cached indexes of actions that were not prepared."""


@dataclass(frozen=True, slots=True, eq=False)
class ActionIndex:
    """The attached statements that match one action."""

    denies: Index | None = None
    allows: Index | None = None

    @property
    def indexes(self) -> Sequence[Index]:
        """The indexes of its statements, that of Denies first."""
        return [index for index in (self.denies, self.allows) if index]

    @property
    def keys(self) -> frozenset[str]:
        """Every key that its statements may read."""
        rules = (rule for index in self.indexes for rule in index.rules)
        return frozenset().union(*(rule.keys for rule in rules))


NOTHING: Final = ActionIndex()


class AttachedPolicies:
    """Documents that are attached in one place."""

    def __init__(self, layer: Layer, documents: Iterable[Document]) -> None:
        self._rules: list[Rule] = []
        groups: dict[tuple[bool, tuple[str, ...]], tuple[Actions, list[int]]] = {}
        for document in documents:
            for statement in document.statements:
                actions = statement.actions  # many statements share a few
                texts = tuple([pattern.text for pattern in actions.patterns])
                group = groups.setdefault((actions.complement, texts), (actions, []))
                group[1].append(len(self._rules))
                self._rules.append(Rule(layer, document.name, statement))
        self._groups = [
            (ActionMatch(a.patterns, a.complement), rules) for a, rules in groups.values()
        ]
        self._named: dict[str, list[int]] = {}  # by action, the groups that name it in full
        self._open: list[int] = []  # the groups with wildcards, and complements
        for number, (acts, _) in enumerate(self._groups):
            names = [pattern.template.literal for pattern in acts.patterns]
            if acts.complement or None in names:
                self._open.append(number)
            else:
                for name in dict.fromkeys(names):
                    self._named.setdefault(str(name), []).append(number)
        self._made: dict[tuple[int, ...], ActionIndex] = {(): NOTHING}  # by the groups that matter
        self._plans: dict[str, ActionIndex] = {}
        self._limit = 0
        self.prepare(self._named)

    @property
    def actions(self) -> Iterable[str]:
        """The actions named without wildcards, in lower case."""
        return self._named.keys()

    @property
    def is_open(self) -> bool:
        """Whether it may match actions that it does not name."""
        return bool(self._open)

    def prepare(self, actions: Iterable[str]) -> None:
        """Build the plans of actions, in lower case."""
        for action in actions:
            if action not in self._plans:
                self._plans[action] = self._make(action, remember=True)
        self._limit = len(self._plans) + MAX_REMEMBERED

    def plan(self, action: str) -> ActionIndex:
        """The plan of an action, in lower case."""
        found = self._plans.get(action)
        if found is None:
            remember = len(self._plans) < self._limit
            found = self._make(action, remember=remember)
            if remember:
                self._plans[action] = found
        return found

    def _make(self, action: str, *, remember: bool) -> ActionIndex:
        if not is_action(action):
            return NOTHING
        facts = {ACTION: action}
        groups = [number for number in self._open if atom_holds(self._groups[number][0], facts)]
        signature = tuple(sorted([*groups, *self._named.get(action, ())]))
        found = self._made.get(signature)
        if found is None:
            places = sorted(place for number in signature for place in self._groups[number][1])
            found = _planned([self._rules[place] for place in places])
            if remember:
                self._made[signature] = found
        return found


def _planned(rules: Sequence[Rule]) -> ActionIndex:
    denies = [rule for rule in rules if rule.statement.effect is Effect.DENY]
    allows = [rule for rule in rules if rule.statement.effect is Effect.ALLOW]
    return ActionIndex(Index(denies) if denies else None, Index(allows) if allows else None)
