"""A full disk grants nothing and loses nothing that was committed."""

import resource
from pathlib import Path

import pytest
from tests.live import LiveEdge, kill, wait_for
from tests.spools import a_decision, ids_in

from durward.entrypoints.edge.spool import Spool

ORDER = "/v1/acme/orders/1001"


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
    assert ids_in(path) == ["d_1", "", "d_4"]


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
