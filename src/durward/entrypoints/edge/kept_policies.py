"""The policies of a node's decisions, by the hash in its records, for `explain`.

The newest are kept, and older ones while a record that is not shipped names them: the control plane
asks for lacking policies when it gets the decision.
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
    """The stored policies, one file each in the node's state."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER

    def keep(self, part: bytes) -> None:
        """Store policies as the newest, before a decision by them. Raises Unavailable."""
        path = self._path(digest_of(part))
        if self._load(path) != part:
            replace(path, part)
            return
        try:
            os.utime(path)
        except OSError as error:
            raise Unavailable(f"{path} cannot be written: {error.strerror}") from error

    def load(self, digest: str) -> bytes | None:
        """The part with that hash; None if it is missing or damaged."""
        path = self._path(digest)
        if path not in self._files():  # a record may name any other file
            return None
        part = self._load(path)
        return part if part is not None and digest_of(part) == digest else None

    def tidy(self, named: Callable[[], Iterable[str]]) -> None:
        """Remove policies that are neither new nor `named` by an unshipped record."""
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
