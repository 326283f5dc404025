"""The runtime folder for sockets of the processes: private, with a short path."""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from durward.entrypoints.demo.instance import DemoInstance
from durward.entrypoints.demo.state import former

PREFIX = "durward-"


@contextlib.asynccontextmanager
async def runtime_folder(place: DemoInstance) -> AsyncIterator[Path]:
    """An empty folder for sockets, mode 0700, removed at the end; the same at every start.

    A leftover of a former demo in this place is removed: the caller has locked the place.
    """
    folder = usual_runtime(place)
    if not is_private(folder):
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    other = left[1] if (left := former(place)) else folder
    if other.parent == folder.parent and other.name.startswith(PREFIX) and other != folder:
        shutil.rmtree(other, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def usual_runtime(place: DemoInstance) -> Path:
    """The runtime folder of a place: short enough for paths of Unix sockets."""
    told = hashlib.sha256(str(place.folder.resolve()).encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"{PREFIX}{os.getuid()}-{told}"


def is_private(folder: Path) -> bool:
    """Whether a folder below a world-writable one is private to us, and empty.

    A folder or link of another user is neither used nor changed.
    """
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if found.st_mode != stat.S_IFDIR | stat.S_IRWXU or found.st_uid != os.getuid():
            return False
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    except OSError:
        return False
    return True
