"""How a node stands to a version, by what it told and when."""

import pytest
from msgspec.structs import replace

from durward.core.edge.report import NodeState, Refused, Report, Standing, is_late, standing
from durward.core.values import Instant, Seconds, later

NOW = Instant(1_800_000_000_000_000)
WHOLE = Report(node="edge-1", place="p", durward="0", version=5, kept=5, revocations=7)
REFUSES = replace(WHOLE, refused={"api/a": Refused("d", "why")})
CLOSES = replace(WHOLE, closed={"keys": "why"})
LACKS = replace(WHOLE, missing=("policies",))
UNKEPT = replace(WHOLE, kept=4)
UNPROVEN = replace(WHOLE, revocations=6)
TROUBLED = replace(WHOLE, troubles=("the disk is full",))
SILENT_OF_IT = Report(node="edge-1", place="p", durward="0", version=5)


def heard(seconds: int) -> Instant:
    return later(NOW, Seconds(-seconds))


@pytest.mark.parametrize(
    ("report", "version", "ago", "asked", "expected"),
    [
        (WHOLE, 5, 0, 5, Standing.IN_FORCE),
        (WHOLE, 5, 30, 5, Standing.IN_FORCE),
        (WHOLE, 6, 0, 5, Standing.IN_FORCE),
        (WHOLE, 5, 0, 6, Standing.BEHIND),
        (WHOLE, 0, 0, 5, Standing.BEHIND),  # it has another history
        (None, 0, 0, 1, Standing.BEHIND),
        (REFUSES, 5, 0, 5, Standing.PARTLY),
        (CLOSES, 5, 0, 5, Standing.PARTLY),
        (LACKS, 5, 0, 5, Standing.PARTLY),
        (UNKEPT, 5, 0, 5, Standing.BEHIND),
        (UNKEPT, 5, 0, 4, Standing.IN_FORCE),
        (UNPROVEN, 5, 0, 5, Standing.BEHIND),
        (TROUBLED, 5, 0, 5, Standing.BEHIND),
        (SILENT_OF_IT, 5, 0, 5, Standing.BEHIND),  # what is not told is not so
        (WHOLE, 5, 31, 5, Standing.SILENT),
        (WHOLE, 5, 86_401, 5, Standing.FORGOTTEN),
    ],
)
def test_standing(
    report: Report | None, version: int, ago: int, asked: int, expected: Standing
) -> None:
    node = NodeState("edge-1", Instant(0), heard(ago), report, version)
    assert standing(node, asked, 7, NOW) == expected


@pytest.mark.parametrize(
    ("stands", "since", "late"),
    [
        (Standing.IN_FORCE, None, False),
        (Standing.BEHIND, heard(10), False),
        (Standing.BEHIND, heard(11), True),
        (Standing.PARTLY, heard(11), True),
        (Standing.SILENT, None, True),
        (Standing.FORGOTTEN, heard(100_000), False),
    ],
)
def test_a_node_is_late_that_had_the_time(
    stands: Standing, since: Instant | None, *, late: bool
) -> None:
    assert is_late(stands, since, NOW) is late
