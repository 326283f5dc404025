"""Whatever fails on the disk of a node or of an operator, before or after it took effect.

The faults are the operating system's: its calls fail, or what is to be replaced is in the way.
"""

import asyncio
import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.demo import Demo
from tests.live import is_alive, kill, wait_for
from tests.spools import a_decision, ids_in

from durward.core.edge.revocation import Revocation, RevocationKind
from durward.core.errors import Misconfigured, Unavailable
from durward.core.values import Instant
from durward.entrypoints.credentials import add_credentials, read_credentials
from durward.entrypoints.edge.link import Revocations
from durward.entrypoints.edge.revoker import Revoker
from durward.entrypoints.edge.spool import Spool
from durward.entrypoints.edge.xds import replace

Break = Callable[[str, bool], None]


@pytest.fixture
def break_call(monkeypatch: pytest.MonkeyPatch) -> Break:
    """Let a call of the operating system fail once, before it did anything or after it did it."""

    def break_(name: str, persist: bool) -> None:
        real = getattr(os, name)

        def failing(*arguments: Any) -> Any:
            monkeypatch.setattr(os, name, real)
            if persist:
                real(*arguments)
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, name, failing)

    return break_


BOTH = pytest.mark.parametrize("persist", [False, True], ids=["fail", "fail_but_persist"])


@BOTH
@pytest.mark.parametrize("call", ["rename", "fsync"])
def test_a_file_is_the_former_or_the_new_one_and_never_half(
    tmp_path: Path, break_call: Break, call: str, *, persist: bool
) -> None:
    path = tmp_path / "snapshot.jws"
    replace(path, b"former")
    break_call(call, persist)
    with pytest.raises(Unavailable, match="cannot be written"):
        replace(path, b"new")
    assert path.read_bytes() == (b"new" if persist and call == "rename" else b"former")
    replace(path, b"new")
    assert path.read_bytes() == b"new"


def in_the_way(path: Path) -> None:
    """A folder that cannot be replaced by a file."""
    path.unlink(missing_ok=True)
    (path / "something").mkdir(parents=True)


def test_a_file_that_cannot_be_renamed_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    in_the_way(path)
    with pytest.raises(Unavailable, match="cannot be written"):
        replace(path, b"content")
    assert path.is_dir()


@BOTH
@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_a_decision_that_may_be_recorded_is_there_once_and_whole(
    tmp_path: Path, break_call: Break, call: str, *, persist: bool
) -> None:
    path = tmp_path / "spool" / "pdp-0.jsonl"
    with Spool(path) as spool:
        spool.append(a_decision(1), durable=True)
        break_call(call, persist)
        with pytest.raises(OSError, match="Input/output"):
            spool.append(a_decision(2), durable=True)
        spool.append(a_decision(3), durable=True)
    unwritten = call == "write" and not persist
    assert ids_in(path) == (["d_1", "d_3"] if unwritten else ["d_1", "d_2", "d_3"])


@BOTH
def test_what_was_revoked_is_refused_at_once_and_settled_when_it_is_on_the_disk(
    tmp_path: Path, break_call: Break, *, persist: bool
) -> None:
    """Else a node that restarts without its control plane would not know it any more."""
    told: list[str] = []
    revoker = Revoker(tmp_path, None, asyncio.Event())
    revoker._learn(Revocations(1, (Revocation(1, RevocationKind.SESSION, "s1", Instant(1)),), 1))
    assert "s1" in str(revoker.files)
    asyncio.run(revoker._enforce(in_force))
    break_call("rename", persist)
    with pytest.raises(Unavailable):
        asyncio.run(revoker._keep())
    revoker._tell("", told.append)
    assert revoker.settled.sequence == 0
    asyncio.run(revoker._keep())
    revoker._tell("", told.append)
    assert revoker.settled.sequence == 1
    assert "s1" in str(Revoker(tmp_path, None, asyncio.Event()).files)


async def in_force(_: object) -> None:
    """Whoever puts maps in force has done it."""


@BOTH
def test_credentials_are_kept_or_it_is_told_where_they_are(
    tmp_path: Path, break_call: Break, *, persist: bool
) -> None:
    path = tmp_path / "credentials"
    add_credentials(path, {"one": "s1"}, "clients")
    break_call("rename", persist)
    with pytest.raises(Misconfigured) as refused:
        add_credentials(path, {"two": "s2"}, "clients")
    assert "two may be in" in refused.value.hint
    kept = {"one": "s1", "two": "s2"}
    assert read_credentials(path)["clients"] == (kept if persist else {"one": "s1"})
    if not persist:
        assert read_credentials(tmp_path / ".credentials.new")["clients"] == kept


SUMMARY = "/v1/acme/reports/summary"


def is_back(demo: Demo) -> bool:
    try:
        return demo.token().status_code == 200
    except httpx2.TransportError:
        return False


def test_a_node_whose_disk_failed_forgets_nothing_once_it_is_mended(demo: Demo) -> None:
    """Snapshot, revocations and what was shipped are written again, though nothing new comes."""
    state = demo.folder / "edge"
    files = [state / name for name in ("parts.json", "shipped.json", "revocations.json")]
    token = demo.token().json()["access_token"]
    wait_for(lambda: demo.get(SUMMARY, token).status_code == 200)
    for path in files:
        in_the_way(path)
    done = demo.apply("roles: {reporter: {name: Reporter}}", "--wait", "1")
    assert (done.returncode, "is not kept" in done.stdout) == (1, True), done
    wait_for(lambda: demo.get(SUMMARY, token).status_code == 403, within=5)
    narrower = REPORTING.replace("reports:read", "orders:read")
    done = demo.apply(narrower, "--wait", "1")
    assert (done.returncode, "lacks: revocations" in done.stdout) == (1, True), done
    time.sleep(2)
    for path in files:
        shutil.rmtree(path)
    wait_for(lambda: all(path.is_file() for path in files), within=10)
    wait_for(lambda: demo.get(SUMMARY, token).status_code == 401, within=5)
    serving, edge = demo.process("serve"), demo.process("edge")
    kill(serving)
    kill(edge)
    wait_for(lambda: not is_alive(edge), within=5)
    wait_for(lambda: is_back(demo), within=30)
    assert demo.get(SUMMARY, token).status_code == 401


REPORTING = """clients:
  reporting:
    tenant: acme
    grants: [client_credentials]
    apis: [orders]
    scopes: [reports:read]
    roles: [reporter]
"""
