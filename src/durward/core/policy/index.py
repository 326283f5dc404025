"""The index of an action's statements: which of them a resource can concern at all.

Each resource pattern stands under its segments without wildcards and the levels with which its last
segment begins, so that a few look-ups find it among any number; what has no such key is looked at
always.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from durward.core.policy.document import Effect, Statement
from durward.core.policy.pattern import ARN_SEGMENTS, STAR, ResourcePattern, Segments, Template
from durward.core.policy.predicate import (
    Every,
    Facts,
    Holds,
    Is,
    Names,
    compile_statement,
    holds,
)
from durward.core.policy.python import Applies, print_atoms

MAX_LEVELS: Final = 4
"""How many levels of `type/id/type/id` a key may tell apart."""
WHOLE: Final = MAX_LEVELS + 1
"""Where the whole of the last segment stands, behind its levels."""
ANYTHING: Final = Template("*", (STAR,))

Levels = Sequence[str | None]
"""The last segment of a resource by levels: nothing, `order/`, `order/1/` …, then its whole."""
Place = tuple[tuple[int, ...], int]
"""Which segments of a pattern are plain text, and the level at which its last one begins."""
Key = tuple[Any, str | None]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A statement, compiled. `id` is `document/statement`."""

    id: str
    statement: Statement
    predicate: Every

    @property
    def denies(self) -> bool:
        """Whether it is a Deny."""
        return self.statement.effect is Effect.DENY


Entries = list[tuple[Applies, Rule]]
Table = dict[Key, Entries]


def compile_rule(document: str, statement: Statement) -> Rule:
    """A statement of a document, ready to be indexed."""
    return Rule(f"{document}/{statement.name}", statement, compile_statement(statement))


def levels_of(last: str) -> Levels:
    """The last segment of a resource, cut after each of its first levels."""
    found: list[str | None] = [""]
    end = last.find("/") + 1
    while end and len(found) < WHOLE:
        found.append(last[:end])
        end = last.find("/", end) + 1
    return [*found, *[None] * (WHOLE - len(found)), last]


class Index:
    """Statements of one effect about one action."""

    __slots__ = ("_always", "_groups", "rules")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self._always: Entries = []
        groups: dict[Place, Table] = {}
        for rule in rules:
            for place, key, applies in _entries(rule):
                if place is None:
                    self._always.append((applies, rule))
                else:
                    groups.setdefault(place, {}).setdefault(key, []).append((applies, rule))
        self._groups: list[tuple[Callable[[Segments], Any], int, Table]] = [
            (itemgetter(*positions), level, table)
            for (positions, level), table in sorted(groups.items())
        ]

    def first(self, facts: Facts, segments: Segments, levels: Levels) -> Rule | None:
        """A statement that applies, if there is one."""
        if len(segments) != ARN_SEGMENTS:  # names nothing: what that means, each statement knows
            return next((rule for rule in self.rules if holds(rule.predicate, facts)), None)
        get = facts.get
        for applies, rule in self._always:
            if applies(get, segments):
                return rule
        for pick, level, table in self._groups:
            for applies, rule in table.get((pick(segments), levels[level]), ()):
                if applies(get, segments):
                    return rule
        return None

    def concerned(self, segments: Segments, levels: Levels) -> Iterator[Rule]:
        """The statements that the resource may concern, some of them more than once."""
        if len(segments) != ARN_SEGMENTS:
            return
        yield from (rule for _, rule in self._always)
        for pick, level, table in self._groups:
            yield from (rule for _, rule in table.get((pick(segments), levels[level]), ()))


def _entries(rule: Rule) -> Iterator[tuple[Place | None, Key, Applies]]:
    """Where the rule stands, with what is left to be asked there."""
    atoms = rule.predicate.parts
    names = next(atom for atom in atoms if isinstance(atom, Names))
    others = [atom for atom in atoms if isinstance(atom, Is | Holds)]
    if names.complement:
        yield None, ("", None), print_atoms([names, *others])
        return
    if any(pattern.segments is None for pattern in names.patterns):
        yield None, ("", None), print_atoms(others)
        return
    others_alone = None
    for pattern in names.patterns:
        place, key, rest = _placed(pattern)
        if rest is None:
            others_alone = others_alone or print_atoms(others)
            yield place, key, others_alone
        else:
            left = Names((rest,), complement=False, on_error=names.on_error)
            yield place, key, print_atoms([left, *others])


def _placed(pattern: ResourcePattern) -> tuple[Place, Key, ResourcePattern | None]:
    """Where a pattern stands, and what of it the place does not settle."""
    *before, last = pattern.segments or ()
    literals = [template.literal for template in before]
    positions = tuple(place for place, literal in enumerate(literals) if literal is not None)
    if last.literal is not None:
        level, beginning, rest = WHOLE, last.literal, ANYTHING
    else:
        levels = last.beginning.split("/")[:-1][:MAX_LEVELS]
        level, beginning = len(levels), "".join(f"{name}/" for name in levels)
        rest = ANYTHING if last.parts in {(STAR,), (beginning, STAR)} else last
    left = [ANYTHING if t.literal is not None else t for t in before] + [rest]
    unsettled = any(not template.is_star for template in left)
    key = (itemgetter(*positions)(literals), beginning)
    return (
        (positions, level),
        key,
        ResourcePattern(pattern.text, tuple(left)) if unsettled else None,
    )
