"""Who is there and does not answer is replaced, and allows nothing meanwhile."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx2
import pytest
from tests.demo import Demo
from tests.live import LiveEdge, try_get, wait_for

from durward.entrypoints import process
from durward.entrypoints.process import Child, keep_running

pytestmark = pytest.mark.alone

ORDER = "/v1/acme/orders/1001"


def stop(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)


def children(demo: Demo) -> list[int]:
    edge = demo.process("edge")
    return list(map(int, Path(f"/proc/{edge}/task/{edge}/children").read_text().split()))


@pytest.mark.requirement("ZT-1")
def test_what_is_stopped_is_replaced_and_allows_nothing(demo: Demo, own_edge: LiveEdge) -> None:
    """By the agent: its decision point and Envoy. By the demo: the agent, and the control plane.

    The Envoy of an agent that was killed cannot end while it is stopped: the next agent ends it.
    """
    bearer = f"Bearer {own_edge.token()}"
    assert try_get(own_edge, ORDER, authorization=bearer) == 200
    here, there = own_edge.children(), [demo.process("serve"), demo.process("edge")]
    token = demo.token().json()["access_token"]
    report = "/v1/acme/reports/summary"
    assert demo.get(report, token).status_code == 200
    stop(here["pdp"], *there, *children(demo))
    assert try_get(own_edge, ORDER, authorization=bearer) == 503
    assert try_get(own_edge, "/v1/globex/orders/2001", authorization=bearer) == 503
    stop(here["envoy"])
    wait_for(lambda: try_get(own_edge, ORDER, authorization=bearer) == 200)
    assert not set(here.values()) & set(own_edge.children().values())
    assert "has not answered for" in (own_edge.folder / "test.log").read_text()
    wait_for(lambda: is_served(demo, report, token))
    assert demo.process("serve") not in there
    assert demo.process("edge") not in there


def is_served(demo: Demo, path: str, token: str) -> bool:
    try:
        return demo.get(path, token).status_code == demo.token().status_code == 200
    except httpx2.HTTPError:
        return False


@pytest.mark.anyio
async def test_one_that_is_only_slow_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two answers that are late, then one in time, and so on: longer than any may hang."""
    for name, seconds in {"ASK": 0.01, "ANSWER": 0.05, "HUNG": 0.2}.items():
        monkeypatch.setattr(process, f"{name}_SECONDS", seconds)
    asked = 0

    async def is_ready() -> bool:
        return True

    async def answers_now_and_then() -> bool:
        nonlocal asked
        asked += 1
        if asked % 3:
            await asyncio.sleep(0.1)
        return True

    told: list[str] = []
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    child = Child("slow", command, tmp_path / "log", is_ready, answers_now_and_then)
    await child.start()
    pid = child.pid
    keeping = asyncio.create_task(keep_running(child, told.append))
    try:
        await asyncio.sleep(1)
        assert (told, child.pid) == ([], pid)
        assert asked > 6
    finally:
        keeping.cancel()
        await child.stop()


@pytest.mark.anyio
async def test_one_that_waits_for_something_is_not_started_again_and_again(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    async def always() -> bool:
        return True

    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    child = Child("waits", command, tmp_path / "log", never, always, ready_within=0.1)
    try:
        assert not await child.start(insist=False)
        assert child.pid
    finally:
        await child.stop()
