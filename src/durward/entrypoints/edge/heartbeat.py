"""When this node last had every revocation in force: the time of a file that the agent touches."""

from pathlib import Path

from durward.clock import now
from durward.core.values import MICROSECONDS, Instant


class Heartbeat:
    """The agent says it by `made`; a decision point asks for it, and looks once a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: Instant | None = None
        self._looked_at = Instant(0)

    def made(self) -> None:
        """Every revocation that the control plane knew of is in force. Raises OSError."""
        self._path.touch(mode=0o600)

    def last(self) -> Instant | None:
        """When it was; None where it never was, or cannot be known."""
        at = now()
        if not 0 <= at - self._looked_at < MICROSECONDS:
            self._looked_at = at
            try:
                self._last = Instant(self._path.stat().st_mtime_ns // 1000)
            except OSError:
                self._last = None
        return self._last
