"""Everything at once, for long: memory and disk stay as they are, and nobody is turned away.

Twenty minutes in `./check long`. What grows with every event by design (the audit log) is counted
by event; everything else must be flat once it is warm.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from tests.demo import Demo
from tests.depth import LONG

SECONDS = 1_200
SAMPLE_SECONDS = 10.0
GROWTH, SLACK_KIB = 1.10, 16_384
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
                    wrong = repr(error)
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


@pytest.mark.skipif(not LONG, reason="for `./check long`")
@pytest.mark.timeout(SECONDS + 300)
def test_twenty_minutes_of_everything_leave_memory_and_disk_as_they_were(own_demo: Demo) -> None:
    token = own_demo.token().json()["access_token"]
    load, orders = Load(), "/v1/acme/orders/1001"
    summary = "/v1/acme/reports/summary"

    def fresh() -> httpx2.Response:
        nonlocal token
        reply = own_demo.token()
        token = reply.json().get("access_token", token)
        return reply

    def sign_in() -> str:
        called = own_demo.run("call", "--as", "ann", "GET", orders)
        return "" if called.returncode == 0 else called.stdout[-300:] + called.stderr[-300:]

    toggled = 0

    def apply() -> str:
        nonlocal toggled
        toggled += 1
        done = own_demo.apply(f"roles: {{ extra: {{ name: 'n{toggled % 2}', policies: [] }} }}\n")
        return "" if done.returncode == 0 else done.stdout[-300:] + done.stderr[-300:]

    load.begin("tokens", 0.2, answers(200, fresh))
    load.begin("allowed", 0.01, answers(200, lambda: own_demo.get(summary, token)))
    load.begin("denied", 0.02, answers(403, lambda: own_demo.get(orders, token)))
    load.begin("nowhere", 0.05, answers(404, lambda: own_demo.get("/nowhere", token)))
    load.begin("nobody", 0.05, answers(401, lambda: own_demo.get(orders, "x.y.z")))
    load.begin("people", 2.0, sign_in)
    load.begin("apply", 20.0, apply)
    samples = []
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        time.sleep(SAMPLE_SECONDS)
        samples.append(resident_kib(own_demo))
    load.end()
    assert load.wrong == []
    warm = samples[len(samples) // 3]
    last = samples[-1]
    grown = {k: (warm[k], last[k]) for k in warm if last[k] > warm[k] * GROWTH + SLACK_KIB}
    assert not grown, f"of {load.done}"
    events = sum(load.done.values()) * 4
    assert bytes_in(own_demo.folder / "serve") < events * BYTES_PER_EVENT + (64 << 20)
    assert bytes_in(own_demo.folder / "edge") < MAX_FILES_BYTES
