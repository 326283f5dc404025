"""The spool: what a process decided, on disk before anybody is told.

One JSON object a line, appended by one process. A line that a crash cut short is not an event.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from durward.core.wire import Json, JsonLike, compact_json, parse_json

MAX_LINE_BYTES = 65_536


class Spool:
    """An open spool file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if (size := os.fstat(self._file).st_size) and not ends_whole(path, size):
            os.write(self._file, b"\n")

    def append(self, event: JsonLike, *, durable: bool) -> None:
        """Write one event; a durable one is on disk when this returns. Raises OSError."""
        os.write(self._file, compact_json(event) + b"\n")
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


def read_events(path: Path) -> Iterator[dict[str, Json]]:
    """The events of a spool file in their order; a line cut short by a crash is passed over."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n") and line.strip():
                event = parse_json(line, limit_bytes=MAX_LINE_BYTES)
                if isinstance(event, dict):
                    yield event
