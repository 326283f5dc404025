"""Who holds a TCP port of this machine."""

import errno
import socket
from pathlib import Path

LISTEN = "0A"


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a listener could take the port of a loopback address now.

    An address that this machine does not have is nobody's.
    """
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
    return True


def holder(port: int) -> str | None:
    """The process that listens on the port, where this user may see it (proc(5))."""
    inodes = {f"socket:[{inode}]" for inode in listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(entry.readlink()) in inodes for entry in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:  # it ended, or is another user's
            continue
    return None


def listening_inodes(port: int) -> set[str]:
    """The sockets that listen on the port, as /proc/net names them."""
    found: set[str] = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found
