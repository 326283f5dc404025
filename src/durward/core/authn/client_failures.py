"""Failed authentications of clients, counted by source (AS-25; OAuth 2.1 draft-15 §2.4.1).

A secret that Durward minted has 256 random bits: no number of guesses finds it, so wrong ones keep
nobody out. What they leave in the audit log is bounded: one event each while the source has a
budget, one when that is spent, and none until it is whole again.
"""

from dataclasses import dataclass
from enum import Enum

from durward.core.authn.source import counted_source
from durward.core.values import MICROSECONDS, Instant, Seconds, later

BURST = 20
REFILL = Seconds(30)
"""After so long a source has one failure more."""
MAX_SOURCES = 10_000
"""The one that failed least recently is forgotten first."""


class Standing(Enum):
    """What the next failure of a source is."""

    WITHIN = "within the budget"
    FIRST_OVER = "the first that is over the budget"
    OVER = "over the budget"


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left of a source's budget, and since when."""

    left: int = BURST
    since: Instant = Instant(0)
    is_over: bool = False

    def at(self, now: Instant) -> "Bucket":
        """As it is now; a source that was over its budget is so until that is whole again."""
        earned = max(0, now - self.since) // (REFILL * MICROSECONDS)
        left = self.left + earned
        if left >= BURST:
            return Bucket(since=now)
        return Bucket(left, later(self.since, Seconds(earned * REFILL)), self.is_over)

    @property
    def standing(self) -> Standing:
        """What the next failure is."""
        if self.is_over:
            return Standing.OVER
        return Standing.WITHIN if self.left else Standing.FIRST_OVER


class ClientFailures:
    """The budgets of one process.

    A use case asks for the standing, and the failure is counted once that is committed: it may be
    run again. So the budget is exceeded by as many as are under way at once.
    """

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}

    def standing(self, source: str, now: Instant) -> Standing:
        """What a failure of this source is now; counts nothing."""
        return self._buckets.get(counted_source(source), Bucket()).at(now).standing

    def count(self, source: str, now: Instant) -> None:
        """Count one failure."""
        source = counted_source(source)
        bucket = self._buckets.pop(source, Bucket()).at(now)
        is_within = bucket.standing is Standing.WITHIN
        # One over the budget costs nothing: else who goes on would never be heard of again.
        self._buckets[source] = Bucket(bucket.left - is_within, bucket.since, not is_within)
        if len(self._buckets) > MAX_SOURCES:
            del self._buckets[next(iter(self._buckets))]
