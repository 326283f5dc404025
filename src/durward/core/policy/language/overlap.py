"""Two patterns held against each other: do they share a text?

A variable counts as `*`: it may bring in any text.
"""

from collections.abc import Sequence
from functools import lru_cache

from durward.core.policy.language.pattern import (
    QUESTION,
    STAR,
    Part,
    Variable,
    Wildcard,
)

Unit = str | Wildcard
"""One character, `?` or `*`."""


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


def places_after(one: Sequence[Part], other: Sequence[Part]) -> list[int]:
    """Where a pattern can go on when a text of another was read; both are given a sign each.

    A `*` there is a part of what follows: with it that means more, and all else too.
    """
    places = set(_read_to(one, other))
    return sorted(each for each in places if each - 1 not in places or other[each - 1] != STAR)


def _read_to(one: Sequence[Part], other: Sequence[Part]) -> list[int]:
    """How much of the other pattern may have been read with a text of the one."""
    seen, waiting = {(0, 0)}, [(0, 0)]
    while waiting:
        place, read = waiting.pop()
        then = []
        theirs = other[read] if read < len(other) else None
        if theirs == STAR:
            then.append((place, read + 1))
        if place < len(one):
            ours = one[place]
            if ours == STAR:
                then.append((place + 1, read))
                if theirs is not None:
                    then.append((place, read + 1))
            elif theirs == STAR:
                then.append((place + 1, read))
            elif theirs is not None and (QUESTION in (ours, theirs) or ours == theirs):
                then.append((place + 1, read + 1))
        waiting += [each for each in then if each not in seen]
        seen.update(then)
    return [read for place, read in seen if place == len(one)]
