"""The life of a signing key: published, then signing, then only verified by, then gone.

A key is published before it signs, so that every cache has it; it stays published after the next
one signs, until the last token that it signed has expired.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from durward.core.values import Instant, Seconds, later


class Lived(Protocol):
    """A key and the instants of its life."""

    @property
    def kid(self) -> str: ...  # noqa: D102
    @property
    def purpose(self) -> str: ...  # noqa: D102
    @property
    def signs_from(self) -> Instant: ...  # noqa: D102
    @property
    def retired_at(self) -> Instant | None: ...  # noqa: D102


K = TypeVar("K", bound=Lived)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation does: when the next key signs, and when the others are retired."""

    signs_from: Instant
    retired_at: Instant


def published(keys: Iterable[K], now: Instant) -> list[K]:
    """The keys that verifiers need now."""
    return [key for key in keys if key.retired_at is None or now < key.retired_at]


def signing(keys: Iterable[K], purpose: str, now: Instant) -> K | None:
    """The key that signs now: of those that may, the one that began last."""
    able = [key for key in published(keys, now) if key.purpose == purpose and key.signs_from <= now]
    return max(able, key=lambda key: (key.signs_from, key.kid), default=None)


def rotation(now: Instant, ahead: Seconds, grace: Seconds) -> Rotation:
    """Publish now, sign after `ahead` (longer than caches live), retire the others after `grace`.

    `grace` counts from when the next key signs and is longer than any token lives.
    """
    signs_from = later(now, ahead)
    return Rotation(signs_from, later(signs_from, grace))
