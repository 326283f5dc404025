"""Revocations of unexpired tokens, as a node of the edge holds them.

A session or a grant is revoked for good; of a subject or a client, the tokens issued before. A
client that acts for itself is its own subject; a revoked client loses its tokens for people too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import msgspec

from durward.core.errors import Misconfigured
from durward.core.values import Instant, Seconds, later

LONGEST_TOKEN = Seconds(3_600)
"""The longest lifetime of an access token, by setting. Older revocations concern no token."""

KEPT = Seconds(LONGEST_TOKEN + 60)
MAX_DELTA = 300
"""An entry costs Envoy 22 to 28 µs at each push: the delta stays below 10 ms."""


class RevocationKind(StrEnum):
    """The kind of a revoked thing."""

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
    """The revocations of a node: a `base`, pushed seldom, and a `delta`, pushed at once."""

    sequence: int = 0
    at: int = 0
    """The time of the last revocation; the feed checks by it that it gave that number."""
    base: tuple[Revocation, ...] = ()
    delta: tuple[Revocation, ...] = ()

    def learn(self, fresh: Iterable[Revocation], sequence: int, at: int, now: Instant) -> Self:
        """Add revocations from the feed; a delta that grew too long moves to the base.

        A revocation is kept until no token concerned is alive, whatever the feed sends later: a
        restored store does not make a token valid again.
        """
        delta = newest((*self.delta, *fresh))
        if len(delta) <= MAX_DELTA:
            return type(self)(sequence, at, self.base, delta)
        return type(self)(sequence, at, newest(living((*self.base, *delta), now)), ())

    def to_wire(self) -> bytes:
        """The bytes for the node's disk."""
        return msgspec.json.encode(self)

    @classmethod
    def from_wire(cls, data: bytes) -> Self:
        """Read the stored bytes. Raises Misconfigured."""
        try:
            return msgspec.json.decode(data, type=cls)
        except (msgspec.DecodeError, ValueError) as error:  # ValueError: not UTF-8
            raise Misconfigured("revocations", str(error)) from error


def living(entries: Iterable[Revocation], now: Instant) -> tuple[Revocation, ...]:
    """The entries for which a token may still be alive."""
    return tuple(entry for entry in entries if now < later(entry.at, KEPT))


def newest(entries: Iterable[Revocation]) -> tuple[Revocation, ...]:
    """The last entry for each thing, in the order of time.

    The order is not by sequence number, since a restored store gives numbers again.
    """
    last = {(entry.kind, entry.value): entry for entry in sorted(entries, key=_order)}
    return tuple(sorted(last.values(), key=_order))


def _order(entry: Revocation) -> tuple[int, int]:
    return entry.at, entry.sequence
