"""Two patterns held against each other: do they share a text, does one mean all of the other's?

A variable counts as `*`: it may bring in any text.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from durward.core.policy.pattern import (
    QUESTION,
    STAR,
    Part,
    ResourcePattern,
    Template,
    Variable,
    Wildcard,
)

Unit = str | Wildcard
"""One character, `?` or `*`."""

_ANYTHING = "\ue000"
"""A character that no author writes: only a `*` of the other pattern can take it."""


@lru_cache(maxsize=4096)
def units(parts: tuple[Part, ...]) -> tuple[Unit, ...]:
    """The parts, a character each; no two `*` in a row."""
    found: list[Unit] = []
    for part in parts:
        if isinstance(part, str):
            found += part
        else:
            unit = STAR if isinstance(part, Variable) else part
            if unit != STAR or found[-1:] != [STAR]:
                found.append(unit)
    return tuple(found)


@lru_cache(maxsize=4096)
def overlaps(one: Sequence[Unit], other: Sequence[Unit]) -> bool:
    """Whether some text is meant by both.

    Reads `one` unit by unit and keeps, as bits, how much of `other` can have been read with it.
    """
    stars, questions = _places(other, STAR), _places(other, QUESTION)
    reached = _over_stars(1, stars)
    for unit in one:
        if unit == STAR:
            lowest = reached & -reached
            reached |= (1 << (len(other) + 1)) - lowest
        else:
            same = ((1 << len(other)) - 1) & ~stars if unit == QUESTION else _places(other, unit)
            reached = (reached & stars) | ((reached & (same | questions)) << 1)
        if not reached:
            return False
        reached = _over_stars(reached, stars)
    return bool(reached >> len(other) & 1)


def _places(text: Sequence[Unit], wanted: Unit) -> int:
    return sum(1 << place for place, unit in enumerate(text) if unit == wanted)


def _over_stars(reached: int, stars: int) -> int:
    return reached | ((reached & stars) << 1)


def covers(wide: Template, narrow: Template) -> bool:
    """Whether `wide` is known to mean every text that `narrow` means; False where it is not known.

    What stands for a wildcard of `narrow` can only be taken by a `*` of `wide`, which takes
    anything else as well.
    """
    if wide.is_star or wide.parts == narrow.parts:
        return True
    if wide.test is None or QUESTION in wide.parts:
        return False
    return wide.test("".join(part if isinstance(part, str) else _ANYTHING for part in narrow.parts))


def resource_covers(wide: ResourcePattern, narrow: ResourcePattern) -> bool:
    """`covers`, for each segment of a resource."""
    if wide.segments is None:
        return True
    if narrow.segments is None:
        return False
    return all(map(covers, wide.segments, narrow.segments))


def all_covered(wide: Iterable[ResourcePattern], narrow: Iterable[ResourcePattern]) -> bool:
    """Whether each of the narrow ones is covered by a wide one."""
    listed = tuple(wide)
    return all(any(resource_covers(each, one) for each in listed) for one in narrow)
