"""Bounded logs of processes, which keep their log open.

A large log is copied and emptied in place. The writer appends (`O_APPEND`), so that its next line
is the first of the emptied file; only lines between the last read and the emptying, some
microseconds, are lost. After a crash the rotation is repeated.
"""

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

MAX_BYTES = 10 * 1024 * 1024
KEPT = 3
"""The number of rotated files of each log, `NAME.1` the newest: 40 MB with the present one."""
POLL_SECONDS = 1.0
CHUNK_BYTES = 1024 * 1024


async def keep_bounded(log: Path) -> None:
    """Rotate a log whenever it is large, for ever."""
    while True:
        await asyncio.sleep(POLL_SECONDS)
        await asyncio.to_thread(bound, log)


def bound(log: Path, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> bool:
    """Rotate a log if it is large; return whether it was.

    Without room for the copy the oldest file is removed, and the next round retries.
    """
    try:
        if log.stat().st_size <= max_bytes:
            return False
        with log.open("r+b", 0) as written, rotated_path(log, 0).open("wb", 0) as copy:
            shutil.copyfileobj(written, copy, CHUNK_BYTES)
            for number in range(kept - 1, -1, -1):
                with contextlib.suppress(FileNotFoundError):
                    rotated_path(log, number).replace(rotated_path(log, number + 1))
            shutil.copyfileobj(written, copy, CHUNK_BYTES)  # what was written meanwhile
            written.truncate(0)
    except FileNotFoundError:
        return False
    except OSError:
        make_room(log, kept)
        return False
    return True


def rotated_path(log: Path, number: int) -> Path:
    """The path of a rotated log; 0 is the copy in progress."""
    return log.with_name(f"{log.name}.{number or 'part'}")


def make_room(log: Path, kept: int) -> None:
    """Remove the unfinished copy and the oldest file; if there is none, empty the log."""
    with contextlib.suppress(OSError):
        rotated_path(log, 0).unlink(missing_ok=True)
        former = [
            path for number in range(kept, 0, -1) if (path := rotated_path(log, number)).exists()
        ]
        if former:
            former[0].unlink()
        else:
            os.truncate(log, 0)
