"""The report of a node of the edge, and its rollout status (ADR 22)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from durward.core.values import MICROSECONDS, Instant, Seconds, later

EVERY_SECONDS = 10.0
"""The interval of reports when nothing changes."""
IN_CONTACT = Seconds(30)
"""`apply` waits for a node that was heard of within this time."""
REMEMBERED = Seconds(86_400)
"""A node that is silent for longer is not counted."""
BEHIND_AFTER = Seconds(10)
"""The time after which `status` reports a node that lacks a version as behind."""
MAX_TOLD = 20
"""The number of refused parts in a report."""


class Refused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part that did not come into force; the former one of its name stays in force."""

    digest: str
    why: str


class NodeReport(msgspec.Struct, frozen=True, kw_only=True):
    """One report. Unknown members, from a newer node, are ignored."""

    node: str
    place: str
    """The folder and the machine: each place is one node."""
    durward: str
    list: str = ""
    """The digest of the last accepted list; empty if the node has none."""
    version: int = 0
    kept: int = 0
    """The version that is complete on the node's disk, for a start without control plane."""
    parts: int = 0
    """The number of parts in force."""
    refused: dict[str, Refused] = {}
    closed: dict[str, str] = {}
    missing: tuple[str, ...] = ()
    """Parts of the list that the node lacks; their subjects are closed."""
    revocations: int = 0
    """The sequence number up to which revocations are stored, and proven to be in force."""
    revocations_at: int = 0
    """The time of the revocation of that number: both together identify it across restores."""
    push_seconds: float = 0.0
    """The seconds of the last change from its arrival to its effect."""
    spool_bytes: int = 0
    """Bytes of records that are not shipped yet."""
    disk_free_bytes: int = 0
    troubles: tuple[str, ...] = ()
    """Present failures, which are retried."""
    warnings: tuple[str, ...] = ()
    """What is in force and needs an operator, such as a certificate that ends soon."""
    troubled_seconds: float = 0.0
    """The time for which there has been any trouble."""

    @property
    def is_whole(self) -> bool:
        """Whether every part of the accepted list is in force."""
        return not (self.refused or self.closed or self.missing)


class ReportReply(msgspec.Struct, frozen=True):
    """The response to a report."""

    known: bool
    """Whether the node has joined; a forgotten node joins again."""
    is_ahead: bool
    """Whether the node has a version that this database never published: it was restored."""


@dataclass(frozen=True)
class NodeState:
    """A node as the control plane knows it."""

    id: str
    joined_at: Instant
    heard_at: Instant
    report: NodeReport | None
    version: int
    """The version in force there; 0 if it is not a version of this database."""


class RolloutStatus(StrEnum):
    """Whether a version is in force on a node."""

    IN_FORCE = "in force"
    PARTLY = "partly in force"
    BEHIND = "behind"
    SILENT = "silent"
    FORGOTTEN = "not counted"


def rollout_status(node: NodeState, version: int, revocations: int, now: Instant) -> RolloutStatus:
    """The status of a node for a version and for the revocations up to a sequence number.

    It is not known whether a silent node has them.
    """
    if later(node.heard_at, REMEMBERED) < now:
        return RolloutStatus.FORGOTTEN
    if later(node.heard_at, IN_CONTACT) < now:
        return RolloutStatus.SILENT
    if node.report is None or lacks(node, version, revocations) or node.report.troubles:
        return RolloutStatus.BEHIND
    return RolloutStatus.IN_FORCE if node.report.is_whole else RolloutStatus.PARTLY


def lacks(node: NodeState, version: int, revocations: int) -> list[str]:
    """What a node lacks of a version and of the revocations up to a sequence number.

    A version must be in force and on disk, since a node without a control plane starts from its
    disk. What a report does not state counts as lacking.
    """
    told = node.report
    if told is None:
        return ["it has not reported yet"]
    found = []
    if node.version < version:
        found.append(f"version {version} is not in force")
    elif told.kept < version:
        found.append(f"version {version} is in force, and not on its disk")
    if told.revocations < revocations:
        found.append(f"revocations to {revocations}: those to {told.revocations} are in force")
    return found


def is_late(stands: RolloutStatus, since: Instant | None, now: Instant) -> bool:
    """Whether a node has been behind or silent for too long.

    `since` is the time from which it has lacked something.
    """
    if stands in (RolloutStatus.SILENT, RolloutStatus.FORGOTTEN):
        return stands is RolloutStatus.SILENT
    return since is not None and later(since, BEHIND_AFTER) < now


def seconds_since(instant: Instant, now: Instant) -> float:
    """The seconds from an instant to now."""
    return max(now - instant, 0) / MICROSECONDS


def reasons(report: NodeReport) -> Mapping[str, str]:
    """The reason for each part that is not in force."""
    return {
        **{name: refused.why for name, refused in report.refused.items()},
        **report.closed,
        **dict.fromkeys(report.missing, "the node has not received it"),
    }
