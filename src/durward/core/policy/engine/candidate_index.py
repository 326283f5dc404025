"""An index of the many statements in one place, by a necessary condition of each.

A pattern with three or more literal letters matches only resources that contain them: its key is
the three letters that are rarest among all patterns here. Without such letters, the key is a value
that a condition requires of a context key. A statement with neither is always a candidate.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from durward.core.policy.engine.compiled import Applies, Atom, print_atoms
from durward.core.policy.engine.decision import Decision, Rule
from durward.core.policy.engine.request import AccessRequest
from durward.core.policy.language.pattern import Template

CROWD: Final = 8
"""The number of statements in one place from which on they are indexed."""
LETTERS: Final = 3

Entry = tuple[Applies, Decision]
"""Whether a statement applies in its place, and its decision then."""


class Member:
    """A statement in a place: the conditions that remain, and the pattern's last segment."""

    __slots__ = ("_entry", "atoms", "last", "rule")

    def __init__(self, rule: Rule, atoms: Sequence[Atom], last: Template | None = None) -> None:
        self.rule = rule
        self.atoms = atoms
        self.last = last
        self._entry: Entry | None = None

    @property
    def entry(self) -> Entry:
        """The entry of the statement in an index."""
        if self._entry is None:
            self._entry = (print_atoms(self.atoms), self.rule.answer)
        return self._entry


class CandidateIndex:
    """The statements of one place."""

    __slots__ = ("_always", "_by_letters", "_by_value")

    def __init__(self, members: Sequence[Member]) -> None:
        self._always: list[Entry] = []
        self._by_letters: dict[str, list[Entry]] = {}
        self._by_value: dict[str, dict[str, list[Entry]]] = {}
        letters = [_letters(member.last) for member in members]
        among = Counter(found for each in letters for found in each)
        for member, held in zip(members, letters, strict=True):
            if held:
                rarest = min(held, key=lambda each: (among[each], each))
                self._by_letters.setdefault(rarest, []).append(member.entry)
            elif wanted := _wanted(member.rule):
                key, values = wanted
                table = self._by_value.setdefault(key, {})
                for value in values:
                    table.setdefault(value, []).append(member.entry)
            else:
                self._always.append(member.entry)

    @property
    def everything(self) -> list[Entry]:
        """All of them, some perhaps more than once."""
        tables = [self._by_letters, *self._by_value.values()]
        return [
            *self._always,
            *(entry for table in tables for entries in table.values() for entry in entries),
        ]

    def entries(self, request: AccessRequest) -> list[Entry]:
        """The entries that can apply to the request, some perhaps more than once."""
        found = [*self._always]
        if self._by_letters:
            text = request.segments[-1]
            held = {text[place : place + LETTERS] for place in range(len(text) - LETTERS + 1)}
            for each in held & self._by_letters.keys():
                found += self._by_letters[each]
        for key, table in self._by_value.items():
            value = request.get(key)
            if isinstance(value, str):
                found += table.get(value, ())
            elif value is not None:  # not one string: each statement has its rule for that
                found += [entry for entries in table.values() for entry in entries]
        return found


def _letters(last: Template | None) -> set[str]:
    texts: Iterator[str] = (
        (part for part in last.parts if isinstance(part, str)) if last else iter(())
    )
    return {
        text[place : place + LETTERS] for text in texts for place in range(len(text) - LETTERS + 1)
    }


def _wanted(rule: Rule) -> tuple[str, frozenset[str]] | None:
    """A key that must have one of some values; the condition does not hold if it is absent."""
    for condition in rule.statement.conditions:
        operator = condition.operator
        if operator is None or operator.negated or condition.if_exists or condition.quantifier:
            continue
        texts = [operand.equal for operand in condition.operands]
        constants = frozenset(text for text in texts if text is not None)
        if constants and None not in texts:
            return condition.key, constants
    return None
