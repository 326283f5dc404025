"""A session: a person signed in with this browser; and how long it lasts (AS-102, AS-103)."""

from dataclasses import dataclass

from durward.core.values import Instant, Seconds, SessionId, TenantId, UserId, later

COOKIE = "__Host-durward-session"
BROWSER_COOKIE = "__Host-durward-browser"
"""A browser before sign-in: binds the forms of a sign-in to the browser that started it."""


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How long a session lives without use, and in all (NIST SP 800-63B-4 §2.2.3)."""

    idle: Seconds = Seconds(3_600)
    absolute: Seconds = Seconds(43_200)


@dataclass(frozen=True, slots=True)
class Session:
    """A stored session; its secret is in a cookie, only the hash of that is in the store."""

    id: SessionId
    user: UserId
    tenant: TenantId
    methods: tuple[str, ...]
    """The authentication methods of the sign-in (RFC 8176)."""
    started_at: Instant
    authenticated_at: Instant
    seen_at: Instant
    source: str
    agent: str
    ended_at: Instant | None = None

    def is_live(self, now: Instant, policy: SessionPolicy) -> bool:
        """Whether it is live: before both limits, not at them."""
        return (
            self.ended_at is None
            and now < later(self.seen_at, policy.idle)
            and now < later(self.started_at, policy.absolute)
        )
