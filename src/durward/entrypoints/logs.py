"""Logs of processes: bounded, though the process that writes one holds it open.

A log that grew large is copied and emptied in place. Who writes appends (`O_APPEND`), so that its
next line is the first of the emptied file; only what is written between the last read and the
emptying, some microseconds, is lost. What a crash leaves half done is done again.
"""

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

MAX_BYTES = 10 * 1024 * 1024
KEPT = 3
"""Former ones of each log, `NAME.1` the newest: 40 MB with the one that is written."""
POLL_SECONDS = 1.0
CHUNK_BYTES = 1024 * 1024


async def keep_bounded(log: Path) -> None:
    """Put a log aside whenever it is large, for ever."""
    while True:
        await asyncio.sleep(POLL_SECONDS)
        await asyncio.to_thread(bound, log)


def bound(log: Path, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> bool:
    """Put a log aside if it is large; whether it was.

    Where there is no room for the copy, the oldest goes, and the next round tries again.
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
    """A former log; 0 is one that is being copied."""
    return log.with_name(f"{log.name}.{number or 'part'}")


def make_room(log: Path, kept: int) -> None:
    """Remove what was begun, and the oldest of what is kept; without any the log begins anew."""
    with contextlib.suppress(OSError):
        rotated_path(log, 0).unlink(missing_ok=True)
        former = [
            path for number in range(kept, 0, -1) if (path := rotated_path(log, number)).exists()
        ]
        if former:
            former[0].unlink()
        else:
            os.truncate(log, 0)
