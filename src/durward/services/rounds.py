"""Periodic tasks of a replica, which survive failures of the database.

A task reports a failure once, and retries after growing pauses that differ between replicas; it
reports again when a round succeeds.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator

from durward.core.errors import DurwardError, Unavailable
from durward.entropy import jittered

LONGEST_PAUSE_SECONDS = 5.0


class Rounds:
    """The rounds of one task, `name`; failures are reported to the operator."""

    def __init__(
        self, name: str, report: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._report = report
        self._clock = clock
        self._told = ""
        self._away_since: float | None = None
        self._pause = 0.0

    @contextlib.contextmanager
    def round(self) -> Iterator[None]:
        """Run one round; an error is reported and does not end the task."""
        try:
            yield
        except DurwardError as error:
            self._failed(error)
        else:
            self._succeeded()

    def pause(self, usual: float) -> float:
        """The seconds to wait before the next round."""
        return max(usual, jittered(self._pause)) if self._pause else usual

    async def rest(self, usual: float) -> None:
        """Wait before the next round."""
        await asyncio.sleep(self.pause(usual))

    def _failed(self, error: DurwardError) -> None:
        self._pause = min(2 * self._pause or 0.5, LONGEST_PAUSE_SECONDS)
        is_away = isinstance(error, Unavailable) and error.passes
        # A restarting database gives different errors in turn.
        if str(error) != self._told and not (is_away and self._away_since is not None):
            hint = getattr(error, "hint", "")
            self._report(f"{self._name}: {error}" + (f" (hint: {hint})" if hint else ""))
        self._told = str(error)
        if is_away and self._away_since is None:
            self._away_since = self._clock()

    def _succeeded(self) -> None:
        if self._away_since is not None:
            away = self._clock() - self._away_since
            self._report(f"{self._name}: goes on, after {away:.0f} s")
        self._told, self._away_since, self._pause = "", None, 0.0
