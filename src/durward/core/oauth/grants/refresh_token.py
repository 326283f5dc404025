"""Refresh tokens: each is used once, and its successor follows from it (RFC 9700 §4.14.2).

The successor is a MAC of the presented token, under the key of its family: a client that repeats a
request whose response was lost receives the same one, and only hashes are stored. A token that is
presented again later, or after its successor was used, was stolen, by this caller or the former
one; then the whole family ends.
"""

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum

from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth.resource import parse_scope
from durward.core.values import Instant, Seconds, Secret, later
from durward.core.wire import encode_base64url

PREFIX = "dwr"
REPEAT_WITHIN = Seconds(10)


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """The lifetime of a family, however often it is used (AS-35)."""

    lifetime: Seconds = Seconds(30 * 86_400)


@dataclass(frozen=True, slots=True)
class Presented:
    """The stored facts about a presented token."""

    spent_at: Instant | None
    expires_at: Instant
    succeeded: bool = False
    """Whether its successor was used, so that the response had arrived."""


class RefreshOutcome(StrEnum):
    """The result of presenting a token."""

    ROTATE = "rotate"
    REPEAT = "repeat"
    REUSE = "reuse"
    EXPIRED = "expired"


def refresh_outcome(presented: Presented, now: Instant) -> RefreshOutcome:
    """First use, reuse, or the repetition of a request whose response was lost (RFC 9700 §4.14.2).

    A repetition comes within `REPEAT_WITHIN` of the first use, and before the successor is used.
    """
    if now >= presented.expires_at:
        return RefreshOutcome.EXPIRED
    if presented.spent_at is None:
        return RefreshOutcome.ROTATE
    if not presented.succeeded and now < later(presented.spent_at, REPEAT_WITHIN):
        return RefreshOutcome.REPEAT
    return RefreshOutcome.REUSE


def successor(family_key: bytes, presented: Secret) -> Secret:
    """The only successor of the presented token."""
    mac = hmac.new(family_key, presented.reveal().encode(), hashlib.sha256).digest()
    return Secret(f"{PREFIX}_{encode_base64url(mac)}")


def narrowed(granted: tuple[str, ...], left: tuple[str, ...], asked: str | None) -> tuple[str, ...]:
    """The scopes of the next access token: those that are `left` of the grant, or fewer (AS-30).

    A request may name a scope that was withdrawn, since the client need not know (RFC 6749 §6);
    the response has the scopes that remain. Raises ProtocolError `invalid_scope`.
    """
    if asked is None:
        return left
    wanted = parse_scope(asked)
    if set(wanted) - set(granted):
        raise ProtocolError(ErrorCode.INVALID_SCOPE, "a scope was not granted")
    scopes = tuple(scope for scope in wanted if scope in left)
    if not scopes:
        raise ProtocolError(ErrorCode.INVALID_SCOPE, "what was granted of it was taken away")
    return scopes


def invalid_refresh_token(private: str) -> ProtocolError:
    """The error with one public text for all causes."""
    public = "the refresh token is not valid"
    return ProtocolError(ErrorCode.INVALID_GRANT, public, private=private)
