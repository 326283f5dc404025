"""What is found while a document is read: what is wrong, what is told, what was not read.

A document is written by others, and people read of it on terminals: nothing of it is told that
could not be printed, and nothing without end.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from durward.core.difference import printable, shown
from durward.core.errors import Misconfigured

MAX_TOLD = 20
MAX_POINTER_CHARACTERS = 400
MAX_MESSAGE_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a place (a JSON pointer, RFC 6901), and what to write instead."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return _line(self.pointer, self.message)


class DocumentRefused(Misconfigured):
    """An OpenAPI document that is not taken; all its faults at once."""

    def __init__(self, api: str, faults: Sequence[Fault]) -> None:
        lines = told(str(fault) for fault in faults)
        super().__init__(api, "\n  ".join(["the OpenAPI document is refused:", *lines]))
        self.faults = tuple(faults)


def told(lines: Iterable[str]) -> list[str]:
    """The first twenty lines, and how many more there are."""
    listed = list(lines)
    more = [f"and {len(listed) - MAX_TOLD} more"] if len(listed) > MAX_TOLD else []
    return [*map(printable, listed[:MAX_TOLD]), *more]


@dataclass
class Findings:
    """Collects what one reading finds."""

    faults: list[Fault] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    _notes: dict[str, list[str]] = field(default_factory=dict)

    def refuse(self, pointer: str, message: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(pointer, message))

    def leave(self, name: str, number: int = 1) -> None:
        """Count what is not read."""
        self.unread[shown(name)] += number

    def note(self, pointer: str, message: str) -> None:
        """Note what is taken and worth to be known; alike at many places it is told once."""
        self._notes.setdefault(message, []).append(pointer)

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each kind of note: its first place, and how many more there are."""
        return tuple(
            _line(places[0], message) + (f" (and {len(places) - 1} more)" if places[1:] else "")
            for message, places in self._notes.items()
        )


def _line(pointer: str, message: str) -> str:
    place = shown(pointer or "/", MAX_POINTER_CHARACTERS)
    return f"{place}: {shown(message, MAX_MESSAGE_CHARACTERS)}"


def pointed(place: str, *names: str) -> str:
    """The pointer of a member below a place (RFC 6901 §3)."""
    return place + "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
