"""The patterns of a predicate for single strings, and the pieces that variables stand for.

A string is a segment of the resource, the value of a key, or a segment of an ARN as such a value.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from durward.core.policy.engine.predicate import (
    And,
    ConditionMatch,
    Not,
    Or,
    Predicate,
    PrincipalMatch,
    ResourceMatch,
)
from durward.core.policy.language.automaton import (
    STAR,
    Unit,
    includes,
    overlaps,
    places_after,
)
from durward.core.policy.language.operators import TRUTHS
from durward.core.policy.language.pattern import (
    Part,
    Template,
    Unreadable,
    Unresolved,
    Variable,
    joined,
    parse_template,
    split_arn,
    widest,
)
from durward.core.policy.language.wildcards import Glob
from durward.core.policy.symbolic.constraints import PLACES
from durward.core.policy.symbolic.symbolic_principal import told_by
from durward.core.policy.symbolic.theory import Found
from durward.core.policy.symbolic.translation import FOLDING, templates_of, value_family

Place = str | tuple[str, int]
"""A segment of the resource, a key, or a segment of a key's ARN."""
Parts = tuple[Part, ...]
Way = tuple[tuple[int, int], ...]
"""Alternatives, each by its choice and its number there."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A pattern for a string, and whether the string must match it.

    `way` are the alternatives that contain it: two of one choice are never needed at once.
    """

    place: Place
    parts: Parts
    folds: bool = False
    matches: bool = True
    way: Way = ()

    @property
    def keys(self) -> list[str]:
        """The keys that its variables read."""
        return [part.key for part in self.parts if isinstance(part, Variable)]

    def filled(self, known: Mapping[str, Found]) -> "Occurrence | None":
        """Substitute known variables; None if one has no value.

        With a malformed value only the part before the variable is compared.
        """
        found: list[Part] = []
        for part in self.parts:
            if not isinstance(part, Variable) or part.key not in known:
                found.append(part)
                continue
            try:
                found += Template("", (part,)).resolve(known.get)
            except Unresolved:
                return None
            except Unreadable:
                found = [*found, STAR]
                break
        return replace(self, parts=joined(found))


def occurrences_of(
    predicate: Predicate,
    wanted: bool,  # noqa: FBT001
    way: Way = (),
) -> Iterator[Occurrence]:
    """The patterns of a predicate that must hold, or must not."""
    match predicate:
        case Not(part):
            yield from occurrences_of(part, not wanted, way)
        case And(listed) | Or(listed):
            is_choice = isinstance(predicate, Or) is wanted
            for at, each in enumerate(listed if is_choice else _needed(listed)):
                yield from occurrences_of(
                    each, wanted, (*way, (id(predicate), at)) if is_choice else way
                )
        case ResourceMatch():
            yield from _of_resources(predicate, wanted, way)
        case PrincipalMatch():
            yield from _of_principals(predicate, wanted, way)
        case ConditionMatch(condition) if condition.operator:
            matches = wanted is not condition.operator.negated
            for at, (place, parts) in _operands(predicate):
                folds = condition.operator.name in FOLDING
                yield Occurrence(place, parts, folds, matches, (*way, (id(predicate), at)))
            if value_family(predicate) == "Bool":
                yield from _truths(predicate, way)
        case _:
            return


def _of_resources(atom: ResourceMatch, wanted: bool, way: Way) -> Iterator[Occurrence]:  # noqa: FBT001
    matches = wanted is not atom.complement
    for at, pattern in enumerate(atom.patterns):
        choice = (*way, (id(atom), at))
        for segment, template in zip(PLACES, pattern.segments or (), strict=False):
            yield Occurrence(segment, template.parts, matches=matches, way=choice)


def _of_principals(atom: PrincipalMatch, wanted: bool, way: Way) -> Iterator[Occurrence]:  # noqa: FBT001
    """The patterns of principal names for the keys of the principal."""
    matches = wanted is not atom.complement
    for at, arn in enumerate(sorted(atom.arns)):
        choice = (*way, (id(atom), at))
        for key, text in told_by(arn).items():
            yield Occurrence(key, (text,), matches=matches, way=choice)


def _operands(atom: ConditionMatch) -> Iterator[tuple[int, tuple[Place, Parts]]]:
    """The patterns of a condition, each with the number of its operand."""
    key = atom.condition.key
    match value_family(atom):
        case "String" | "Bool":
            for at, template in enumerate(templates_of(atom)):
                yield at, (key, template.parts)
        case "Arn":
            for at, operand in enumerate(atom.condition.operands):
                for segment, text in enumerate(split_arn(operand.text)):
                    yield at, ((key, segment), parse_template(text, wildcards=True).parts)
        case _:
            return


def _truths(atom: ConditionMatch, way: Way) -> Iterator[Occurrence]:
    """The patterns of a boolean condition: `true`, `false`, and neither."""
    variables = (key for operand in atom.condition.operands for key in sorted(operand.keys))
    for key in dict.fromkeys([atom.condition.key, *variables]):
        for text in sorted(TRUTHS):
            yield Occurrence(key, (text,), folds=True, way=way)


def _needed(parts: Sequence[Predicate]) -> list[Predicate]:
    """The conjuncts, without choices that a choice of fewer of the same alternatives implies."""
    flat = [each for part in parts for each in (part.parts if isinstance(part, And) else (part,))]
    choices = {frozenset(part.parts) for part in flat if isinstance(part, Or)}
    found: dict[object, Predicate] = {}
    for part in flat:
        meaning = frozenset(part.parts) if isinstance(part, Or) else part
        if not (isinstance(meaning, frozenset) and any(each < meaning for each in choices)):
            found[meaning] = part
    return list(found.values())


def pieces_of(use: Occurrence, at: int, glob: Glob) -> Iterator[Glob]:
    """The pieces of a pattern that a variable of another pattern for the same string can match."""
    folds = use.folds or glob.folds
    signs = _signs(glob.parts, folds=folds)
    before = _signs(widest(use.parts[:at]), folds=folds)
    after = _signs(widest(use.parts[at + 1 :]), folds=folds)
    starts = places_after(before, signs)
    ends = [len(signs) - place for place in places_after(after[::-1], signs[::-1])]
    for start in starts:
        for end in reversed(ends):
            if start <= end:
                yield Glob(widest(tuple(signs[start:end])), folds)


def _signs(parts: Iterable[Unit], *, folds: bool) -> list[Unit]:
    return [
        each
        for part in parts
        for each in ((part.casefold() if folds else part) if isinstance(part, str) else (part,))
    ]


def go_together(one: Occurrence, other: Occurrence) -> bool:
    """Whether both can be needed at once: they are not in different alternatives of one choice."""
    ways = dict(one.way)
    return all(ways.get(choice, at) == at for choice, at in other.way)


def are_aligned(one: Occurrence, other: Occurrence, key: str) -> bool:
    """Whether a variable is the same part of a string in two patterns that the string must match.

    It is if the text before the variable, or behind it, is the same; and the question does not
    matter if one pattern includes the other.
    """
    if one.parts == other.parts or not overlaps(widest(one.parts), widest(other.parts)):
        return True
    for mine in _around(one, key):
        for theirs in _around(other, key):
            if not any(
                mine[side] == theirs[side] and STAR not in mine[side] for side in (0, 1)
            ) and not any(
                all(_includes(wide[side], narrow[side]) for side in (0, 1))
                for wide, narrow in ((mine, theirs), (theirs, mine))
            ):
                return False
    return True


def _around(use: Occurrence, key: str) -> Iterator[tuple[Parts, Parts]]:
    for at, part in enumerate(use.parts):
        if isinstance(part, Variable) and part.key == key:
            yield use.parts[:at], use.parts[at + 1 :]


def _includes(wide: Parts, narrow: Parts) -> bool:
    if wide in (narrow, (STAR,)):
        return True
    if any(isinstance(part, Variable) for part in (*wide, *narrow)):
        return False
    return includes(widest(wide), widest(narrow))
