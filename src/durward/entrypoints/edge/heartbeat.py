"""The heartbeat: the last time at which this node had every revocation in force.

It is the modification time of a file that the agent touches.
"""

from pathlib import Path

from durward.clock import now
from durward.core.values import MICROSECONDS, Instant


class Heartbeat:
    """The agent sets it by `made`; a decision point reads it, at most once a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: Instant | None = None
        self._looked_at = Instant(0)

    def made(self) -> None:
        """Record that every revocation of the control plane is in force. Raises OSError."""
        self._path.touch(mode=0o600)

    def last(self) -> Instant | None:
        """The time of the last heartbeat; None if there was none, or it cannot be read."""
        at = now()
        if not 0 <= at - self._looked_at < MICROSECONDS:
            self._looked_at = at
            try:
                self._last = Instant(self._path.stat().st_mtime_ns // 1000)
            except OSError:
                self._last = None
        return self._last
