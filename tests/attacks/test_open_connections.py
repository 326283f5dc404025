"""A connection that was open before keys were replaced goes on by the former ones for no time."""

import time

import httpx2
import pytest
from tests.demo import Demo

SUMMARY = "/v1/acme/reports/summary"
WITHIN_SECONDS = 3.0


@pytest.mark.requirement("ZT-8", "ZT-10")
def test_a_token_by_a_key_that_was_given_up_is_refused_on_an_open_connection(
    own_demo: Demo,
) -> None:
    """Envoy lets a connection live on with the listener by which it came, unless told otherwise."""
    token = own_demo.token(resource=own_demo.apis).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    with httpx2.Client(trust_env=False, headers=headers) as kept:
        assert kept.get(own_demo.apis + SUMMARY).status_code == 200
        rotated = own_demo.run("keys", "rotate", "--unsafe-now")
        assert rotated.returncode == 0, rotated.stderr
        deadline = time.monotonic() + WITHIN_SECONDS
        statuses = []
        while time.monotonic() < deadline:
            statuses.append(kept.get(own_demo.apis + SUMMARY).status_code)
            time.sleep(0.05)
        assert statuses[-1] == 401, statuses
    assert own_demo.get(SUMMARY, token).status_code == 401


@pytest.mark.requirement("ZT-8")
def test_an_idle_connection_does_not_keep_the_former_keys(own_demo: Demo) -> None:
    token = own_demo.token(resource=own_demo.apis).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    with httpx2.Client(trust_env=False, headers=headers) as idle:
        assert idle.get(own_demo.apis + SUMMARY).status_code == 200
        assert own_demo.run("keys", "rotate", "--unsafe-now").returncode == 0
        time.sleep(WITHIN_SECONDS)
        assert idle.get(own_demo.apis + SUMMARY).status_code == 401
