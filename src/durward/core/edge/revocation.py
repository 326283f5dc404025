"""What is not good any more although its tokens have not expired, as a node of the edge knows it.

A session or a grant is revoked for good; of a subject or a client, what was issued before. A client
that acts for itself is its own subject; as a client it is revoked with what it does for people.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import msgspec

from durward.core.errors import Misconfigured
from durward.core.values import Instant, Seconds, later

LONGEST_TOKEN = Seconds(3_600)
"""No access token lives longer: the setting is bounded. Older revocations concern nobody."""

KEPT = Seconds(LONGEST_TOKEN + 60)
MAX_DELTA = 300
"""What is pushed at once costs Envoy 22 to 28 µs an entry: the delta stays below 10 ms."""


class RevocationKind(StrEnum):
    """What was revoked."""

    SESSION = "session"
    GRANT = "grant"
    SUBJECT = "subject"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry of the feed; sequence numbers grow with the commits."""

    sequence: int
    kind: RevocationKind
    value: str
    at: Instant


@dataclass(frozen=True)
class RevokedTokens:
    """All that a node knows: a `base` that is pushed seldom, a `delta` that is pushed at once."""

    sequence: int = 0
    at: int = 0
    """When the last that was read was made; the feed knows by it whether it gave that number."""
    base: tuple[Revocation, ...] = ()
    delta: tuple[Revocation, ...] = ()

    def learn(self, fresh: Iterable[Revocation], sequence: int, at: int, now: Instant) -> Self:
        """The same with what the feed brought; a delta that grew too long moves to the base.

        What is known is kept until it concerns no living token, whatever the feed says later: a
        store that was put back does not make a token good again.
        """
        delta = newest((*self.delta, *fresh))
        if len(delta) <= MAX_DELTA:
            return type(self)(sequence, at, self.base, delta)
        return type(self)(sequence, at, newest(living((*self.base, *delta), now)), ())

    def to_wire(self) -> bytes:
        """As it is kept on the node's disk."""
        return msgspec.json.encode(self)

    @classmethod
    def from_wire(cls, data: bytes) -> Self:
        """Read what was kept. Raises Misconfigured."""
        try:
            return msgspec.json.decode(data, type=cls)
        except (msgspec.DecodeError, ValueError) as error:  # ValueError: it is no UTF-8
            raise Misconfigured("revocations", str(error)) from error


def living(entries: Iterable[Revocation], now: Instant) -> tuple[Revocation, ...]:
    """Those under which a token may still be alive."""
    return tuple(entry for entry in entries if now < later(entry.at, KEPT))


def newest(entries: Iterable[Revocation]) -> tuple[Revocation, ...]:
    """Of each thing the last entry, in the order of time.

    Numbers would not do: a store that was put back gives them anew.
    """
    last = {(entry.kind, entry.value): entry for entry in sorted(entries, key=_order)}
    return tuple(sorted(last.values(), key=_order))


def _order(entry: Revocation) -> tuple[int, int]:
    return entry.at, entry.sequence
