"""Verification of a log: every event, their order, the checkpoint, and no removal."""

from collections.abc import Iterator
from dataclasses import dataclass

from durward.core.audit.checkpoint import Checkpoint
from durward.core.audit.event import AuditEvent, EventKind
from durward.core.audit.merkle import Tree, leaf_hash
from durward.core.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """The result of a verification; without problems the log matches its checkpoint."""

    events: int
    covered: int
    """The number of events that the newest checkpoint covers."""
    problems: tuple[str, ...]
    older_checked: bool
    set_aside: int
    """The number of foreign rows in its tables, as recorded in the log itself."""

    @property
    def is_sound(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


class Verification:
    """Of one log: it takes the bytes of every event, from the first on, and then a checkpoint.

    An event and the checkpoint that covers it are written in one transaction. So a checkpoint that
    is asked for after the events were read covers each of them; what it does not cover was put
    there by something else. `known` is one that was asked for before: events of later need their
    roots kept, since the newest checkpoint may be of any size from there on.
    """

    def __init__(self, known: Checkpoint, older: Checkpoint | None) -> None:
        self._tree = Tree()
        self._known = known
        self._older = older
        self._checkpoints = {"the checkpoint": known}
        if older:
            self._checkpoints["the older checkpoint"] = older
        self._problems: list[str] = []
        self._seen: set[str] = set()
        self._set_aside = 0
        self._roots: dict[int, bytes] = {}
        self._compare()

    @property
    def size(self) -> int:
        """How many events were taken."""
        return self._tree.size

    def take(self, data: bytes) -> None:
        """The bytes of the next event."""
        self._problems += self._event_problems(data)
        self._tree = self._tree.append(leaf_hash(data))
        self._compare()
        if self._tree.size > self._known.size:
            self._roots[self._tree.size] = self._tree.root

    def report(self, newest: Checkpoint) -> VerificationReport:
        """The result, by a checkpoint that was loaded after the last event was read.

        Without an older checkpoint, kept elsewhere, a log that was rewritten as a whole and signed
        again cannot be distinguished from the original.
        """
        problems = [*self._problems]
        if newest.size < self._known.size:
            problems.append("the checkpoint covers fewer events than when the verification began")
        if self._roots.get(newest.size, newest.root) != newest.root:
            problems.append(f"the first {newest.size} events are not those of the checkpoint")
        newest = max(self._known, newest, key=lambda checkpoint: checkpoint.size)
        for name, checkpoint in (self._checkpoints | {"the checkpoint": newest}).items():
            if checkpoint.size > self.size:
                missing = checkpoint.size - self.size
                problems.append(f"{missing} events that {name} covers are missing")
        if self._older and self._older.size > newest.size:
            problems.append("the older checkpoint covers more events than the newest")
        beyond = max(self.size - newest.size, 0)
        if beyond:
            problems.append(f"{beyond} events are beyond the checkpoint, which does not cover them")
        checked = self._older is not None
        return VerificationReport(self.size, newest.size, tuple(problems), checked, self._set_aside)

    def _compare(self) -> None:
        tree = self._tree
        for name, checkpoint in self._checkpoints.items():
            if tree.size == checkpoint.size and tree.root != checkpoint.root:
                self._problems.append(f"the first {tree.size} events are not those of {name}")

    def _event_problems(self, data: bytes) -> Iterator[str]:
        index = self._tree.size
        try:
            event = AuditEvent.from_wire(data)
        except ProtocolError:
            yield f"event {index} cannot be read"
            return
        if event.to_wire() != data:
            yield f"event {index} is not in its canonical form"
        if event.id in self._seen:
            yield f"event {index} has the id of an earlier one"
        self._seen.add(event.id)
        self._set_aside += event.kind is EventKind.ROW_SET_ASIDE
