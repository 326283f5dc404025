"""Records are put aside and let go: the disk is bounded, and no decision is lost."""

import contextlib
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import httpx2
import pytest
from tests.demo import Demo
from tests.depth import takes_long
from tests.live import kill, live_edge, wait_for

from durward.core.audit.event import AuditEvent, EventKind
from durward.entrypoints.cli.audit import events_from
from durward.entrypoints.control import Control
from durward.entrypoints.edge.decision_log import rotated
from durward.entrypoints.edge.decisions import find_decisions

FILE_BYTES = 20_000
FILES = 3
BOUNDS = f"record_file_bytes = {FILE_BYTES}\nrecord_files = {FILES}\n"
ALLOWED = "/v1/acme/orders/{}"
DENIED = "/v1/globex/orders/{}"
UNDECLARED = "/elsewhere/{}"
HELD_BY_ENVOY = 100
KILLS = 3


@dataclass
class Client:
    """Asks for one object after the other, and keeps what was answered: object, status, id."""

    base: str
    path: str
    bearer: str | None = None
    ending: threading.Event = field(default_factory=threading.Event)
    answers: list[tuple[str, int, str | None]] = field(default_factory=list)

    def run(self) -> None:
        headers = {"authorization": f"Bearer {self.bearer}"} if self.bearer else {}
        with httpx2.Client(trust_env=False, timeout=5, headers=headers) as http:
            for number in itertools.takewhile(self.goes_on, itertools.count()):
                try:
                    reply = http.get(self.base + self.path.format(f"n{number}"))
                except httpx2.HTTPError:
                    time.sleep(0.02)
                    continue
                decision = reply.headers.get("durward-decision")
                self.answers.append((f"n{number}", reply.status_code, decision))

    def goes_on(self, _: int) -> bool:
        return not self.ending.is_set()


@dataclass
class Disk:
    """Looks at the records of a node for as long as they are written."""

    state: Path
    most_files: Counter[str] = field(default_factory=Counter)
    most_bytes: Counter[str] = field(default_factory=Counter)

    def look(self) -> None:
        found: dict[str, list[int]] = {}
        for path in (*self.state.glob("spool/*"), *self.state.glob("refusals*")):
            try:
                found.setdefault(path.name.partition(".")[0], []).append(path.stat().st_size)
            except FileNotFoundError:  # put aside or let go meanwhile
                continue
        for stream, sizes in found.items():
            self.most_files[stream] = max(self.most_files[stream], len(sizes))
            self.most_bytes[stream] = max(self.most_bytes[stream], sum(sizes))


@pytest.fixture
def demo(own_demo: Demo) -> Demo:
    """A demo whose records are put aside all the time."""
    settings = own_demo.folder / "durward.toml"
    settings.write_text(settings.read_text().replace("[edge]\n", f"[edge]\n{BOUNDS}"))
    restart_edge(own_demo)
    return own_demo


def restart_edge(demo: Demo) -> None:
    """End the agent the hard way; the demo starts it again."""
    kill(demo.process("edge"))
    wait_for(lambda: is_served(demo))


def is_served(demo: Demo) -> bool:
    try:
        return demo.token().status_code == 200
    except httpx2.HTTPError:
        return False


def the_log(runtime: Path) -> list[AuditEvent]:
    told = events_from(Control(runtime), 0)
    return [AuditEvent.from_wire(each["event"].encode()) for each in told]


def watch(disk: Disk, until: Callable[[], bool]) -> None:
    def look() -> bool:
        disk.look()
        return until()

    wait_for(look)


def newest(stream: Path) -> int:
    """The number of what was put aside last; one stream is faster than another."""
    return max((int(path.suffixes[-2][1:]) for path in rotated(stream)), default=0)


def changed(stream: Path) -> Callable[[], bool]:
    """Whether more of a stream was put aside than now, or less."""
    before = rotated(stream)
    return lambda: rotated(stream) != before


@contextlib.contextmanager
def running(clients: Sequence[Client]) -> Iterator[None]:
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for client in clients:
            client.ending.set()
        for thread in threads:
            thread.join(30)


@takes_long
@pytest.mark.timeout(300)
@pytest.mark.requirement("ZT-1", "ZT-5")
def test_records_that_rotate_under_load_reach_the_log_once(demo: Demo) -> None:
    demo.run("call", "--as", "ann", "GET", "/v1/acme/orders/1001")
    bearer = json.loads((demo.folder / "tokens.json").read_text())["ann"]["access_token"]
    runtime = Path(json.loads((demo.folder / "demo.json").read_text())["runtime"])
    state = demo.folder / "edge"
    refusals, decisions = state / "refusals.jsonl", state / "spool" / "pdp-0.jsonl"
    allowed, denied = (Client(demo.apis, path, bearer) for path in (ALLOWED, DENIED))
    nobody = [Client(demo.apis, f"/{number}{UNDECLARED}") for number in range(3)]
    disk = Disk(state)
    with running([allowed, denied, *nobody]):
        for _ in range(KILLS):
            watch(disk, until=changed(refusals))
            watch(disk, until=changed(decisions))
            restart_edge(demo)
        # Without the control plane nobody's refusals go, and decisions stay.
        away = (runtime / "control.sock").rename(runtime / "control.away")
        watch(disk, lambda: dropped_on(state) > 1)
        kill(demo.process("edge"))
        watch(disk, lambda: dropped_on(state) > 2)
        watch(disk, lambda: len(rotated(decisions)) > FILES + 1)
        away.rename(runtime / "control.sock")
    assert disk.most_files["refusals"] <= FILES + 2
    last = denied.answers[-1][2]
    assert last
    wait_for(lambda: len(rotated(refusals)) == len(rotated(decisions)) == 1)
    wait_for(lambda: any(event.id == last for event in the_log(runtime)))

    log = the_log(runtime)
    decided = Counter((event.target.rpartition("/")[2], event.facts.get("status")) for event in log)
    passed = [name for name, _, decision in allowed.answers if decision is None]
    refused = {d: name for name, status, d in denied.answers if d and status == 403}
    assert len(passed) > 100 < len(refused)
    assert {decided[name, 200] for name in passed} == {1}
    assert {decided[name, 403] for name in refused.values()} == {1}
    assert max(Counter(event.id for event in log).values()) == 1

    drops = [event for event in log if event.kind is EventKind.REFUSALS_DROPPED]
    answered = sum(status == 404 for client in nobody for _, status, _ in client.answers)
    shipped = sum(event.facts.get("stage") == "route" for event in log)
    lines = sum(event.facts["lines"] for event in drops)
    assert lines > 100
    # Envoy writes its own refusals every 20 ms: what it holds then goes with it when it is killed.
    assert shipped + lines >= answered - (KILLS + 1) * HELD_BY_ENVOY

    spooled = b"".join(path.read_bytes() for path in state.glob("spool/*.jsonl"))
    old = next(iter(refused))
    assert last.encode() in spooled
    assert old.encode() not in spooled
    node = replace(demo, folder=demo.folder / "node")  # it has no control plane beside it
    node.folder.mkdir()
    settings = (demo.folder / "durward.toml").read_text()
    (node.folder / "durward.toml").write_text(settings[settings.index("[edge]") :])
    for wanted in (old, last):
        for told in (demo.run("explain", wanted), node.run("explain", wanted)):
            assert f"{wanted}  deny (403)" in told.stdout, told.stderr


def dropped_on(state: Path) -> int:
    """How many drops the node has recorded."""
    own = state / "spool" / "agent.jsonl"
    return own.read_bytes().count(b"refusals dropped") if own.exists() else 0


def test_a_node_without_a_control_plane_keeps_a_bounded_number_of_files() -> None:
    with live_edge(BOUNDS) as edge:
        denied = Client(edge.base, DENIED, edge.token())
        nobody = Client(edge.base, UNDECLARED)
        disk = Disk(edge.folder)
        files = edge.folder / "refusals.jsonl", edge.folder / "spool" / "pdp-0.jsonl"
        with running([denied, nobody]):
            watch(disk, lambda: len(rotated(files[1])) > 0)
            kill(edge.children()["pdp"])
            watch(disk, lambda: all(newest(path) >= FILES + 3 for path in files))
        assert max(disk.most_files.values()) <= FILES + 2
        for client, status in ((denied, 403), (nobody, 404)):
            ids = [decision for _, found, decision in client.answers if found == status]
            first, last = ids[0] or "", ids[-1] or ""
            wait_for(partial(is_found, edge.folder, last))
            assert not is_found(edge.folder, first)


def is_found(state: Path, decision: str) -> bool:
    return find_decisions(state, decision) != []
