"""The one place that reads the clock; everywhere else time is an argument."""

import time

from durward.core.values import Instant


def now() -> Instant:
    """The current instant."""
    return Instant(time.time_ns() // 1000)  # noqa: TID251 - this is that place
