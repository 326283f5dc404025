"""Which pages of other origins may call an API, and read its responses (Fetch standard §3.2)."""

from dataclasses import dataclass

ANY_ORIGIN = "*"
REMEMBERED_SECONDS = 600
"""The time that a browser may remember a permission, so that a removed one is forgotten soon."""


@dataclass(frozen=True)
class Cors:
    """The permissions of pages at an API; a browser enforces them, for its user."""

    origins: tuple[str, ...]
    """Each `https://host[:port]` as browsers send it; the first label may be `*`. Or ANY_ORIGIN."""
    headers: tuple[str, ...] = ()
    """The request headers that they may set, beside those that every API reads."""
    expose: tuple[str, ...] = ()
    """The response headers that they may read, beside those of the edge."""
    credentials: bool = False
    """Whether cookies are sent along."""
    max_age_seconds: int = REMEMBERED_SECONDS
