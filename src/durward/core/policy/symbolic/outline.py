"""An over-approximation of the actions and resources of a statement, to skip irrelevant ones."""

from dataclasses import dataclass

from durward.core.policy.language.document import Statement

Segments = tuple[str | None, ...]
"""The segments of a pattern; None for one that is not literal."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The actions and resources named without wildcards; None if others are possible."""

    actions: frozenset[str] | None
    resources: tuple[Segments, ...] | None


def outline_of(statement: Statement) -> Outline:
    """The outline of a statement."""
    actions, resources = None, None
    if not statement.actions.complement:
        names = [pattern.template.parts for pattern in statement.actions.patterns]
        if all(len(parts) == 1 and parts[0].__class__ is str for parts in names):
            actions = frozenset([str(parts[0]) for parts in names])
    if not statement.resources.complement:
        resources = tuple(
            [
                tuple([part.literal for part in pattern.segments or ()])
                for pattern in statement.resources.patterns
            ]
        )
    return Outline(actions, resources)


def could_meet(one: Outline, other: Outline) -> bool:
    """Whether a request can match both; False is a proof."""
    mine, theirs = one.actions, other.actions
    if mine is not None and theirs is not None and mine.isdisjoint(theirs):
        return False
    if one.resources is None or other.resources is None:
        return True
    for a in one.resources:
        for b in other.resources:
            if _could_be(a, b):
                return True
    return False


def _could_be(mine: Segments, theirs: Segments) -> bool:
    """Whether one resource can match both: False if two literal segments differ.

    The last ones differ most often, so they are compared first.
    """
    if len(mine) != len(theirs):
        return True
    for a, b in zip(reversed(mine), reversed(theirs), strict=True):
        if a is not None and b is not None and a != b:
            return False
    return True
