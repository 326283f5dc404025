"""The spool: the write-ahead file of a process's decisions.

One JSON object per line, appended by one process. A line that a crash cut short is not an event.
"""

import errno
import os
from pathlib import Path
from typing import Self

from durward.core.audit.event import AuditEvent
from durward.core.edge.decision_record import DecisionRecord


class Spool:
    """An open spool file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file, self._torn = open_spool(path)
        self.failures = 0
        """The number of disk failures: Linux reports each once, and everything written before may
        be lost, even if a later sync succeeds (fsync(2))."""

    def reopen(self) -> None:
        """Continue in a new file if this one was rotated. Raises OSError, and stays in it.

        The former file is synced first, since waiting records sync only the new one. The new file
        is made after that: its existence shows that the writer has moved.
        """
        former = self._file
        self._sync()
        self._file, self._torn = open_spool(self._path)
        os.close(former)

    def handle(self) -> int:
        """Another descriptor of the file; the caller closes it. Raises OSError."""
        return os.dup(self._file)

    def append(self, record: DecisionRecord | AuditEvent, *, durable: bool) -> None:
        """Write one record; a durable one is on disk when this returns. Raises OSError.

        If the file was removed, with its folder or alone, it continues in a new one, since data in
        a file without a name is lost.
        """
        if not os.fstat(self._file).st_nlink:
            self.reopen()
        # A line that a crash or a full disk cut short must not damage the next one.
        line = (b"\n" if self._torn else b"") + record.to_wire() + b"\n"
        self._torn = True
        if os.write(self._file, line) != len(line):
            raise OSError(errno.ENOSPC, "the line was written in part")
        self._torn = False
        if durable:
            self._sync()

    def _sync(self) -> None:
        try:
            os.fdatasync(self._file)
        except OSError:
            self.failures += 1
            raise

    def close(self) -> None:
        """Sync everything to disk and close."""
        os.fdatasync(self._file)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_spool(path: Path) -> tuple[int, bool]:
    """Open a file to append to; return whether its last line is cut short. Its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        sync_folder(path.parent)
        size = os.fstat(file).st_size
        return file, bool(size) and not ends_whole(path, size)
    except OSError:
        os.close(file)
        raise


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to disk: a file without its name is lost.

    Raises OSError.
    """
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def ends_whole(path: Path, size: int) -> bool:
    """Whether the last line is complete."""
    with path.open("rb") as file:
        file.seek(size - 1)
        return file.read(1) == b"\n"
