"""A decision point and a worker of Envoy for each processor: as one, and without one of them."""

from dataclasses import replace
from pathlib import Path

import httpx2
from tests.live import LiveEdge, kill, live_edge, try_get, wait_for

from durward.entrypoints.edge.agent import ACCEPTED
from durward.settings import EdgeSettings, processors

ORDER = "/v1/acme/orders/1001"
MANY = 10


def test_there_are_as_many_as_the_machine_has_unless_it_is_said(tmp_path: Path) -> None:
    folder = str(tmp_path)
    usual = EdgeSettings(apis="127.0.0.1:1", runtime=folder, state=folder)
    assert processors() >= 1
    assert len(usual.node().decision_points) == processors()
    three = EdgeSettings(apis="127.0.0.1:1", runtime=folder, state=folder, decision_points=3)
    assert len(three.node().decision_points) == 3


def accepted(edge: LiveEdge) -> dict[str, int]:
    """The connections of each worker of Envoy."""
    transport = httpx2.HTTPTransport(uds=str(edge.folder / "envoy.sock"))
    with httpx2.Client(transport=transport, timeout=10) as admin:
        stats = admin.get("http://envoy/stats", params={"filter": ACCEPTED}).text
    return {
        name: int(count)
        for name, _, count in (each.partition(": ") for each in stats.split("\n"))
        if name
    }


def test_what_is_published_is_in_force_at_all_of_them_and_one_that_is_lost_holds_up_nobody() -> (
    None
):
    with live_edge(each=2) as edge:
        bearer = f"Bearer {edge.token()}"

        def statuses() -> set[int | None]:
            """Each on a connection of its own, which any worker may get."""
            return {try_get(edge, ORDER, authorization=bearer) for _ in range(MANY)}

        assert statuses() == {200}
        spools = list(edge.folder.glob("spool/pdp-*.jsonl"))
        assert len(spools) == 2
        assert all(path.stat().st_size for path in spools)
        assert edge.publish(edge.snapshot(2, policies=False)).status_code == 200
        assert statuses() == {403}
        before = accepted(edge)
        third = edge.snapshot(3, policies=False)
        others = tuple(replace(api, audience=f"{api.audience}/3") for api in third.apis)
        assert edge.publish(replace(third, apis=others)).status_code == 200
        after = accepted(edge)
        assert len(before) == 2
        assert all(after[worker] > count for worker, count in before.items()), "canaries at each"
        assert edge.publish(edge.snapshot(4, policies=False)).status_code == 200
        kill(edge.children()["pdp"])
        wait_for(lambda: statuses() == {403})
