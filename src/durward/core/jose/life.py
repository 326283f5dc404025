"""The lifecycle of a signing key: published, then signing, then only verifying, then removed.

A key is published before it signs, so that every cache has it; it stays published after the next
one signs, until the last token that it signed has expired.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from durward.core.errors import Misconfigured
from durward.core.values import Instant, Seconds, later


class Lived(Protocol):
    """A key and the instants of its lifecycle."""

    @property
    def kid(self) -> str: ...  # noqa: D102
    @property
    def purpose(self) -> str: ...  # noqa: D102
    @property
    def signs_from(self) -> Instant: ...  # noqa: D102
    @property
    def retired_at(self) -> Instant | None: ...  # noqa: D102


K = TypeVar("K", bound=Lived)
LONGEST = Seconds(31_536_000)
"""A year: a longer time is a typing error."""


@dataclass(frozen=True, slots=True)
class MinimumTimes:
    """The minimum times: of new keys before they sign, and of former ones after that."""

    ahead: Seconds
    grace: Seconds


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotation: the times at which the next key signs and the others are retired."""

    signs_from: Instant
    retired_at: Instant


def published(keys: Iterable[K], now: Instant) -> list[K]:
    """The keys that verifiers need now."""
    return [key for key in keys if key.retired_at is None or now < key.retired_at]


def signing(keys: Iterable[K], purpose: str, now: Instant) -> K | None:
    """The key that signs now: of the possible ones the one that stays longest, then the newest.

    A key with a retirement does not sign again: its tokens would outlive it.
    """
    able = [key for key in published(keys, now) if key.purpose == purpose and key.signs_from <= now]
    return max(able, key=_staying, default=None)


def _staying(key: Lived) -> tuple[float, Instant, str]:
    end = math.inf if key.retired_at is None else key.retired_at
    return (end, key.signs_from, key.kid)


def rotation(
    now: Instant, least: MinimumTimes, ahead: Seconds | None = None, grace: Seconds | None = None
) -> Rotation:
    """Publish now, sign after `ahead` (longer than caches live), retire the others after `grace`.

    `grace` counts from the time when the next key signs, and is longer than any token lives. The
    defaults are the minimum times. Raises Misconfigured if a token would be refused in between.
    """
    ahead = checked_time("ahead", ahead, least.ahead, "caches keep the keys that they know")
    grace = checked_time("grace", grace, least.grace, "tokens of the former keys live")
    signs_from = later(now, ahead)
    return Rotation(signs_from, later(signs_from, grace))


def checked_time(name: str, wanted: Seconds | None, least: Seconds, why: str) -> Seconds:
    """The wanted time, by default the minimum. Raises Misconfigured."""
    if wanted is None:
        return least
    if not least <= wanted <= LONGEST:
        problem = f"{wanted} s is not from {least} s (so long {why}) to {LONGEST} s"
        hint = f"--{name} {least}s, or --unsafe-now for a compromised key"
        raise Misconfigured(name, problem, hint=hint)
    return wanted


def at_once(now: Instant) -> Rotation:
    """Sign with the next key now and refuse tokens of the others, which are compromised."""
    return Rotation(now, now)
