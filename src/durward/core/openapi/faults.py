"""The findings of a reading of a document: faults, notes, and members that are not read.

A document comes from others, and findings are shown on terminals: quotations are printable and
bounded.
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
"""Different unread members: each is compared with the members that are read."""
MAX_KEPT_CHARACTERS = 3_000
"""Of a pointer: a path of 1 000 characters, escaped, and what is below it."""
MAX_POINTER_CHARACTERS = 400
MAX_MESSAGE_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem at a place (a JSON pointer, RFC 6901), and what to write instead."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return _line(self.pointer, self.message)


class TooMany(Exception):  # noqa: N818 - no error of ours: reading ends, and the faults are told
    """Too many faults: the document is not read further."""


class DocumentRefused(Misconfigured):
    """An OpenAPI document is refused, with all its faults."""

    def __init__(self, api: str, faults: Sequence[Fault]) -> None:
        lines = first_lines(str(fault) for fault in faults)
        super().__init__(api, "\n  ".join(["the OpenAPI document is refused:", *lines]))
        self.faults = tuple(faults)


def first_lines(lines: Iterable[str]) -> list[str]:
    """The first twenty lines, and the number of the others."""
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
    """The first place of each note, and the number of its places."""
    _opening: set[str] = field(default_factory=set)

    def refuse(self, pointer: str, message: str) -> None:
        """Note a fault. Raises TooMany."""
        self.faults.append(
            Fault(pointer[:MAX_KEPT_CHARACTERS], excerpt(message, MAX_MESSAGE_CHARACTERS))
        )
        if len(self.faults) >= MAX_FAULTS:
            raise TooMany

    def leave(self, name: str, number: int = 1) -> None:
        """Count a member that is not read. Raises TooMany."""
        self.unread[excerpt(name)] += number
        if len(self.unread) > MAX_NAMES:
            self.refuse("", f"more than {MAX_NAMES} different members that are not read")
            raise TooMany

    def note(self, pointer: str, message: str, *, opens: bool = False) -> None:
        """Note an accepted reading that may surprise; the same note at many places appears once.

        `opens`: it gives access to more callers than the author may expect.
        """
        message = excerpt(message, MAX_MESSAGE_CHARACTERS)
        if opens:
            self._opening.add(message)
        first, count = self._notes.get(message, (pointer, 0))
        self._notes[message] = (first, count + 1)

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each note, with its first place and how many more; open access comes first."""
        return tuple(
            _line(first, message) + (f" (and {count - 1} more)" if count > 1 else "")
            for message, (first, count) in sorted(
                self._notes.items(), key=lambda noted: noted[0] not in self._opening
            )
        )

    @property
    def opening(self) -> int:
        """The number of notes that open access; they are the first."""
        return len(self._opening)


def _line(pointer: str, message: str) -> str:
    place = excerpt(pointer or "/", MAX_POINTER_CHARACTERS)
    return f"{place}: {excerpt(message, MAX_MESSAGE_CHARACTERS)}"


def pointed(place: str, *names: str) -> str:
    """The pointer of a member below a place (RFC 6901 §3)."""
    return place + "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
