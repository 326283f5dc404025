"""Who listens where: clients can reach the enforcement point, and nothing behind it."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.demo import Demo

LISTENING_TCP, LISTENING_UNIX = "0A", "00010000"


def family(root: int) -> Iterator[int]:
    """A process and all that it started."""
    yield root
    for task in Path(f"/proc/{root}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def held(process: int) -> set[str]:
    """The inodes of a process's sockets."""
    names = (str(fd.readlink()) for fd in Path(f"/proc/{process}/fd").iterdir() if fd.is_symlink())
    return {name[8:-1] for name in names if name.startswith("socket:[")}


def on_tcp() -> Iterator[tuple[str, int]]:
    """Inode and port of every TCP socket of this machine that listens."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == LISTENING_TCP:
                yield rest[5], int(local.rpartition(":")[2], 16)


def on_paths() -> Iterator[tuple[str, Path]]:
    """Inode and path of every Unix socket that listens."""
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        found = line.split()
        if found[3] == LISTENING_UNIX and len(found) > 7:
            yield found[6], Path(found[7])


@pytest.mark.requirement("ZT-4")
def test_only_envoy_and_the_sample_application_listen_where_clients_are(kept_demo: Demo) -> None:
    """Decision points and the control plane are not on TCP, and their sockets are their owner's."""
    root = json.loads((kept_demo.folder / "demo.json").read_text())["pid"]
    owner = {inode: process for process in family(root) for inode in held(process)}

    def name(process: int) -> str:
        command = Path(f"/proc/{process}/cmdline").read_text().split("\0")
        known = ("mailbox", "decision_point", "edge", "serve", "desk", "orders")
        whole = " ".join(command)
        if Path(command[0]).name == "envoy":
            return "envoy"
        return next((word for word in known if word in whole), whole)

    listening = {port: name(owner[inode]) for inode, port in on_tcp() if inode in owner}
    assert listening == {
        kept_demo.port: "envoy",
        kept_demo.port + 10: "envoy",
        kept_demo.port + 20: "desk",
        kept_demo.port + 30: "mailbox",
    }
    sockets = {path: name(owner[inode]) for inode, path in on_paths() if inode in owner}
    assert {"decision_point", "serve", "edge"} <= set(sockets.values())
    for path, who in sockets.items():
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700, path
        if who in {"decision_point", "serve", "edge"}:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
