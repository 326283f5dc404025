"""A folder is one process's alone: who comes second is refused, and takes nothing over."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.live import LiveEdge, kill, wait_for

from durward.core.errors import Misconfigured
from durward.entrypoints.edge.http1 import Reply, listen
from durward.entrypoints.folders import lock_folders
from durward.entrypoints.http.listener import private_socket

ORDER = "/v1/acme/orders/1001"


def durward(command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    arguments = [sys.executable, "-m", "durward", command, "--config", str(folder / "durward.toml")]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)


def settings(folder: Path, runtime: Path, state: Path) -> None:
    parts = f'issuer = "http://localhost:9470"\nruntime = "{runtime}"\nstate = "{state}"\n'
    folder.mkdir(exist_ok=True)
    (folder / "durward.toml").write_text(f"[serve]\n{parts}")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dw-") as name:
        yield Path(name)


def test_a_second_edge_in_a_folder_is_refused_and_the_first_goes_on(edge: LiveEdge) -> None:
    second = durward("edge", edge.folder)
    assert second.returncode == 2
    assert f"in use by `edge` (pid {edge.agent.pid})" in second.stderr
    assert "hint: " in second.stderr
    assert "Traceback" not in second.stderr
    assert edge.control("GET", "/readyz").status_code == 200
    assert edge.get(ORDER, authorization=f"Bearer {edge.token()}").status_code == 200


def test_a_second_serve_in_either_folder_is_refused_until_the_first_has_ended(folder: Path) -> None:
    """Both are made where they are missing: the runtime folder too."""
    runtime, state = folder / "run" / "a", folder / "state-a"
    settings(folder, runtime, state)
    settings(folder / "other", runtime, folder / "state-b")
    command = [sys.executable, "-m", "durward", "serve", "--config", str(folder / "durward.toml")]
    with subprocess.Popen(command) as first:
        try:
            wait_for(lambda: is_answered(runtime / "control.sock"))
            assert stat.S_IMODE(runtime.stat().st_mode) == 0o700
            second = durward("serve", folder / "other")
            assert second.returncode == 2
            assert f"in use by `serve` (pid {first.pid})" in second.stderr
            with pytest.raises(Misconfigured, match=f"in use by `serve` .pid {first.pid}"):
                lock_folders("serve", folder / "other", state).__enter__()
            assert is_answered(runtime / "control.sock")
        finally:
            kill(first.pid)
    with lock_folders("serve", state, runtime):
        pass


def is_answered(path: Path) -> bool:
    if not path.exists():
        return False
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(path)), timeout=5) as client:
        try:
            return client.get("http://serve/readyz").status_code == 200
        except httpx2.HTTPError:
            return False


def test_one_folder_for_both_and_another_command_in_it_are_no_second(tmp_path: Path) -> None:
    new = tmp_path / "new"
    with (
        lock_folders("edge", tmp_path, tmp_path / ".", new),
        lock_folders("serve", tmp_path),
        pytest.raises(Misconfigured, match=rf"in use by `edge` \(pid {os.getpid()}\)"),
    ):
        lock_folders("edge", new).__enter__()
    with lock_folders("edge", tmp_path):
        pass


def test_a_folder_that_cannot_be_made_or_locked_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "edge.lock").mkdir()
    for folder, problem in ((tmp_path / "file" / "x", "cannot be made"), (tmp_path, "written")):
        with pytest.raises(Misconfigured, match=problem) as caught:
            lock_folders("edge", folder).__enter__()
        assert caught.value.hint


@pytest.mark.anyio
async def test_a_runtime_folder_whose_path_is_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 108)
    with pytest.raises(Misconfigured, match="the socket cannot be made") as caught:
        await listen(path, lambda _: Reply(200))
    assert caught.value.hint
    with pytest.raises(Misconfigured, match="the socket cannot be made"):
        private_socket(path)
