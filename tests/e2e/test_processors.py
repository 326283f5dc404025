"""A decision point and a worker of Envoy for each processor: as one, and without one of them."""

from pathlib import Path

from tests.live import kill, live_edge, try_get, wait_for

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
        kill(edge.children()["pdp"])
        wait_for(lambda: statuses() == {403})
