"""Two changes of one text brought together, line by line (three-way merge)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff


class MergeConflict(Exception):  # noqa: N818 - a fact about two texts
    """Both changed the same lines; `line` is that in the text of `mine`, from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


@dataclass(frozen=True, slots=True)
class _Change:
    """Lines of the base that one side replaced by others."""

    begin: int
    end: int
    lines: tuple[str, ...]
    place: int
    """Where these are in the side's text."""


def merged(base: str, mine: str, theirs: str) -> str:
    """The base with both changes. Raises MergeConflict where they touch the same lines."""
    if mine in {base, theirs}:
        return theirs
    if theirs == base:
        return mine
    lines = base.splitlines(keepends=True)
    queues = [list(_changes(lines, side.splitlines(keepends=True))) for side in (mine, theirs)]
    result: list[str] = []
    place = 0
    while queues[0] or queues[1]:
        first = _next(queues)
        if first.begin < place:
            raise MergeConflict(first.place + 1)
        result += lines[place : first.begin]
        result += first.lines
        place = first.end
    return "".join([*result, *lines[place:]])


def diff_lines(before: str, after: str, name: str) -> list[str]:
    """The lines of a unified diff; nothing where both are equal."""
    return [
        line.rstrip("\n")
        for line in unified_diff(
            before.splitlines(), after.splitlines(), name if before else "/dev/null", name, n=2
        )
    ]


def _changes(base: Sequence[str], side: Sequence[str]) -> Iterator[_Change]:
    matcher = SequenceMatcher(None, base, side, autojunk=False)
    for kind, begin, end, place, last in matcher.get_opcodes():
        if kind != "equal":
            yield _Change(begin, end, tuple(side[place:last]), place)


def _next(queues: list[list[_Change]]) -> _Change:
    """The next change of either side, taken from its queue; one that both made is taken once.

    Raises MergeConflict where the two overlap, or both insert lines at one place.
    """
    mine, theirs = queues
    if not mine or not theirs:
        return (mine or theirs).pop(0)
    first, second = mine[0], theirs[0]
    if (first.begin, first.end, first.lines) == (second.begin, second.end, second.lines):
        mine.pop(0)
        return theirs.pop(0)
    both_insert = first.begin == first.end == second.begin == second.end
    if both_insert or (first.begin < second.end and second.begin < first.end):
        raise MergeConflict(first.place + 1)
    return (mine if (first.begin, first.end) < (second.begin, second.end) else theirs).pop(0)
