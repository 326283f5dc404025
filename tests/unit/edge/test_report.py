"""How a node stands to a version, by what it told and when."""

import pytest

from durward.core.edge.report import NodeState, Refused, Report, Standing, standing
from durward.core.values import Instant, Seconds, later

NOW = Instant(1_800_000_000_000_000)
WHOLE = Report(node="edge-1", place="p", durward="0", version=5)
REFUSES = Report(
    node="edge-1", place="p", durward="0", version=5, refused={"api/a": Refused("d", "why")}
)
CLOSES = Report(node="edge-1", place="p", durward="0", version=5, closed={"keys": "why"})
LACKS = Report(node="edge-1", place="p", durward="0", version=5, missing=("policies",))


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
        (WHOLE, 5, 31, 5, Standing.SILENT),
        (WHOLE, 5, 86_401, 5, Standing.FORGOTTEN),
    ],
)
def test_standing(
    report: Report | None, version: int, ago: int, asked: int, expected: Standing
) -> None:
    node = NodeState("edge-1", Instant(0), heard(ago), report, version)
    assert standing(node, asked, NOW) == expected
