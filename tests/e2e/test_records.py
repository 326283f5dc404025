"""Records that are put aside keep their place; what may be let go is, and nothing else."""

import asyncio
import json
import os
from pathlib import Path

import msgspec
import pytest
from tests.spools import a_decision, ids_in

from durward.core.audit.event import EventKind
from durward.core.edge.inputs import Inputs
from durward.core.edge.parts import digest_of
from durward.core.errors import Unavailable
from durward.entrypoints.edge.decision_log import DecisionLog, rotated
from durward.entrypoints.edge.decisions import find_decisions
from durward.entrypoints.edge.kept_policies import NEWEST, KeptPolicies
from durward.entrypoints.edge.shipper import events
from durward.entrypoints.edge.spool import Spool
from durward.settings import EdgeSettings

FILES = 2


def refusal(number: int, **fields: str) -> bytes:
    told = {"at": f"{number}", "id": f"{number}", "early_id": "", "status": 404, **fields}
    return json.dumps(told).encode() + b"\n"


class Node:
    """The records of a node whose writers open their files anew when they are told to."""

    def __init__(self, state: Path, *, followed: bool = True) -> None:
        self.state = state
        self.followed = followed
        self.refusals = state / "refusals.jsonl"
        self.spool = state / "spool" / "pdp-0.jsonl"
        self.sent: list[str] = []
        self.start()

    def start(self) -> None:
        """Begin with what is on the disk."""
        settings = EdgeSettings(
            apis="127.0.0.1:1",
            runtime="/r",
            state=str(self.state),
            control_plane="/c" if self.followed else None,
            record_file_bytes=1,
            record_files=FILES,
        )
        self.policies = KeptPolicies(self.state)
        self.records = DecisionLog(settings, self.reopen, lambda: "edge-1", self.policies)

    async def reopen(self, stream: Path) -> None:
        stream.touch()

    def decide(self, *numbers: int) -> None:
        with Spool(self.spool) as spool:
            for number in numbers:
                spool.append(a_decision(number), durable=True)

    def refuse(self, *lines: bytes) -> None:
        with self.refusals.open("ab") as log:
            log.write(b"".join(lines))

    def tidy(self) -> None:
        asyncio.run(self.records.tidy())

    def ship(self, stream: Path) -> None:
        for path in (*rotated(stream), stream):
            lines, place = self.records.unshipped(path)
            self.sent += [event.id for line in lines for event in events(line, stream.name)]
            self.records.shipped(path, place)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def names(stream: Path) -> list[str]:
    return [path.name for path in rotated(stream)]


def test_a_file_that_is_put_aside_takes_its_place_along(node: Node) -> None:
    node.decide(1, 2)
    node.ship(node.spool)
    node.decide(3)
    node.tidy()
    node.decide(4)
    node.start()
    node.ship(node.spool)
    assert node.sent == ["d_1", "d_2", "d_3", "d_4"]
    assert names(node.spool) == ["pdp-0.00000001.jsonl"]


def test_policies_are_kept_while_a_record_that_is_not_shipped_names_them(node: Node) -> None:
    parts = [f"policies {number}".encode() for number in range(NEWEST + 3)]
    for time, part in enumerate(parts):
        node.policies.keep(part)
        os.utime(node.state / "policies" / f"{digest_of(part)}.json", (time, time))
    with Spool(node.spool) as spool:
        for number, named in enumerate((parts[0], parts[1])):
            inputs = Inputs(policies=digest_of(named))
            decision = msgspec.structs.replace(a_decision(number), inputs=inputs)
            spool.append(decision, durable=True)

    def kept() -> list[int]:
        return [
            number
            for number, part in enumerate(parts)
            if node.policies.load(digest_of(part)) == part
        ]

    node.tidy()
    newest = list(range(3, NEWEST + 3))
    assert kept() == [0, 1, *newest]
    node.policies.keep(parts[1])  # in force again
    for _ in range(2):
        node.ship(node.spool)
        node.tidy()
    assert kept() == [1, *newest[1:]]
    (node.state / "policies" / f"{digest_of(parts[1])}.json").write_bytes(b"spoiled")
    assert kept() == newest[1:]
    node.policies.keep(parts[1])
    assert kept() == [1, *newest[1:]]
    assert node.policies.load("../snapshot") is None


def fail(*_: object) -> None:
    raise OSError(5, "broken")


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(
    "broken", ["pathlib.Path.rename", "durward.entrypoints.edge.decision_log.sync_folder"]
)
def test_what_is_left_half_put_aside_is_shipped_twice_and_not_lost(
    node: Node, monkeypatch: pytest.MonkeyPatch, broken: str, *, restarted: bool
) -> None:
    node.decide(1)
    node.ship(node.spool)
    node.tidy()
    node.decide(2)
    node.ship(node.spool)
    with monkeypatch.context() as patch:
        patch.setattr(broken, fail)
        with pytest.raises(Unavailable, match="broken"):
            node.tidy()
    node.decide(3, 4, 5)
    if restarted:
        node.start()
    for _ in range(2):
        node.ship(node.spool)
        node.tidy()
    assert set(node.sent) == {"d_1", "d_2", "d_3", "d_4", "d_5"}


def test_a_file_in_the_place_of_a_removed_one_is_shipped_from_its_start(node: Node) -> None:
    """However long it is by then: it is known by its first line, not by its name and size."""
    node.decide(1, 2)
    node.ship(node.spool)
    node.spool.unlink()
    node.decide(3, 4)
    node.ship(node.spool)
    node.decide(5)
    node.start()
    node.ship(node.spool)
    assert node.sent == [f"d_{number}" for number in range(1, 6)]


def test_what_is_shipped_goes_but_for_the_newest(node: Node) -> None:
    for number in range(1, 5):
        node.decide(number)
        node.ship(node.spool)
        node.tidy()
    node.tidy()
    assert names(node.spool) == ["pdp-0.00000004.jsonl"]
    assert find_decisions(node.state, "d_4")
    assert not find_decisions(node.state, "d_3")


def test_decisions_that_are_not_shipped_stay_however_many_they_are(node: Node) -> None:
    for number in range(1, 9):
        node.decide(number)
        node.tidy()
    assert len(rotated(node.spool)) == 8
    node.ship(node.spool)
    assert node.sent == [f"d_{number}" for number in range(1, 9)]


def test_a_last_line_that_was_cut_short_keeps_no_file(node: Node) -> None:
    node.decide(1)
    with node.spool.open("ab") as file:
        file.write(b'{"id":"d_2","at')
    node.tidy()
    node.decide(3)
    node.tidy()
    node.ship(node.spool)
    node.tidy()
    assert names(node.spool) == ["pdp-0.00000002.jsonl"]
    assert node.sent == ["d_1", "d_3"]


def test_refusals_of_nobody_are_dropped_the_oldest_first_and_that_is_recorded(node: Node) -> None:
    node.refuse(refusal(1))
    node.ship(node.refusals)
    mine = refusal(3, sub="ann"), refusal(4, allowed="d_4")
    node.refuse(refusal(2), *mine, refusal(5), b"{cut short")
    for number in range(6, 9):
        node.tidy()
        node.refuse(refusal(number))
    node.tidy()
    assert names(node.refusals) == [f"refusals.0000000{number}.jsonl" for number in (2, 3, 4)]
    own = b"".join(path.read_bytes() for path in rotated(node.state / "spool" / "agent.jsonl"))
    kept = [event for line in own.splitlines() for event in events(line, "agent.jsonl")]
    assert [event.id for event in kept] == ["d_3", "d_4-end", "dropped_d_2"]
    drop = kept[-1]
    assert (drop.kind, drop.actor, drop.target) == (
        EventKind.REFUSALS_DROPPED,
        "edge-1",
        "refusals.00000001.jsonl",
    )
    size = len(refusal(2)) + len(refusal(5))
    assert drop.facts == {"lines": 2, "bytes": size, "first_at": 2, "last_at": 5}
    assert find_decisions(node.state, "d_3")[0].subject == "ann"
    assert not find_decisions(node.state, "d_2")


def test_a_drop_that_is_done_again_after_a_crash_is_the_same_event(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, FILES + 2):
        node.refuse(refusal(number))
        node.tidy()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", fail)
        with pytest.raises(Unavailable, match="broken"):
            node.tidy()
    node.start()
    node.tidy()
    assert len(rotated(node.refusals)) == FILES
    node.ship(node.state / "spool" / "agent.jsonl")
    assert node.sent == ["dropped_d_1"] * 2


def test_without_a_control_plane_a_number_of_files_is_kept(tmp_path: Path) -> None:
    node = Node(tmp_path, followed=False)
    for number in range(1, 9):
        node.decide(number)
        node.refuse(refusal(number))
        node.tidy()
    node.tidy()
    assert names(node.spool) == ["pdp-0.00000007.jsonl", "pdp-0.00000008.jsonl"]
    assert names(node.refusals) == ["refusals.00000007.jsonl", "refusals.00000008.jsonl"]


def test_a_writer_that_cannot_open_its_file_is_asked_again(node: Node) -> None:
    async def nobody_answers(_: Path) -> None:
        raise Unavailable("gone")

    opens, node.records._reopen = node.records._reopen, nobody_answers
    node.decide(1)
    node.tidy()
    assert not node.spool.exists()
    node.records._reopen = opens
    node.tidy()
    assert node.spool.exists()
    assert names(node.spool) == ["pdp-0.00000001.jsonl"]


def test_a_spool_that_cannot_go_on_in_a_new_file_goes_on_in_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "pdp-0.jsonl"
    aside = tmp_path / "pdp-0.00000001.jsonl"
    with Spool(path) as spool:
        path.rename(aside)
        path.mkdir()
        with pytest.raises(OSError, match="directory"):
            spool.reopen()
        spool.append(a_decision(1), durable=True)
        path.rmdir()
        spool.reopen()
        spool.append(a_decision(2), durable=True)
    assert ids_in(aside) == ["d_1"]
    assert ids_in(path) == ["d_2"]


def test_a_file_that_is_put_aside_while_it_is_searched_is_found(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.decide(1)
    exists = Path.exists

    def put_aside_first(path: Path) -> bool:
        if path == node.spool and not names(node.spool):
            path.rename(path.with_name("pdp-0.00000001.jsonl"))
        return exists(path)

    monkeypatch.setattr(Path, "exists", put_aside_first)
    assert find_decisions(node.state, "d_1")
