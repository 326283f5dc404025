"""What a process tells its operator never ends it, and never makes it wait."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.live import kill, live_edge, try_get, wait_for

from durward.entrypoints.operator_messages import STDOUT, report

PROGRAM = """
import sys
from durward.entrypoints.operator_messages import open_closed_streams, report
open_closed_streams()
kept = open(sys.argv[1], "w")
for _ in range(100):
    report("a line\\n" * 1_000)
kept.write("went on")
"""


def test_where_nobody_can_be_told_a_process_goes_on(tmp_path: Path) -> None:
    """Closed, full, without a reader, with one that does not read: nothing is raised or awaited."""
    reader, writer = os.pipe()
    gone_reader, gone = os.pipe()
    os.close(gone_reader)
    with Path("/dev/full").open("wb") as full:
        for number, stream in enumerate((full.fileno(), writer, gone)):
            kept = tmp_path / str(number)
            command = [sys.executable, "-c", PROGRAM, str(kept)]
            done = subprocess.run(command, stdout=stream, stderr=stream, timeout=20, check=False)
            assert (done.returncode, kept.read_text()) == (0, "went on")
    for each in (reader, writer, gone):
        os.close(each)


def test_a_stream_that_was_closed_is_not_the_next_file_that_is_opened(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    command = ["sh", "-c", 'exec "$0" -c "$1" "$2" >&- 2>&-', sys.executable, PROGRAM, str(kept)]
    done = subprocess.run(command, timeout=20, check=False)
    assert (done.returncode, kept.read_text()) == (0, "went on")


def test_what_is_told_arrives(capfd: pytest.CaptureFixture[str]) -> None:
    report("✓ told \udcff")
    report("two\nlines", STDOUT)
    assert capfd.readouterr() == ("two\nlines\n", "✓ told \\udcff\n")


def test_an_agent_that_cannot_tell_what_ended_starts_it_again_and_lives() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with live_edge(told=writer) as edge:
        former = edge.children()
        for name in ("pdp", "envoy"):
            kill(former[name])
        wait_for(lambda: edge.children().keys() == former.keys())
        wait_for(lambda: try_get(edge, "/v1/status") == 200)
        assert not set(former.values()) & set(edge.children().values())
        assert edge.agent.poll() is None
    os.close(writer)
