"""Decoys: the hash that is verified for an unknown name, so that the time reveals nothing (AS-95).

Stored hashes differ in cost: imported ones keep the parameters of their server until their owner
signs in. Unknown names are distributed over the kinds in the same proportions, each name always on
the same kind. When hashes of a kind are replaced, the same share of names changes to the new kind,
each name once and never back.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_DRAWN: Final = 2**64


@dataclass(frozen=True, slots=True)
class HashKinds:
    """The number of hashes of each kind, by the kind that they had first."""

    current: str
    """The kind of new hashes."""
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By the first kind: the number of hashes of each present kind."""

    @property
    def kinds(self) -> frozenset[str]:
        """All present kinds."""
        return frozenset(kind for now in self.counts.values() for kind in now)

    def of(self, secret: bytes) -> str:
        """The kind of a name; `secret` is a keyed hash of the name."""
        weights = {first: sum(now.values()) for first, now in self.counts.items()}
        if not any(weights.values()):
            return self.current
        first = min(
            (-math.log(_share(secret, kind)) / weight, kind)
            for kind, weight in weights.items()
            if weight
        )[1]
        # Rendezvous hashing: if the weight of a kind changes, no name moves between two others.
        now = self.counts[first]
        left = _share(secret, "") * sum(now.values())
        for kind in self._in_order(first, now):
            left -= now[kind]
            if left <= 0:
                return kind
        return self.current

    def _in_order(self, first: str, now: Mapping[str, int]) -> Sequence[str]:
        """The unchanged kind comes first: as its number falls, names leave it for good."""
        return sorted(now, key=lambda kind: (kind != first, kind == self.current, kind))


def _share(secret: bytes, kind: str) -> float:
    """A number above 0 and below 1, always the same."""
    drawn = hashlib.sha256(secret + kind.encode()).digest()[:8]
    return (int.from_bytes(drawn, "big") + 0.5) / (_DRAWN + 1)
