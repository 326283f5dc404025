"""Decisions as a node spools them, and how they are read back."""

from pathlib import Path

from durward.core.edge.decision_record import DecisionRecord, Stage
from durward.core.values import DecisionId, Instant


def a_decision(number: int) -> DecisionRecord:
    return DecisionRecord(
        id=DecisionId(f"d_{number}"),
        at=Instant(number),
        allowed=True,
        status=200,
        stage=Stage.POLICY,
        reason="",
        method="GET",
        path="/",
        source="",
    )


def ids_in(spool: Path) -> list[str]:
    """The decisions that were written, in order; an empty text for a line that was cut short."""
    lines = [line for line in spool.read_bytes().splitlines() if line]
    return [DecisionRecord.from_wire(line).id if line.endswith(b"}") else "" for line in lines]
