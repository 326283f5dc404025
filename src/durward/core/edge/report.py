"""What a node of the edge tells of itself, and how it stands to what is published (ADR 22)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from durward.core.values import MICROSECONDS, Instant, Seconds, later

EVERY_SECONDS = 10.0
"""How often a node tells of itself when nothing changes."""
IN_CONTACT = Seconds(30)
"""A node that was heard of within this time is waited for."""
REMEMBERED = Seconds(86_400)
"""A node that was silent for longer does not count any more."""
BEHIND_AFTER = Seconds(10)
"""How long a node may take for what is published before `status` finds it behind."""
MAX_TOLD = 20
"""How many refused parts a report names."""


class Refused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part that did not come into force; the former one of its name stays."""

    digest: str
    why: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One report. Members that a newer node sends and we do not know are not looked at."""

    node: str
    place: str
    """Which folder of which machine: a node is one of them."""
    durward: str
    list: str = ""
    """The digest of the signed list that was taken last; empty where the node has none."""
    version: int = 0
    parts: int = 0
    """How many of its parts are in force."""
    refused: dict[str, Refused] = {}
    closed: dict[str, str] = {}
    missing: tuple[str, ...] = ()
    """Parts of the list that the node has not, and whose subject is closed."""
    revocations: int = 0
    """The sequence number up to which revocations are in force."""
    push_seconds: float = 0.0
    """How long the last change took from its arrival to its effect."""
    spool_bytes: int = 0
    """Records that the control plane has not."""
    disk_free_bytes: int = 0
    troubles: tuple[str, ...] = ()
    """What fails now and is tried again."""

    @property
    def is_whole(self) -> bool:
        """Whether everything on the list that it took is in force."""
        return not (self.refused or self.closed or self.missing)


@dataclass(frozen=True)
class NodeState:
    """A node as the control plane knows it."""

    id: str
    joined_at: Instant
    heard_at: Instant
    report: Report | None
    version: int
    """The version in force there as this database counts: 0 where the node has another history."""


class Standing(StrEnum):
    """How a node stands to a version."""

    IN_FORCE = "in force"
    PARTLY = "partly in force"
    BEHIND = "behind"
    SILENT = "silent"
    FORGOTTEN = "not counted"


def standing(node: NodeState, version: int, now: Instant) -> Standing:
    """How a node stands to a version; one that is silent may have it or not."""
    if later(node.heard_at, REMEMBERED) < now:
        return Standing.FORGOTTEN
    if later(node.heard_at, IN_CONTACT) < now:
        return Standing.SILENT
    if node.report is None or node.version < version:
        return Standing.BEHIND
    return Standing.IN_FORCE if node.report.is_whole else Standing.PARTLY


def seconds_since(instant: Instant, now: Instant) -> float:
    """How long ago it was, in seconds."""
    return max(now - instant, 0) / MICROSECONDS


def reasons(report: Report) -> Mapping[str, str]:
    """Why each part that is not in force is not."""
    return {
        **{name: refused.why for name, refused in report.refused.items()},
        **report.closed,
        **dict.fromkeys(report.missing, "the node has not received it"),
    }
