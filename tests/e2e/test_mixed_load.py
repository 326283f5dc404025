"""Everything at once, for long: memory and disk stay as they are, and nobody is turned away.

Twenty minutes in `./check long`. What grows with every event by design (the audit log) is counted
by event; everything else must be flat once it is warm.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest
from tests.demo import Demo
from tests.depth import LONG, depth

from durward.core.errors import DurwardError
from durward.entrypoints.client.flows import Server, server_of
from durward.entrypoints.client.native import sign_in
from durward.settings import processors

SECONDS = depth(60, long=1_200)
CLIENT, ORDER = "durward-cli", "/v1/acme/orders/1001"
PATIENCE_SECONDS = 20.0
REVOKED_WITHIN_SECONDS = 5.0
SAMPLES = 6
ISSUING = ("tokens", *(f"refreshes {number}" for number in range(3)), "sign-ins and revocations")
TOKEN_KIB = 7
"""What a worker of Envoy keeps of a token that it has verified; it keeps 10 000 of them."""
SAMPLE_SECONDS = 10.0
GROWTH, SLACK_KIB = 1.10, 8_192
"""Allocators keep some pages; a leak of a kilobyte per request would be hundreds of megabytes."""
BYTES_PER_EVENT = 3_000
MAX_FILES_BYTES = 512 << 20
"""Of a node's records: the bounds of `record_files` and `record_file_bytes`, and some."""


class Load:
    """Threads that do one thing again and again, and count what was not as it should be."""

    def __init__(self) -> None:
        self.done: dict[str, int] = {}
        self.wrong: list[str] = []
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def begin(self, name: str, pause: float, once: Callable[[], str]) -> None:
        """`once` says what was wrong; empty where nothing was."""

        def loop() -> None:
            while not self._ended.wait(pause):
                try:
                    wrong = once()
                except httpx2.HTTPError as error:
                    wrong = f"{time.strftime('%H:%M:%S')} {error!r}"
                self.done[name] = self.done.get(name, 0) + 1
                if wrong:
                    self.wrong.append(f"{name}: {wrong}")

        self._threads.append(threading.Thread(target=loop))
        self._threads[-1].start()

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def resident_kib(demo: Demo) -> dict[str, int]:
    """The memory of each process of a demo, by its command."""
    found: dict[str, int] = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if str(demo.folder) not in command:
                continue
            lines = (place / "status").read_text().splitlines()
        except OSError:
            continue
        kib = next((int(one.split()[1]) for one in lines if one.startswith("VmRSS")), 0)
        kind = next((k for k in ("envoy", " serve ", " edge ", "decision") if k in command), "")
        if kind:
            found[kind.strip()] = found.get(kind.strip(), 0) + kib
    return found


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def answers(expected: int, ask: Callable[[], httpx2.Response]) -> Callable[[], str]:
    def once() -> str:
        reply = ask()
        return "" if reply.status_code == expected else f"{reply.status_code} {reply.text[:200]}"

    return once


@dataclass
class Family:
    """A sign-in whose tokens are refreshed, for as long as it is not revoked."""

    demo: Demo
    server: Server
    tokens: dict[str, Any]

    @classmethod
    def of(cls, demo: Demo, person: str) -> Self:
        with httpx2.Client(trust_env=False, timeout=PATIENCE_SECONDS) as http:
            server = server_of(http, demo.resource_metadata, demo.issuer)
            tokens = sign_in(http, server, CLIENT, person, demo.password(person))
        return cls(demo, server, tokens)

    def _post(self, path: str, **form: str) -> httpx2.Response:
        sent = {"client_id": CLIENT, **form}
        return httpx2.post(
            f"{self.demo.issuer}{path}", data=sent, trust_env=False, timeout=PATIENCE_SECONDS
        )

    def refresh(self) -> str:
        """Take new tokens, and use the access token."""
        form = {"grant_type": "refresh_token", "refresh_token": self.tokens["refresh_token"]}
        reply = self._post("/token", **form)
        if reply.status_code != 200:
            return f"{reply.status_code} {reply.text[:200]}"
        self.tokens = reply.json()
        return self.ask(200)

    def ask(self, expected: int) -> str:
        reply = self.demo.get(ORDER, self.tokens["access_token"])
        return "" if reply.status_code == expected else f"{reply.status_code} {reply.text[:200]}"

    def revoke(self) -> str:
        """End it: its access token is refused at the edge soon."""
        reply = self._post("/revoke", token=self.tokens["refresh_token"])
        if reply.status_code != 200:
            return f"{reply.status_code} {reply.text[:200]}"
        ends = time.monotonic() + REVOKED_WITHIN_SECONDS
        while (wrong := self.ask(401)) and time.monotonic() < ends:
            time.sleep(0.05)
        return wrong


def mean(samples: list[dict[str, int]]) -> dict[str, int]:
    return {name: sum(one[name] for one in samples) // len(samples) for name in samples[0]}


@pytest.mark.skipif(not LONG, reason="for `./check long`")
@pytest.mark.timeout(SECONDS + 300)
def test_twenty_minutes_of_everything_leave_memory_and_disk_as_they_were(own_demo: Demo) -> None:
    token = own_demo.token().json()["access_token"]
    load, http = Load(), httpx2.Client(trust_env=False, timeout=PATIENCE_SECONDS)

    def get(path: str, bearer: str) -> httpx2.Response:
        return http.get(own_demo.apis + path, headers={"authorization": f"Bearer {bearer}"})

    summary = "/v1/acme/reports/summary"
    families = [Family.of(own_demo, name) for name in ("ann", "ann", "ann")]

    def fresh() -> httpx2.Response:
        nonlocal token
        reply = own_demo.token()
        token = reply.json().get("access_token", token)
        return reply

    def person() -> str:
        """A sign-in from the form to a revocation that is in force."""
        try:
            one = Family.of(own_demo, "ann")
        except DurwardError as error:
            return str(error)
        return one.ask(200) or one.revoke()

    applied = 0

    def apply() -> str:
        nonlocal applied
        applied += 1
        done = own_demo.apply(f"roles: {{ extra: {{ name: 'n{applied % 2}', policies: [] }} }}\n")
        return "" if done.returncode == 0 else done.stdout[-300:] + done.stderr[-300:]

    for number, family in enumerate(families):
        load.begin(f"refreshes {number}", 0.5, family.refresh)
    load.begin("tokens", 0.2, answers(200, fresh))
    load.begin("allowed", 0.02, answers(200, lambda: get(summary, token)))
    load.begin("denied", 0.02, answers(403, lambda: get(ORDER, token)))
    load.begin("nowhere", 0.05, answers(404, lambda: get("/nowhere", token)))
    load.begin("nobody", 0.05, answers(401, lambda: get(ORDER, "x.y.z")))
    load.begin("sign-ins and revocations", 2.0, person)
    load.begin("applies", 60.0, apply)
    samples: list[dict[str, int]] = []
    tokens: list[int] = []
    disk: list[dict[str, int]] = []
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        time.sleep(SAMPLE_SECONDS)
        samples.append(resident_kib(own_demo))
        tokens.append(sum(load.done.get(name, 0) for name in ISSUING))
        disk.append({name: bytes_in(own_demo.folder / name) for name in ("serve", "edge")})
    load.end()
    http.close()
    third = len(samples) // 3
    warm, last = mean(samples[third : third + SAMPLES]), mean(samples[-SAMPLES:])
    print(f"\ndone: {load.done}")  # noqa: T201 - figures, with `-s`
    for figure, some in (("KiB", samples), ("bytes", disk)):
        for name in some[0]:
            told = [one[name] for one in some[:: max(1, len(some) // 12)]]
            print(f"{name}, {figure}: {told}")  # noqa: T201
    assert load.wrong == []
    # Envoy remembers verified tokens, up to a bound that they do not reach here.
    last["envoy"] -= (tokens[-1] - tokens[third]) * TOKEN_KIB * processors()
    grown = {k: (warm[k], last[k]) for k in warm if last[k] > warm[k] * GROWTH + SLACK_KIB}
    assert not grown, f"of {load.done}"
    events = sum(load.done.values()) * 4
    assert disk[-1]["serve"] < events * BYTES_PER_EVENT + (64 << 20)
    assert disk[-1]["edge"] < MAX_FILES_BYTES
