"""What a replica does again and again, for as long as it runs: it outlives what it needs.

A round that meets a database that is away tells it once, and is tried again after pauses that grow
and differ from replica to replica; the first that succeeds again tells that.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator

from durward.core.errors import DurwardError, Unavailable
from durward.entropy import jittered

LONGEST_PAUSE_SECONDS = 5.0


class Rounds:
    """The rounds of one task, `name`, told to an operator where they fail."""

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
        """One of them: of its failures the next one may not meet the same."""
        try:
            yield
        except DurwardError as error:
            self._failed(error)
        else:
            self._succeeded()

    def pause(self, usual: float) -> float:
        """How many seconds to wait for the next one."""
        return max(usual, jittered(self._pause)) if self._pause else usual

    async def rest(self, usual: float) -> None:
        """Wait for the next one."""
        await asyncio.sleep(self.pause(usual))

    def _failed(self, error: DurwardError) -> None:
        self._pause = min(2 * self._pause or 0.5, LONGEST_PAUSE_SECONDS)
        is_away = isinstance(error, Unavailable) and error.passes
        # A database that restarts is away in several words.
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
