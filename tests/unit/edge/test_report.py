"""How a node stands to a version, by what it told and when."""

import pytest
from msgspec.structs import replace

from durward.core.edge.report import (
    NodeReport,
    NodeState,
    Refused,
    RolloutStatus,
    is_late,
    rollout_status,
)
from durward.core.values import Instant, Seconds, later

NOW = Instant(1_800_000_000_000_000)
WHOLE = NodeReport(node="edge-1", place="p", durward="0", version=5, kept=5, revocations=7)
REFUSES = replace(WHOLE, refused={"api/a": Refused("d", "why")})
CLOSES = replace(WHOLE, closed={"keys": "why"})
LACKS = replace(WHOLE, missing=("policies",))
UNKEPT = replace(WHOLE, kept=4)
UNPROVEN = replace(WHOLE, revocations=6)
TROUBLED = replace(WHOLE, troubles=("the disk is full",))
SILENT_OF_IT = NodeReport(node="edge-1", place="p", durward="0", version=5)


def heard(seconds: int) -> Instant:
    return later(NOW, Seconds(-seconds))


@pytest.mark.parametrize(
    ("report", "version", "ago", "asked", "expected"),
    [
        (WHOLE, 5, 0, 5, RolloutStatus.IN_FORCE),
        (WHOLE, 5, 30, 5, RolloutStatus.IN_FORCE),
        (WHOLE, 6, 0, 5, RolloutStatus.IN_FORCE),
        (WHOLE, 5, 0, 6, RolloutStatus.BEHIND),
        (WHOLE, 0, 0, 5, RolloutStatus.BEHIND),  # it has another history
        (None, 0, 0, 1, RolloutStatus.BEHIND),
        (REFUSES, 5, 0, 5, RolloutStatus.PARTLY),
        (CLOSES, 5, 0, 5, RolloutStatus.PARTLY),
        (LACKS, 5, 0, 5, RolloutStatus.PARTLY),
        (UNKEPT, 5, 0, 5, RolloutStatus.BEHIND),
        (UNKEPT, 5, 0, 4, RolloutStatus.IN_FORCE),
        (UNPROVEN, 5, 0, 5, RolloutStatus.BEHIND),
        (TROUBLED, 5, 0, 5, RolloutStatus.BEHIND),
        (SILENT_OF_IT, 5, 0, 5, RolloutStatus.BEHIND),  # what is not told is not so
        (WHOLE, 5, 31, 5, RolloutStatus.SILENT),
        (WHOLE, 5, 86_401, 5, RolloutStatus.FORGOTTEN),
    ],
)
def test_standing(
    report: NodeReport | None, version: int, ago: int, asked: int, expected: RolloutStatus
) -> None:
    node = NodeState("edge-1", Instant(0), heard(ago), report, version)
    assert rollout_status(node, asked, 7, NOW) == expected


@pytest.mark.parametrize(
    ("stands", "since", "late"),
    [
        (RolloutStatus.IN_FORCE, None, False),
        (RolloutStatus.BEHIND, heard(10), False),
        (RolloutStatus.BEHIND, heard(11), True),
        (RolloutStatus.PARTLY, heard(11), True),
        (RolloutStatus.SILENT, None, True),
        (RolloutStatus.FORGOTTEN, heard(100_000), False),
    ],
)
def test_a_node_is_late_that_had_the_time(
    stands: RolloutStatus, since: Instant | None, *, late: bool
) -> None:
    assert is_late(stands, since, NOW) is late
