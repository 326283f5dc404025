"""A full disk grants nothing and loses nothing that was committed."""

import resource
from pathlib import Path

import pytest
from tests.live import LiveEdge, kill, wait_for

from durward.core.edge.decision import Decision, Stage
from durward.core.errors import Unavailable
from durward.core.values import DecisionId, Instant
from durward.faces.edge.spool import Spool
from durward.faces.edge.xds import replace

ORDER = "/v1/acme/orders/1001"


def a_decision(number: int) -> Decision:
    return Decision(
        id=DecisionId(f"d_{number}"),
        at=Instant(number),
        allowed=True,
        status=200,
        stage=Stage.POLICY,
        reason="r" * 100,
        method="GET",
        path="/",
        source="",
    )


def test_a_line_that_was_cut_short_does_not_take_the_next_one_with_it(tmp_path: Path) -> None:
    path = tmp_path / "spool.jsonl"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Spool(path) as spool:
        spool.append(a_decision(1), durable=True)
        whole = path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (whole + 20, before[1]))
        try:
            for number in (2, 3):
                with pytest.raises(OSError, match=r"written in part|too large"):
                    spool.append(a_decision(number), durable=True)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        spool.append(a_decision(4), durable=True)
    kept = [line for line in path.read_bytes().splitlines() if line.endswith(b"}")]
    assert [Decision.from_wire(line).id for line in kept] == ["d_1", "d_4"]


def test_a_file_that_cannot_be_renamed_leaves_what_was_there(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.mkdir()
    with pytest.raises(Unavailable, match="cannot be written"):
        replace(in_the_way, b"content")
    assert in_the_way.is_dir()


@pytest.mark.requirement("ZT-1")
def test_a_decision_that_cannot_be_recorded_allows_nothing(own_edge: LiveEdge) -> None:
    bearer = f"Bearer {own_edge.token()}"
    assert own_edge.get(ORDER, authorization=bearer).status_code == 200
    spool = own_edge.folder / "spool" / "pdp-0.jsonl"
    spool.unlink()
    spool.symlink_to("/dev/full")
    kill(own_edge.children()["pdp"])
    wait_for(lambda: "pdp" in own_edge.children())
    wait_for(lambda: own_edge.get(ORDER, authorization=bearer).status_code == 503)
    for path in (ORDER, "/v1/status", "/v1/globex/orders/2001"):
        reply = own_edge.get(path, authorization=bearer)
        assert reply.status_code == 503
        assert reply.headers["retry-after"]
