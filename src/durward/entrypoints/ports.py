"""TCP ports of this machine: whether they are free, and which process has one."""

import errno
import socket
from dataclasses import dataclass
from pathlib import Path

LISTEN, TIME_WAIT = "0A", "06"


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a listener could bind the port of a loopback address now.

    Former connections of a listener (TIME-WAIT) do not matter: our listeners set SO_REUSEADDR, as
    the probe does. An address that this machine does not have counts as free.
    """
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
    return True


def holder(port: int) -> str | None:
    """The process that listens on the port, if this user may see it (proc(5))."""
    inodes = {f"socket:[{entry.inode}]" for entry in entries(port) if entry.state == LISTEN}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(entry.readlink()) in inodes for entry in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:  # it ended, or is another user's
            continue
    return None


def is_left_behind(port: int) -> bool:
    """Whether only ended connections (TIME-WAIT) have the port.

    If a client used the port without SO_REUSEADDR, the kernel refuses listeners until these are
    forgotten, after a minute.
    """
    states = {entry.state for entry in entries(port)}
    return states == {TIME_WAIT}


@dataclass(frozen=True)
class Entry:
    """A TCP socket of this machine, from /proc/net."""

    state: str
    inode: str


def entries(port: int) -> list[Entry]:
    """The sockets with this local port."""
    found: list[Entry] = []
    for table in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port:
                found.append(Entry(fields[3], fields[9]))
    return found
