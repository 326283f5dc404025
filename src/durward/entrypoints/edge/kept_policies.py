"""The policies that a node decided by, by the hash that its records name, for `explain`.

The newest are kept, whoever names them, and of older ones those that a record names which the
control plane does not have yet: it asks for what it lacks when it is told of the decision.
"""

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from durward.core.edge.parts import digest_of
from durward.core.errors import Unavailable
from durward.entrypoints.edge.xds import replace

NEWEST = 16
FOLDER = "policies"


class KeptPolicies:
    """A file of the node's state for each."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER

    def keep(self, part: bytes) -> None:
        """On the disk before anything is decided by it, as the newest. Raises Unavailable."""
        path = self._path(digest_of(part))
        if self._load(path) != part:
            replace(path, part)
            return
        try:
            os.utime(path)
        except OSError as error:
            raise Unavailable(f"{path} cannot be written: {error.strerror}") from error

    def load(self, digest: str) -> bytes | None:
        """The part of that hash; None where it is not here, or spoiled."""
        path = self._path(digest)
        if path not in self._files():  # nor is anything else that a record may name
            return None
        part = self._load(path)
        return part if part is not None and digest_of(part) == digest else None

    def tidy(self, named: Callable[[], Iterable[str]]) -> None:
        """Let go of what is neither new nor `named` by a record that was not shipped."""
        older = sorted(self._files(), key=lambda path: path.stat().st_mtime_ns)[:-NEWEST]
        if not older:
            return
        needed = {self._path(digest) for digest in named()}
        for path in older:
            if path not in needed:
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return list(self._folder.glob("*.json"))

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.json"

    @staticmethod
    def _load(path: Path) -> bytes | None:
        with contextlib.suppress(OSError):
            return path.read_bytes()
        return None
