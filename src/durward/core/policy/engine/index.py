"""The index of an action's statements, by the resources that they can match.

The key of a resource pattern is its segments without wildcards and the literal levels at the start
of its last segment, so that a few look-ups find it among any number. If many patterns have the same
key, `candidate_index` indexes them by a necessary condition.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from durward.core.policy.engine.candidate_index import CROWD, CandidateIndex, Entry, Member
from durward.core.policy.engine.compiled import (
    Atom,
    arguments,
    compiled,
    condition_atom,
    conjunction,
    names_atom,
    principals_atom,
)
from durward.core.policy.engine.decision import Decision, Rule
from durward.core.policy.engine.predicate import ResourceMatch, holds
from durward.core.policy.engine.request import MAX_LEVELS, WHOLE, AccessRequest, levels_of
from durward.core.policy.language.automaton import STAR
from durward.core.policy.language.pattern import ResourcePattern, Template

MAX_INLINE: Final = 8
"""The number of statements about any resource that are inlined in a function."""
ANYTHING: Final = Template("*", (STAR,))
ONLY_TEXT: Final = (0, 1, 2, 3, 4)

Place = tuple[tuple[int, ...], int]
"""The literal segments of a pattern, and the number of literal levels of its last one."""
First = Callable[[AccessRequest], Decision | None]
"""The decision of the first statement that applies, if there is one."""


@dataclass(frozen=True, slots=True)
class Table:
    """Statements whose patterns have the same literal parts: by a prefix, or by single segments."""

    place: Place
    entries: dict[Any, Sequence[Entry] | CandidateIndex]
    crowded: bool

    @property
    def by_beginning(self) -> bool:
        """Whether its keys are prefixes of the whole resource."""
        return self.place[0] == ONLY_TEXT

    def found(self, request: AccessRequest) -> Sequence[Entry] | CandidateIndex:
        """The entries for the resource."""
        positions, level = self.place
        if self.by_beginning:
            return self.entries.get(request.levels[level], ())
        key = (itemgetter(*positions)(request.segments), request.lasts[level])
        return self.entries.get(key, ())

    def beginning(self, head: Sequence[str], beginning: str) -> Sequence[Entry]:
        """The entries for any resource with this prefix."""
        positions, level = self.place
        known = levels_of(beginning)[level] if level < WHOLE else None
        if self.by_beginning:
            start = "".join(f"{segment}:" for segment in head)
            if known is not None:
                return _listed(self.entries.get(start + known, ()))
            keys: Iterable[Any] = (key for key in self.entries if key.startswith(start + beginning))
        else:
            start = itemgetter(*positions)(head)
            if known is not None:
                return _listed(self.entries.get((start, known), ()))
            keys = (k for k in self.entries if k[0] == start and k[1].startswith(beginning))
        return [entry for key in keys for entry in _listed(self.entries[key])]


def _listed(entries: Sequence[Entry] | CandidateIndex) -> Sequence[Entry]:
    return entries.everything if isinstance(entries, CandidateIndex) else entries


class Index:
    """Statements of one effect about one action."""

    __slots__ = ("_first", "always", "rules", "several", "tables")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self._first: First | None = None
        self.always: list[tuple[Sequence[Atom], Rule]] = []
        groups: dict[Place, dict[Any, list[Member]]] = {}
        members: list[Member] = []
        for rule in rules:
            for place, key, member in _members(rule):
                if place is None:
                    members.append(member)
                else:
                    groups.setdefault(place, {}).setdefault(key, []).append(member)
        if len(members) <= MAX_INLINE:
            self.always = [(member.atoms, member.rule) for member in members]
            self.several = None
        else:
            self.several = CandidateIndex(members)
        self.tables = [_table(place, groups[place]) for place in sorted(groups)]

    @property
    def first(self) -> First:
        """The function that evaluates only this index."""
        if self._first is None:
            self._first = compile_indexes([self])
        return self._first

    def concerned(self, request: AccessRequest) -> Iterator[Rule]:
        """The statements that the resource may match, some of them more than once."""
        if not request.is_arn:
            return
        yield from (rule for _, rule in self.always)
        found: list[Sequence[Entry] | CandidateIndex] = [
            table.found(request) for table in self.tables
        ]
        for entries in [self.several or (), *found]:
            listed = entries.entries(request) if isinstance(entries, CandidateIndex) else entries
            for _, answer in listed:
                yield from answer.deciding

    def meeting(self, head: Sequence[str], beginning: str) -> Iterator[Rule]:
        """The statements that may match a resource with these five segments and this prefix.

        Some appear more than once.
        """
        yield from (rule for _, rule in self.always)
        found = [table.beginning(head, beginning) for table in self.tables]
        for entries in [_listed(self.several or ()), *found]:
            for _, answer in entries:
                yield from answer.deciding


def _table(place: Place, groups: dict[Any, list[Member]]) -> Table:
    entries: dict[Any, Sequence[Entry] | CandidateIndex] = {}
    crowded = False
    for key, members in groups.items():
        if len(members) > CROWD:
            entries[key], crowded = CandidateIndex(members), True
        else:
            entries[key] = [member.entry for member in members]
    return Table(place, entries, crowded)


def compile_indexes(indexes: Sequence[Index]) -> First:
    """One function that evaluates all indexes, for resources that are ARNs."""
    lines: list[str] = []
    expressions: list[str] = []
    values: list[Any] = []
    bound: list[Any] = []
    for index in indexes:
        for atoms, rule in index.always:
            shape = [atom[0] for atom in atoms]
            condition = conjunction(shape, len(expressions))
            lines.append(f"if {condition}: return r{len(bound)}")
            expressions += shape
            values += [value for atom in atoms for value in atom[1]]
            bound.append(rule.answer)
    for index in indexes:
        if index.several:
            lines.append(LOOK % f"r{len(bound)}(request)")
            bound.append(index.several.entries)
        for table in index.tables:
            positions, level = table.place
            where = f"levels[{level}]"
            if not table.by_beginning:
                where = f"(r{len(bound)}(segments), request.lasts[{level}])"
                bound.append(itemgetter(*positions))
            found = f"r{len(bound)}({where}, ())"
            bound.append(table.entries.get)
            if table.crowded:
                found = f"r{len(bound)}({found}, request)"
                bound.append(told_apart)
            lines.append(LOOK % found)
    make = _first_maker(tuple(lines), tuple(expressions), len(bound))
    made: First = make(*values, *bound)
    return made


LOOK: Final = """for applies, answer in %s:
            if applies(get, segments): return answer"""


@lru_cache(maxsize=1024)
def _first_maker(
    lines: tuple[str, ...], atoms: tuple[str, ...], bound: int
) -> Callable[..., First]:
    names = [*arguments(atoms), *(f"r{place}" for place in range(bound))]
    body = "".join(f"\n        {line}" for line in lines)
    return compiled(f"""
def make({", ".join(names)}):
    def first(request):
        get, segments, levels = request.get, request.segments, request.levels{body}
        return None
    return first
""")


def told_apart(found: Sequence[Entry] | CandidateIndex, request: AccessRequest) -> Sequence[Entry]:
    """The entries of a place that can apply to the request."""
    return found.entries(request) if isinstance(found, CandidateIndex) else found


def slowly_first(rules: Sequence[Rule], request: AccessRequest) -> Decision | None:
    """The same for a resource that is not an ARN: each statement is evaluated in full."""
    return next((rule.answer for rule in rules if holds(rule.predicate, request.facts)), None)


def _members(rule: Rule) -> Iterator[tuple[Place | None, Any, Member]]:
    """The places of a rule, each with the conditions that remain there."""
    statement, denies = rule.statement, rule.denies
    atoms = [principals_atom(statement.principals)] if statement.principals else []
    atoms += [condition_atom(found, on_error=denies) for found in statement.conditions]
    resources = statement.resources
    if resources.complement:
        names = ResourceMatch(resources.patterns, complement=True, on_error=denies)
        yield None, None, Member(rule, [names_atom(names), *atoms])
        return
    if any(pattern.segments is None for pattern in resources.patterns):
        yield None, None, Member(rule, atoms)
        return
    alone: Member | None = None
    for pattern in resources.patterns:
        place, key, left, last = _placed(pattern)
        if left is None:
            alone = alone or Member(rule, atoms)
            yield place, key, alone
        else:
            names = ResourceMatch((left,), complement=False, on_error=denies)
            yield place, key, Member(rule, [names_atom(names), *atoms], last)


def _placed(
    pattern: ResourcePattern,
) -> tuple[Place | None, Any, ResourcePattern | None, Template | None]:
    """The place of a pattern, and the part of the pattern that remains to be matched."""
    *before, last = pattern.segments or ()
    if len(before) < len(ONLY_TEXT):
        return None, None, pattern, None
    literals = [template.literal for template in before]
    if None in literals:
        positions, start, unsettled = _head(*before)
    else:
        positions, start, unsettled = ONLY_TEXT, "".join([f"{text}:" for text in literals]), None
    if last.literal is not None:
        level, beginning, rest = WHOLE, last.literal, ANYTHING
    else:
        beginning = last.beginning[: last.beginning.rfind("/") + 1]
        level = beginning.count("/")
        if level > MAX_LEVELS:
            level, beginning = MAX_LEVELS, "/".join(beginning.split("/")[:MAX_LEVELS]) + "/"
        rest = ANYTHING if last.parts in {(STAR,), (beginning, STAR)} else last
    left = None
    if unsettled or rest is last:
        left = ResourcePattern(pattern.text, (*(unsettled or STARS), rest))
    if positions == ONLY_TEXT:
        return (positions, level), start + beginning, left, last
    if len(positions) < 2:  # noqa: PLR2004 - `itemgetter` gives no tuple then
        return None, None, pattern, last
    return (positions, level), (start, beginning), left, last


STARS: Final = (ANYTHING,) * 5


@lru_cache(maxsize=4096)
def _head(*before: Template) -> tuple[tuple[int, ...], Any, tuple[Template, ...] | None]:
    """The literal ones of the first segments, the key that they form, and the others."""
    literals = [template.literal for template in before]
    positions = tuple(place for place, literal in enumerate(literals) if literal is not None)
    left = tuple(ANYTHING if template.literal is not None else template for template in before)
    unsettled = None if all(template.is_star for template in left) else left
    return positions, tuple(literals[place] for place in positions), unsettled
