"""How many requests somebody may make: a token bucket for each name, of a bounded number of names.

A bucket is kept as one instant: when it will be full again (the generic cell rate algorithm, ITU-T
I.371 §A). Nothing has to run for it to fill, and a name that is forgotten has a full one.
"""

from collections import OrderedDict
from dataclasses import dataclass

from durward.core.values import MICROSECONDS, Instant, Seconds

MAX_NAMES = 20_000
"""Some 150 bytes each; of more, the one that was not heard of for longest begins anew."""


@dataclass(frozen=True, slots=True)
class Budget:
    """`burst` at once, then `per_second` each second."""

    burst: int
    per_second: int

    @property
    def interval(self) -> int:
        """Microseconds in which one more is allowed."""
        return MICROSECONDS // self.per_second


class Buckets:
    """What each name has left of one budget."""

    def __init__(self, budget: Budget, names: int = MAX_NAMES) -> None:
        self._budget = budget
        self._names = names
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def take(self, name: str, now: Instant, weight: int = 1) -> Seconds:
        """Take one; where there is none, how long to wait (seconds, rounded up) until there is.

        What has a `weight` takes so many. A clock that was put back makes nobody wait longer than
        for one.
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
