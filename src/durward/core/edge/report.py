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


class NodeReport(msgspec.Struct, frozen=True, kw_only=True):
    """One report. Members that a newer node sends and we do not know are not looked at."""

    node: str
    place: str
    """Which folder of which machine: a node is one of them."""
    durward: str
    list: str = ""
    """The digest of the signed list that was taken last; empty where the node has none."""
    version: int = 0
    kept: int = 0
    """The version that is whole on the node's disk: it starts with it where nobody answers."""
    parts: int = 0
    """How many of its parts are in force."""
    refused: dict[str, Refused] = {}
    closed: dict[str, str] = {}
    missing: tuple[str, ...] = ()
    """Parts of the list that the node has not, and whose subject is closed."""
    revocations: int = 0
    """The sequence number up to which revocations were kept, and proven to be in force."""
    revocations_at: int = 0
    """When the revocation of that number was made: by both it is known whose number it is."""
    push_seconds: float = 0.0
    """How long the last change took from its arrival to its effect."""
    spool_bytes: int = 0
    """Records that the control plane has not."""
    disk_free_bytes: int = 0
    troubles: tuple[str, ...] = ()
    """What fails now and is tried again."""
    troubled_seconds: float = 0.0
    """How long there has been one or another of them."""

    @property
    def is_whole(self) -> bool:
        """Whether everything on the list that it took is in force."""
        return not (self.refused or self.closed or self.missing)


class ReportReply(msgspec.Struct, frozen=True):
    """What a node is told in answer to its report."""

    known: bool
    """Whether it has joined; a node that was forgotten joins anew."""
    is_ahead: bool
    """Whether it has in force what this database did not publish: the database was put back."""


@dataclass(frozen=True)
class NodeState:
    """A node as the control plane knows it."""

    id: str
    joined_at: Instant
    heard_at: Instant
    report: NodeReport | None
    version: int
    """The version in force there as this database counts: 0 where the node has another history."""


class RolloutStatus(StrEnum):
    """How a node stands to a version."""

    IN_FORCE = "in force"
    PARTLY = "partly in force"
    BEHIND = "behind"
    SILENT = "silent"
    FORGOTTEN = "not counted"


def rollout_status(node: NodeState, version: int, revocations: int, now: Instant) -> RolloutStatus:
    """How a node stands to a version, and to what was revoked up to a sequence number.

    One that is silent may have them or not.
    """
    if later(node.heard_at, REMEMBERED) < now:
        return RolloutStatus.FORGOTTEN
    if later(node.heard_at, IN_CONTACT) < now:
        return RolloutStatus.SILENT
    if node.report is None or lacks(node, version, revocations) or node.report.troubles:
        return RolloutStatus.BEHIND
    return RolloutStatus.IN_FORCE if node.report.is_whole else RolloutStatus.PARTLY


def lacks(node: NodeState, version: int, revocations: int) -> list[str]:
    """What a node has not of a version, and of what was revoked up to a sequence number.

    It decides nothing under a version that it has yet to take, and goes back, where it starts
    without the control plane, to what it keeps. What it does not tell it has not.
    """
    told = node.report
    if told is None:
        return ["it has not told yet what is in force there"]
    found = []
    if node.version < version:
        found.append(f"version {version} is not in force")
    elif told.kept < version:
        found.append(f"version {version} is in force, and not on its disk")
    if told.revocations < revocations:
        found.append(f"revocations to {revocations}: those to {told.revocations} are in force")
    return found


def is_late(stands: RolloutStatus, since: Instant | None, now: Instant) -> bool:
    """Whether a node is not where it should be although it had the time.

    `since` is when it began to lack something; one that is silent was not heard of for longer.
    """
    if stands in (RolloutStatus.SILENT, RolloutStatus.FORGOTTEN):
        return stands is RolloutStatus.SILENT
    return since is not None and later(since, BEHIND_AFTER) < now


def seconds_since(instant: Instant, now: Instant) -> float:
    """How long ago it was, in seconds."""
    return max(now - instant, 0) / MICROSECONDS


def reasons(report: NodeReport) -> Mapping[str, str]:
    """Why each part that is not in force is not."""
    return {
        **{name: refused.why for name, refused in report.refused.items()},
        **report.closed,
        **dict.fromkeys(report.missing, "the node has not received it"),
    }
