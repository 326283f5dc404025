"""Rate limits: a token bucket for each name, of a bounded number of names.

A bucket is stored as one instant: when it will be full again (the generic cell rate algorithm,
ITU-T I.371 §A). It fills without any work, and a forgotten name has a full bucket.
"""

from collections import OrderedDict
from dataclasses import dataclass

from durward.core.values import MICROSECONDS, Instant, Seconds

MAX_NAMES = 20_000
"""Some 150 bytes each; of more names, the one unused longest is forgotten."""


@dataclass(frozen=True, slots=True)
class Budget:
    """`burst` at once, then `per_second` each second."""

    burst: int
    per_second: int

    @property
    def interval(self) -> int:
        """The microseconds in which one more request is allowed."""
        return MICROSECONDS // self.per_second


class Buckets:
    """The buckets of one budget, by name."""

    def __init__(self, budget: Budget, names: int = MAX_NAMES) -> None:
        self._budget = budget
        self._names = names
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def take(self, name: str, now: Instant, weight: int = 1) -> Seconds:
        """Take from a bucket; if it has too few, return the seconds to wait (rounded up).

        A request takes as many as its `weight`. A clock that was set back makes nobody wait longer
        than for one request.
        """
        interval, burst = self._budget.interval * weight, self._budget.burst
        empty = now + burst * self._budget.interval
        full_at = min(max(self._full_at.pop(name, now), now), empty)
        missing = full_at + interval - empty
        if missing > 0:
            self._full_at[name] = full_at
            return Seconds(-(-missing // MICROSECONDS))
        self._full_at[name] = full_at + interval
        if len(self._full_at) > self._names:
            self._full_at.popitem(last=False)
        return Seconds(0)
