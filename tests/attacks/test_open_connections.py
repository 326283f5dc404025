"""A connection that was open before keys were replaced goes on by the former ones for no time."""

import time
from collections.abc import Iterator

import httpx2
import pytest
from tests.demo import Demo, live_demo

SUMMARY = "/v1/acme/reports/summary"
WITHIN_SECONDS = 3.0


@pytest.fixture
def demo() -> Iterator[Demo]:
    with live_demo() as running:
        yield running


@pytest.mark.requirement("ZT-8", "ZT-10")
def test_a_token_by_a_key_that_was_given_up_is_refused_on_an_open_connection(demo: Demo) -> None:
    """Envoy lets a connection live on with the listener by which it came, unless told otherwise."""
    token = demo.token(resource=demo.apis).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    with httpx2.Client(trust_env=False, headers=headers) as kept:
        assert kept.get(demo.apis + SUMMARY).status_code == 200
        rotated = demo.run("keys", "rotate", "--unsafe-now")
        assert rotated.returncode == 0, rotated.stderr
        deadline = time.monotonic() + WITHIN_SECONDS
        statuses = []
        while time.monotonic() < deadline:
            statuses.append(kept.get(demo.apis + SUMMARY).status_code)
            time.sleep(0.05)
        assert statuses[-1] == 401, statuses
    assert demo.get(SUMMARY, token).status_code == 401


@pytest.mark.requirement("ZT-8")
def test_an_idle_connection_does_not_keep_the_former_keys(demo: Demo) -> None:
    token = demo.token(resource=demo.apis).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    with httpx2.Client(trust_env=False, headers=headers) as idle:
        assert idle.get(demo.apis + SUMMARY).status_code == 200
        assert demo.run("keys", "rotate", "--unsafe-now").returncode == 0
        time.sleep(WITHIN_SECONDS)
        assert idle.get(demo.apis + SUMMARY).status_code == 401
