"""Verification of a log: every leaf, the order, the checkpoint, and that nothing was taken back."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from durward.core.audit.checkpoint import Checkpoint
from durward.core.audit.event import AuditEvent
from durward.core.audit.merkle import Tree, leaf_hash
from durward.core.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found; without problems the log is what the checkpoint says."""

    events: int
    problems: tuple[str, ...]
    older_checked: bool

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


def verify_log(leaves: Iterable[bytes], newest: Checkpoint, older: Checkpoint | None) -> Report:
    """Compare the bytes of the log, from its first event on, with two checkpoints.

    Without an older checkpoint of somebody else's keeping a log that was rewritten as a whole, and
    signed again, cannot be told from one that was not.
    """
    tree, problems, seen = Tree(), list[str](), set[str]()
    checkpoints = {"the checkpoint": newest} | ({"the older checkpoint": older} if older else {})
    for data in leaves:
        problems += _compare(tree, checkpoints)
        problems += _event_problems(data, tree.size, seen)
        tree = tree.append(leaf_hash(data))
    problems += _compare(tree, checkpoints)
    for name, checkpoint in checkpoints.items():
        if checkpoint.size > tree.size:
            missing = checkpoint.size - tree.size
            problems.append(f"{missing} events that {name} covers are missing")
    if older and older.size > newest.size:
        problems.append("the older checkpoint covers more events than the newest")
    return Report(tree.size, tuple(problems), older is not None)


def _compare(tree: Tree, checkpoints: Mapping[str, Checkpoint]) -> Iterator[str]:
    for name, checkpoint in checkpoints.items():
        if tree.size == checkpoint.size and tree.root != checkpoint.root:
            yield f"the first {tree.size} events are not those of {name}"


def _event_problems(data: bytes, index: int, seen: set[str]) -> Iterator[str]:
    try:
        event = AuditEvent.from_wire(data)
    except ProtocolError:
        yield f"event {index} cannot be read"
        return
    if event.to_wire() != data:
        yield f"event {index} is not in its canonical form"
    if event.id in seen:
        yield f"event {index} has the id of an earlier one"
    seen.add(event.id)
