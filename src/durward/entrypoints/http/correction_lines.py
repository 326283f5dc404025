"""Tell the operator, who may be the developer, what to change after a refused request.

Anybody can send a bad request in the name of a client, so lines are few: one a minute for each
client and reason, and a bounded number in all. All clients that are not declared are one.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from durward.core.authn.budget import Buckets, Budget
from durward.core.errors import ProtocolError
from durward.core.oauth.corrections import correction
from durward.core.values import ClientId, Instant

EACH_SECONDS: Final = 60
EACH: Final = Budget(burst=EACH_SECONDS, per_second=1)
"""One line takes the whole of it: the next one of the same client and reason comes after it."""
ALL: Final = Budget(burst=30, per_second=1)
MAX_KEYS: Final = 2_000
NOT_DECLARED: Final = "a client that is not declared"


class Corrections:
    """The lines of one process about requests that developers have to correct."""

    def __init__(self, now: Callable[[], Instant], write: Callable[[str], None]) -> None:
        self._now = now
        self._write = write
        self._each = Buckets(EACH, names=MAX_KEYS)
        self._all = Buckets(ALL, names=1)
        self._silent: Counter[str] = Counter()

    def report(self, path: str, error: ProtocolError, client: ClientId | None) -> None:
        """Report what to change, if a declaration can be the cause and there is room."""
        text = correction(error)
        if text is None:
            return
        who = f"clients/{client or error.client}" if client or error.client else NOT_DECLARED
        key, now = f"{error.reason} {who}", self._now()
        if self._each.take(key, now, EACH_SECONDS) or self._all.take("", now):
            if key in self._silent or len(self._silent) < MAX_KEYS:
                self._silent[key] += 1
            return
        more = self._silent.pop(key, 0)
        also = f"; {more} more like this since the line before" if more else ""
        self._write(f"{path} refused {who}: {text}{also}")
