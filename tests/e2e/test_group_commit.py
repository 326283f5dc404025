"""Nobody is answered before the disk has the record, however many wait for it at once."""

import asyncio
import contextlib
import os
import re
import resource
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live import ISSUER, LiveEdge
from tests.spools import a_decision, ids_in

from durward.core.edge.decision_record import DecisionRecord
from durward.core.edge.snapshot import Snapshot
from durward.core.values import DecisionId
from durward.entrypoints.edge import group_commit
from durward.entrypoints.edge.decision_point import DecisionPoint
from durward.entrypoints.edge.group_commit import GroupCommit
from durward.entrypoints.edge.heartbeat import Heartbeat
from durward.entrypoints.edge.http1 import Call, Reply, listen
from durward.entrypoints.edge.spool import Spool

pytestmark = pytest.mark.anyio

CONNECTIONS = 256
FOREIGN = "/v1/globex/orders/2001"


class Disk:
    """A disk whose syncs end when the test says so, or fail."""

    def __init__(self) -> None:
        self.syncs = 0
        self.fails = False
        self.failing = 0
        """How many of the next ones fail."""
        self.is_free = threading.Event()

    def sync(self, handle: int) -> None:
        os.fstat(handle)
        self.is_free.wait(10)
        self.syncs += 1
        self.failing -= 1
        if self.fails or self.failing >= 0:
            raise OSError(5, "broken")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    found = Disk()
    with monkeypatch.context() as patch:
        patch.setattr("durward.entrypoints.edge.group_commit.os.fdatasync", found.sync)
        yield found
        found.is_free.set()


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0.005)


async def test_what_arrives_while_the_disk_is_busy_is_one_group_and_waits_for_it(
    tmp_path: Path, disk: Disk
) -> None:
    with Spool(tmp_path / "spool.jsonl") as spool:
        commits = GroupCommit(spool)
        first = asyncio.create_task(commits.append(a_decision(0)))
        await turns()
        others = [asyncio.create_task(commits.append(a_decision(n))) for n in range(1, 100)]
        await turns()
        assert not any(task.done() for task in (first, *others)), "the disk has not said a word"
        assert len(ids_in(tmp_path / "spool.jsonl")) == 100
        assert commits.seconds > 0
        disk.is_free.set()
        await asyncio.gather(first, *others)
        assert disk.syncs == 2
        assert commits.seconds == 0
        commits.close()


async def test_a_sync_that_fails_is_told_to_whoever_had_written_before_it_did(
    tmp_path: Path, disk: Disk
) -> None:
    """Linux tells it once and drops what it could not write: the next sync finds nothing to do."""
    disk.failing = 1
    with Spool(tmp_path / "spool.jsonl") as spool:
        commits = GroupCommit(spool)
        group = [asyncio.create_task(commits.append(a_decision(0)))]
        await turns()
        group += [asyncio.create_task(commits.append(a_decision(n))) for n in range(1, 3)]
        await turns()
        disk.is_free.set()
        told = await asyncio.gather(*group, return_exceptions=True)
        assert [type(each) for each in told] == [OSError] * 3
        await commits.append(a_decision(3))
        commits.close()


async def test_a_file_that_fails_while_it_is_put_aside_fails_for_whoever_waits(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And there is none in its place: the agent sees that it has to ask again."""

    def breaks(_: int) -> None:
        raise OSError(5, "broken")

    path = tmp_path / "spool.jsonl"
    with Spool(path) as spool:
        commits = GroupCommit(spool)
        waiting = asyncio.create_task(commits.append(a_decision(1)))
        await turns()
        path.rename(tmp_path / "aside.jsonl")
        with monkeypatch.context() as patch:
            patch.setattr("durward.entrypoints.edge.spool.os.fdatasync", breaks)
            with pytest.raises(OSError, match="broken"):
                spool.reopen()
        assert not path.exists()
        disk.is_free.set()
        with pytest.raises(OSError, match="disk"):
            await waiting
        spool.reopen()
        await commits.append(a_decision(2))
        assert ids_in(path) == ["d_2"]
        commits.close()


async def test_a_sync_that_fails_is_told_to_its_group_and_not_to_who_comes_later(
    tmp_path: Path, disk: Disk
) -> None:
    disk.fails = True
    with Spool(tmp_path / "spool.jsonl") as spool:
        commits = GroupCommit(spool)
        group = [asyncio.create_task(commits.append(a_decision(n))) for n in range(3)]
        await turns()
        disk.is_free.set()
        told = await asyncio.gather(*group, return_exceptions=True)
        assert [type(each) for each in told] == [OSError] * 3
        disk.fails = False
        await commits.append(a_decision(3))
        await commits.settle()
        commits.close()


async def test_one_that_hangs_up_takes_nobody_along(tmp_path: Path, disk: Disk) -> None:
    with Spool(tmp_path / "spool.jsonl") as spool:
        commits = GroupCommit(spool)
        gone, stays = (asyncio.create_task(commits.append(a_decision(n))) for n in range(2))
        await turns()
        gone.cancel()
        disk.is_free.set()
        await stays
        assert ids_in(tmp_path / "spool.jsonl") == ["d_0", "d_1"]
        assert not commits.is_full
        commits.close()


async def test_a_file_that_is_put_aside_is_on_the_disk_before_the_next_begins(
    tmp_path: Path,
) -> None:
    path = tmp_path / "spool.jsonl"
    with Spool(path) as spool:
        commits = GroupCommit(spool)
        waiting = asyncio.create_task(commits.append(a_decision(1)))
        await asyncio.sleep(0)
        path.rename(tmp_path / "aside.jsonl")
        spool.reopen()
        await commits.append(a_decision(2))
        await waiting
        assert (ids_in(tmp_path / "aside.jsonl"), ids_in(path)) == (["d_1"], ["d_2"])
        commits.close()


def point(folder: Path, spool: Spool) -> DecisionPoint:
    (folder / "snapshot.json").write_bytes(Snapshot(1, ISSUER, (), ()).to_wire())
    return DecisionPoint(folder / "snapshot.json", spool, Heartbeat(folder / "heartbeat"))


async def answered(point: DecisionPoint, target: str) -> Reply:
    reply = point.answer(Call("GET", target, {"x-request-id": "1"}, b""))
    return reply if isinstance(reply, Reply) else await reply


async def test_a_refusal_that_is_not_on_the_disk_is_not_answered_as_one(
    tmp_path: Path, disk: Disk
) -> None:
    disk.fails = True
    disk.is_free.set()
    with Spool(tmp_path / "spool.jsonl") as spool:
        asked = point(tmp_path, spool)
        assert (await answered(asked, "/check/x")).status == 503
        disk.fails = False
        assert (await answered(asked, "/check/x")).status == 403
        await asked.settle()


async def test_a_disk_that_does_not_answer_is_told_at_once_and_to_the_agent(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "SLOW_SECONDS", 0.05)
    monkeypatch.setattr("durward.entrypoints.edge.decision_point.STUCK_SECONDS", 0.1)
    with Spool(tmp_path / "spool.jsonl") as spool:
        asked = point(tmp_path, spool)
        first = asyncio.create_task(answered(asked, "/check/x"))
        await turns()
        assert not first.done()
        assert (await answered(asked, "/check/x")).status == 503
        assert (await answered(asked, "/ready")).status == 503
        disk.is_free.set()
        assert (await first).status == 403
        assert (await answered(asked, "/ready")).status == 200
        await asked.settle()
    assert len(ids_in(tmp_path / "spool.jsonl")) == 1, "what was refused at once is not decided"


async def test_no_more_wait_than_may(tmp_path: Path, disk: Disk) -> None:
    with Spool(tmp_path / "spool.jsonl") as spool:
        commits = GroupCommit(spool)
        waiting = [
            asyncio.create_task(commits.append(a_decision(n)))
            for n in range(group_commit.MAX_WAITING)
        ]
        await turns(2)
        full = [commits.is_full]
        disk.is_free.set()
        await asyncio.gather(*waiting)
        assert [*full, commits.is_full] == [True, False]
        commits.close()


async def test_all_connections_that_wait_are_taken_at_once(tmp_path: Path) -> None:
    path = tmp_path / "s"
    listener = await listen(path, lambda _: Reply(200))
    peers = await asyncio.gather(
        *(asyncio.open_unix_connection(str(path)) for _ in range(CONNECTIONS))
    )
    for _, writer in peers:
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    heads = await asyncio.gather(*(reader.readuntil(b"\r\n\r\n") for reader, _ in peers))
    assert all(head.startswith(b"HTTP/1.1 200") for head in heads)
    listener.close()
    for _, writer in peers:
        writer.close()
    with pytest.raises(OSError):  # noqa: PT011 - of several kinds
        await asyncio.open_unix_connection(str(path))


async def test_where_no_descriptor_is_left_who_waits_is_taken_later(tmp_path: Path) -> None:
    listener = await listen(tmp_path / "s", lambda _: Reply(200))
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(6)]
    for peer in waiting:
        peer.connect(str(tmp_path / "s"))
        peer.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        peer.setblocking(False)
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_one = os.dup(0)
    os.close(next_one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_one + 2, usual[1]))
    try:
        await turns(4)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(5):
        heads = [await loop.sock_recv(peer, 1_000) for peer in waiting]
    assert all(head.startswith(b"HTTP/1.1 200") for head in heads)
    listener.close()
    for peer in waiting:
        peer.close()


@pytest.mark.requirement("ZT-1")
async def test_of_as_many_refusals_at_once_none_fails_and_each_is_recorded_once(
    edge: LiveEdge,
) -> None:
    head = f"GET {FOREIGN} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {edge.token()}\r\n\r\n"

    async def refused() -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
        with contextlib.closing(writer):
            writer.write(head.encode())
            answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert answer.startswith("HTTP/1.1 403"), answer
        found = re.search(r"durward-decision: (\S+)", answer)
        assert found
        return found[1]

    ids = await asyncio.gather(*(refused() for _ in range(CONNECTIONS)))
    assert len(set(ids)) == CONNECTIONS
    lines = edge.events().encode().splitlines()
    recorded = [DecisionRecord.from_wire(line).id for line in lines]
    assert all(recorded.count(DecisionId(id)) == 1 for id in ids)
