"""What is found while a document is read: what is wrong, what is told, what was not read.

A document is written by others, and people read of it on terminals: nothing of it is told that
could not be printed, and nothing without end.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from durward.core.difference import excerpt, printable
from durward.core.errors import Misconfigured

MAX_TOLD = 20
MAX_FAULTS = 1_000
"""A document with more is not read further."""
MAX_NAMES = 10_000
"""Of members that are not read: each is held against those that are."""
MAX_KEPT_CHARACTERS = 3_000
"""Of a pointer: a path of 1 000 characters, escaped, and what is below it."""
MAX_POINTER_CHARACTERS = 400
MAX_MESSAGE_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a place (a JSON pointer, RFC 6901), and what to write instead."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return _line(self.pointer, self.message)


class TooMany(Exception):  # noqa: N818 - no error of ours: reading ends, and the faults are told
    """So many faults that the document is not read further."""


class DocumentRefused(Misconfigured):
    """An OpenAPI document that is not taken; all its faults at once."""

    def __init__(self, api: str, faults: Sequence[Fault]) -> None:
        lines = first_lines(str(fault) for fault in faults)
        super().__init__(api, "\n  ".join(["the OpenAPI document is refused:", *lines]))
        self.faults = tuple(faults)


def first_lines(lines: Iterable[str]) -> list[str]:
    """The first twenty lines, and how many more there are."""
    listed = list(lines)
    least = "at least " if len(listed) >= MAX_FAULTS else ""
    more = [f"and {least}{len(listed) - MAX_TOLD} more"] if len(listed) > MAX_TOLD else []
    return [*map(printable, listed[:MAX_TOLD]), *more]


@dataclass
class Findings:
    """Collects what one reading finds."""

    faults: list[Fault] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    _notes: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Of each its first place, and at how many it holds."""
    _opening: set[str] = field(default_factory=set)

    def refuse(self, pointer: str, message: str) -> None:
        """Note a fault. Raises TooMany."""
        self.faults.append(
            Fault(pointer[:MAX_KEPT_CHARACTERS], excerpt(message, MAX_MESSAGE_CHARACTERS))
        )
        if len(self.faults) >= MAX_FAULTS:
            raise TooMany

    def leave(self, name: str, number: int = 1) -> None:
        """Count what is not read. Raises TooMany."""
        self.unread[excerpt(name)] += number
        if len(self.unread) > MAX_NAMES:
            self.refuse("", f"more than {MAX_NAMES} different members that are not read")
            raise TooMany

    def note(self, pointer: str, message: str, *, opens: bool = False) -> None:
        """Note what is taken and worth to be known; alike at many places it is told once.

        `opens` tells that more may ask than its author may expect.
        """
        message = excerpt(message, MAX_MESSAGE_CHARACTERS)
        if opens:
            self._opening.add(message)
        first, count = self._notes.get(message, (pointer, 0))
        self._notes[message] = (first, count + 1)

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each kind of note, what opens first: its first place, and how many more."""
        return tuple(
            _line(first, message) + (f" (and {count - 1} more)" if count > 1 else "")
            for message, (first, count) in sorted(
                self._notes.items(), key=lambda noted: noted[0] not in self._opening
            )
        )

    @property
    def opening(self) -> int:
        """How many of the notes tell that something is open: the first ones."""
        return len(self._opening)


def _line(pointer: str, message: str) -> str:
    place = excerpt(pointer or "/", MAX_POINTER_CHARACTERS)
    return f"{place}: {excerpt(message, MAX_MESSAGE_CHARACTERS)}"


def pointed(place: str, *names: str) -> str:
    """The pointer of a member below a place (RFC 6901 §3)."""
    return place + "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
