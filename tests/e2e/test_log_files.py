"""Logs of processes are bounded while those write them."""

import errno
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from durward.core.errors import Unavailable
from durward.entrypoints import logs
from durward.entrypoints.logs import MAX_BYTES, bound
from durward.entrypoints.process import Child, tail

WRITER = """
import sys, time
for number in range(int(sys.argv[1])):
    print(f"{number:09}", flush=True)
    if not number % 1000:
        time.sleep(0.01)
"""


def everything(log: Path) -> list[str]:
    """The lines of a log and of its former ones, the oldest first."""
    former = sorted(log.parent.glob(f"{log.name}.*"), key=lambda p: -int(p.suffix[1:]))
    return "".join(path.read_text() for path in (*former, log)).splitlines()


def test_a_log_is_put_aside_under_a_process_that_goes_on_writing(tmp_path: Path) -> None:
    log, number = tmp_path / "child.log", 100_000
    with log.open("ab") as file:
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(number)], stdout=file)
    times = 0
    while child.poll() is None:
        times += bound(log, 100_000, kept=1_000)
        time.sleep(0.01)
    assert child.returncode == 0
    assert times > 2
    found = everything(log)
    lines = [line for line in found if len(line) == 9]
    assert len(found) - len(lines) <= 2 * times, "a line is cut where a log was emptied, at most"
    assert lines == sorted(set(lines)), "in their order, and none is there twice"
    assert len(lines) > 0.9 * number
    assert b"\0" not in log.read_bytes(), "the writer appends, also to an emptied file"
    assert int(lines[-1]) > 0.9 * number, "it goes on to the end"


def test_so_many_former_logs_are_kept_the_newest_first(tmp_path: Path) -> None:
    log = tmp_path / "envoy.log"
    for number in range(6):
        log.write_text(f"{number}" * 11)
        assert bound(log, 10, kept=3)
        assert log.read_bytes() == b""
    assert not bound(log, 10, kept=3)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["envoy.log", "envoy.log.1", "envoy.log.2", "envoy.log.3"]
    assert [(tmp_path / name).read_text()[0] for name in names[1:]] == ["5", "4", "3"]


def test_a_log_that_is_not_larger_than_its_bound_stays_and_one_that_is_missing_is_no_error(
    tmp_path: Path,
) -> None:
    log = tmp_path / "child.log"
    assert not bound(log)
    log.write_text("x" * 10)
    assert not bound(log, 10)
    assert [path.name for path in tmp_path.iterdir()] == ["child.log"]


def test_what_a_crash_left_half_copied_is_copied_anew(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    log.write_text("whole")
    (tmp_path / "child.log.part").write_text("a longer half of something")
    assert bound(log, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["child.log", "child.log.1"]
    assert (tmp_path / "child.log.1").read_text() == "whole"


def test_where_there_is_no_room_the_oldest_goes_and_last_the_log_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    log = tmp_path / "child.log"
    for name in ("child.log", "child.log.1", "child.log.2"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(shutil, "copyfileobj", full)
    left = []
    for _ in range(3):
        assert not bound(log, 1)
        left.append(sorted(path.name for path in tmp_path.iterdir()))
    assert left == [["child.log", "child.log.1"], ["child.log"], ["child.log"]]
    assert log.read_bytes() == b""


def failing(log: Path) -> Child:
    async def never() -> bool:
        return False

    command = [sys.executable, "-c", "raise SystemExit('the words of the child')"]
    return Child("child", command, log, never)


@pytest.mark.anyio
async def test_a_child_whose_log_was_large_tells_its_own_last_words(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    log.write_text("words of before\n" + "x" * MAX_BYTES)
    child = failing(log)
    with pytest.raises(Unavailable, match="the words of the child"):
        await child.start()
    await child.stop()
    assert log.read_text() == "the words of the child\n"
    assert (tmp_path / "child.log.1").stat().st_size > MAX_BYTES


@pytest.mark.anyio
async def test_the_log_of_a_running_child_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "POLL_SECONDS", 0.01)
    log = tmp_path / "child.log"
    text = f"import sys, time; sys.stdout.write('x' * {MAX_BYTES + 1}); time.sleep(60)"

    async def is_put_aside() -> bool:
        return (tmp_path / "child.log.1").exists() and not log.stat().st_size

    child = Child("child", [sys.executable, "-uc", text], log, is_put_aside)
    await child.start()
    await child.stop()
    assert (tmp_path / "child.log.1").stat().st_size == MAX_BYTES + 1


def test_the_end_of_a_log_that_was_emptied_meanwhile_is_told(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    log.write_text("after\n")
    assert tail(log, 1_000) == "after"
    assert tail(log, 6) == f"nothing in {log}"
