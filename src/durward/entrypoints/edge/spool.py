"""The spool: what a process decided, on disk before anybody is told.

One JSON object a line, appended by one process. A line that a crash cut short is not an event.
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
        """How often the disk failed: Linux tells that once, and whatever was written before it may
        be lost, also where a later sync succeeds (fsync(2))."""

    def reopen(self) -> None:
        """Go on in a new file where this one was put aside. Raises OSError, and goes on in it.

        What the former one holds is on the disk then: who waits for it asks the new one alone. A
        file is begun after that: whoever finds one asks for none.
        """
        former = self._file
        self._sync()
        self._file, self._torn = open_spool(self._path)
        os.close(former)

    def handle(self) -> int:
        """Another descriptor of the file, to be closed by whoever asks. Raises OSError."""
        return os.dup(self._file)

    def append(self, record: DecisionRecord | AuditEvent, *, durable: bool) -> None:
        """Write one record; a durable one is on disk when this returns. Raises OSError.

        Where the file was removed, with its folder or alone, it goes on in a new one: what is
        written into a file without a name is gone.
        """
        if not os.fstat(self._file).st_nlink:
            self.reopen()
        # What a crash or a full disk cut short must not take the next line with it.
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
        """Bring everything to disk and close."""
        os.fdatasync(self._file)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_spool(path: Path) -> tuple[int, bool]:
    """A file to append to, and whether its last line is cut short; its folder is made."""
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
    """Bring the names in a folder to disk: what is in a file counts for nothing without its name.

    Raises OSError.
    """
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def ends_whole(path: Path, size: int) -> bool:
    """Whether the last line was written to its end."""
    with path.open("rb") as file:
        file.seek(size - 1)
        return file.read(1) == b"\n"
