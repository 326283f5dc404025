"""The spool: what a process decided, on disk before anybody is told.

One JSON object a line, appended by one process. A line that a crash cut short is not an event.
"""

import errno
import os
from pathlib import Path
from typing import Self

from durward.core.edge.decision import Decision


class Spool:
    """An open spool file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        size = os.fstat(self._file).st_size
        self._torn = bool(size) and not ends_whole(path, size)

    def append(self, decision: Decision, *, durable: bool) -> None:
        """Write one decision; a durable one is on disk when this returns. Raises OSError."""
        # What a crash or a full disk cut short must not take the next line with it.
        line = (b"\n" if self._torn else b"") + decision.to_wire() + b"\n"
        self._torn = True
        if os.write(self._file, line) != len(line):
            raise OSError(errno.ENOSPC, "the line was written in part")
        self._torn = False
        if durable:
            os.fdatasync(self._file)

    def close(self) -> None:
        """Bring everything to disk and close."""
        os.fdatasync(self._file)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ends_whole(path: Path, size: int) -> bool:
    """Whether the last line was written to its end."""
    with path.open("rb") as file:
        file.seek(size - 1)
        return file.read(1) == b"\n"
