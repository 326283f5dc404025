"""The values that every floor speaks: instants, durations, ids, secrets."""

import hashlib
from typing import NewType

Instant = NewType("Instant", int)
"""Microseconds since 1970-01-01T00:00:00Z."""

Seconds = NewType("Seconds", int)
"""A duration in whole seconds."""

ClientId = NewType("ClientId", str)
UserId = NewType("UserId", str)
TenantId = NewType("TenantId", str)
ApiId = NewType("ApiId", str)
SessionId = NewType("SessionId", str)
GrantId = NewType("GrantId", str)
DecisionId = NewType("DecisionId", str)

MICROSECONDS = 1_000_000


def later(instant: Instant, by: Seconds) -> Instant:
    """The instant `by` seconds after `instant` (before it, where `by` is negative)."""
    return Instant(instant + by * MICROSECONDS)


def numeric_date(instant: Instant) -> int:
    """The instant as a NumericDate (RFC 7519 §2): whole seconds, rounded down."""
    return instant // MICROSECONDS


def from_numeric_date(seconds: int) -> Instant:
    """The instant at which the second `seconds` begins."""
    return Instant(seconds * MICROSECONDS)


class Secret:
    """Something that only its owner may see: never printed, compared by hash, revealed by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself. Whoever calls this sends it to its owner, or verifies it."""
        return self._value

    def sha256(self) -> bytes:
        """What is stored in its place. Only for values of at least 128 random bits."""
        return hashlib.sha256(self._value.encode()).digest()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(•••)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)
