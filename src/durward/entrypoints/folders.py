"""The folders of a process: made if missing, and locked by one process of a kind at a time.

The kernel releases the locks when the process ends, however it ends: no cleanup is needed.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from durward.core.errors import Misconfigured


@contextlib.contextmanager
def lock_folders(command: str, *folders: Path) -> Iterator[None]:
    """Lock folders for `durward COMMAND`; a missing folder is made with mode 0700.

    Commands may share a folder: each has its own lock, `COMMAND.lock`. Raises Misconfigured with
    the process if another process of that command has the lock.
    """
    with contextlib.ExitStack() as stack:
        # A second lock on the same file would be refused to ourselves.
        for folder in dict.fromkeys(made(folder) for folder in folders):
            stack.enter_context(locked(folder, command))
        yield


def made(folder: Path) -> Path:
    """The real path of the folder, made if missing. Raises Misconfigured."""
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder.resolve(strict=True)
    except OSError as error:
        hint = "choose another folder, or one that is yours"
        problem = f"cannot be made: {error.strerror}"
        raise Misconfigured(str(folder), problem, hint=hint) from error


def locked(folder: Path, command: str) -> TextIO:
    """Lock a folder; closing the file releases it. Raises Misconfigured."""
    path = folder / f"{command}.lock"
    try:
        lock = path.open("a+")
    except OSError as error:
        hint = "choose another folder, or one that is yours"
        raise Misconfigured(str(path), f"cannot be written: {error.strerror}", hint=hint) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        with lock:
            lock.seek(0)
            holder = f"`{command}` (pid {lock.read(32).strip() or 'not known'})"
        if not isinstance(error, BlockingIOError):
            raise Misconfigured(str(path), f"cannot be locked: {error.strerror}") from error
        hint = "end that one, or give this one a folder of its own for `runtime` and for `state`"
        raise Misconfigured(str(folder), f"is in use by {holder}", hint=hint) from error
    # The pid is only for the message of a refusal: on a full disk it is left out.
    with contextlib.suppress(OSError):
        lock.truncate(0)
        os.write(lock.fileno(), f"{os.getpid()}\n".encode())
    return lock
