"""How fast guesses may follow each other (AS-96; NIST SP 800-63B-4 §3.2.2).

Every attempt is counted before it is verified, so that simultaneous attempts do not slip through.
Guesses at one account from one place are slowed soon; those from one place at any account, and
those at one account from anywhere, later. Nobody is locked out: the longest wait is bounded, the
count of the account alone waits least, and a browser with which the account has signed in before
has a count of its own (OWASP, "Device Cookies").
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from durward.core.authn.network_prefix import counted_source
from durward.core.values import MICROSECONDS, Instant, Seconds, later
from durward.core.wire import encode_base64url, sorted_json


@dataclass(frozen=True, slots=True)
class Limit:
    """`free` attempts at once, then waits that double from `first` up to `longest`."""

    free: int
    longest: Seconds
    forgotten: Seconds = Seconds(3_600)
    """A count without an attempt for so long starts anew."""
    first: Seconds = Seconds(1)


PAIR = Limit(5, Seconds(900))
SOURCE = Limit(100, Seconds(30))
"""Many people may share an address: guesses there must not keep the others out for long."""
ACCOUNT = Limit(50, Seconds(30))


@dataclass(frozen=True, slots=True)
class Count:
    """The number of failures, and the time of the last attempt."""

    failures: int
    last_at: Instant


@dataclass(frozen=True, slots=True)
class Attempt:
    """The names under which one attempt is counted."""

    pair: str
    """The count of the account and the source; starts anew after a success."""
    limits: Mapping[str, Limit]
    """All counts of the attempt, that of the pair included."""


def attempt_from(key: bytes, account: str, source: str) -> Attempt:
    """An attempt at an account from an address."""
    source = counted_source(source)
    pair = counted_name(key, "pair", account, source)
    limits = {
        pair: PAIR,
        counted_name(key, "source", source): SOURCE,
        counted_name(key, "account", account): ACCOUNT,
    }
    return Attempt(pair, limits)


def attempt_at_known_browser(key: bytes, account: str, browser: bytes) -> Attempt:
    """An attempt from a browser with which the account has signed in: it has a count of its own.

    `browser` is the hash of its secret. Strangers cannot exhaust this count.
    """
    pair = counted_name(key, "browser", account, browser.hex())
    return Attempt(pair, {pair: PAIR})


def counted_name(key: bytes, *parts: str) -> str:
    """The name of a count: 43 characters that reveal nothing of the parts.

    The account is as it was typed, and may be a password in the wrong field. Without the key nobody
    can try passwords against the name, as anybody who reads the store could against a plain hash.
    """
    # As JSON no two lists of parts are one text, whatever stands in them.
    return encode_base64url(hmac.new(key, sorted_json(parts), hashlib.sha256).digest())


def wait(count: Count | None, limit: Limit, now: Instant) -> Seconds:
    """The seconds (rounded up) until the next attempt is verified; 0: now."""
    if count is None or count.failures < limit.free or is_forgotten(count, limit, now):
        return Seconds(0)
    step = min(count.failures - limit.free, 30)
    allowed_at = later(count.last_at, Seconds(min(limit.first * 2**step, limit.longest)))
    return Seconds(max(0, -(-(allowed_at - now) // MICROSECONDS)))


def is_forgotten(count: Count, limit: Limit, now: Instant) -> bool:
    """Whether a count has expired."""
    return now >= later(count.last_at, limit.forgotten)


def longest_wait(counted: Iterable[tuple[Count | None, Limit]], now: Instant) -> Seconds:
    """The longest of the waits of these counts."""
    return max((wait(count, limit, now) for count, limit in counted), default=Seconds(0))
