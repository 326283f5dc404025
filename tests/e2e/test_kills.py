"""Processes die at random under load: nothing is lost, redeemed twice, or allowed.

Five kills of each process in every run, fifty in `./check long`.
"""

import random  # noqa: TID251 - which process dies when is meant to be arbitrary
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from tests.demo import Demo
from tests.depth import depth
from tests.live import kill, wait_for

from durward.core.wire import decode_base64url, parse_json
from durward.entrypoints.cli.audit import events_from
from durward.entrypoints.client.flows import Server, server_of
from durward.entrypoints.client.native import sign_in
from durward.entrypoints.control import control_of

ORDER = "/v1/acme/orders/1001"
KILLS = depth(3, long=50)
REPEAT_WITHIN_SECONDS = 9.0


@dataclass
class Load:
    """What clients do meanwhile, and what they saw that must not be."""

    demo: Demo
    server: Server
    ending: threading.Event = field(default_factory=threading.Event)
    wrong: list[str] = field(default_factory=list)
    answered: int = 0
    issued: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def refresh(self, token: str) -> None:
        """One family, refreshed for ever; an answer that got lost is asked for again."""
        first_try, followers = 0.0, set[str]()
        with httpx2.Client(trust_env=False, timeout=5) as http:
            while not self.ending.is_set():
                form = {"grant_type": "refresh_token", "client_id": "durward-cli"}
                endpoint = self.server.metadata["token_endpoint"]
                first_try = first_try or time.monotonic()
                try:
                    reply = http.post(endpoint, data={**form, "refresh_token": token})
                except httpx2.HTTPError:
                    time.sleep(0.05)
                    continue
                if reply.status_code == 200:
                    followers.add(reply.json()["refresh_token"])
                    if len(followers) > 1:
                        self.wrong.append("a refresh token got two successors")
                    self.issued.append(reply.json()["access_token"])
                    # Now and then the answer counts as lost, and the same is asked again.
                    if random.random() < 0.8:  # noqa: S311
                        token, first_try, followers = followers.pop(), 0.0, set()
                    self.answered += 1
                elif reply.status_code == 400:
                    if time.monotonic() - first_try < REPEAT_WITHIN_SECONDS:
                        self.wrong.append(f"a family ended: {reply.text}")
                    return
                time.sleep(0.02)

    def forbidden(self, token: str | None, path: str) -> None:
        """A request that must never be allowed."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        with httpx2.Client(trust_env=False, timeout=5, headers=headers) as http:
            while not self.ending.is_set():
                try:
                    reply = http.get(self.demo.apis + path)
                except httpx2.HTTPError:
                    time.sleep(0.02)
                    continue
                if reply.status_code < 400:
                    self.wrong.append(f"{path} was allowed")
                if reply.status_code == 403:
                    self.refused.append(reply.headers["durward-decision"])
                self.answered += 1
                time.sleep(0.01)


def pids(demo: Demo) -> dict[str, int]:
    """The processes of the demo that are killed."""
    found = {"serve": demo.process("serve"), "edge": demo.process("edge")}
    listing = Path(f"/proc/{found['edge']}/task/{found['edge']}/children").read_text()
    for pid in map(int, listing.split()):
        command = Path(f"/proc/{pid}/cmdline").read_text()
        found["pdp" if "decision_point" in command else "envoy"] = pid
    return found


def is_whole(demo: Demo) -> bool:
    """Whether everything runs and answers."""
    try:
        return len(pids(demo)) == 4 and demo.token().status_code == 200
    except (AssertionError, OSError, httpx2.HTTPError):
        return False


@pytest.mark.timeout(1_800)
@pytest.mark.requirement("ZT-1", "ZT-10", "AS-34")
def test_random_kills_under_load_lose_and_allow_nothing(demo: Demo) -> None:
    with httpx2.Client(trust_env=False) as http:
        server = server_of(http, demo.resource_metadata, demo.issuer)
        people = {name: demo.password(name) for name in ("ann", "bob")}
        families = [sign_in(http, server, "durward-cli", "ann", people["ann"]) for _ in range(3)]
        bob = sign_in(http, server, "durward-cli", "bob", people["bob"])["access_token"]
        gone = sign_in(http, server, "durward-cli", "ann", people["ann"])
    form = {"client_id": "durward-cli", "token": gone["refresh_token"]}
    httpx2.post(f"{demo.issuer}/revoke", data=form, trust_env=False)
    wait_for(lambda: demo.get(ORDER, gone["access_token"]).status_code == 401, 2)
    load = Load(demo, server)
    threads = [
        *(threading.Thread(target=load.refresh, args=[f["refresh_token"]]) for f in families),
        threading.Thread(target=load.forbidden, args=[None, ORDER]),
        threading.Thread(target=load.forbidden, args=[bob, ORDER]),
        threading.Thread(target=load.forbidden, args=[gone["access_token"], ORDER]),
    ]
    for thread in threads:
        thread.start()
    victims = [name for name in ("serve", "edge", "envoy", "pdp") for _ in range(KILLS)]
    random.shuffle(victims)
    try:
        for victim in victims:
            kill(pids(demo)[victim])
            time.sleep(random.random() * 0.5)  # noqa: S311
            wait_for(lambda: is_whole(demo))
    finally:
        load.ending.set()
        for thread in threads:
            thread.join(30)
    assert not load.wrong, load.wrong[:5]
    assert load.answered > 10 * KILLS
    assert_recorded(demo, load)


def assert_recorded(demo: Demo, load: Load) -> None:
    """Every token that a client got and every refusal is in a log that is whole."""

    def events() -> str:
        return "".join(each["event"] for each in events_from(control_of(demo.folder), 0))

    wait_for(lambda: load.refused[-1] in events())
    events_now = events()
    for decision in load.refused:
        assert decision in events_now
    for token in load.issued:
        assert jti_of(token) in events_now
    verified = demo.run("audit", "verify", "--key", str(demo.folder / "serve" / "audit.pub"))
    assert verified.returncode == 0, verified.stderr


def jti_of(token: str) -> str:
    claims = parse_json(decode_base64url(token.split(".")[1]), limit_bytes=10_000)
    assert isinstance(claims, dict)
    return str(claims["jti"])
