"""Proof Key for Code Exchange, with S256 only (RFC 7636; OAuth 2.1 draft-15 §4.1.1, §7.5)."""

import hashlib
import hmac
import re

from durward.core.errors import ErrorCode, ProtocolError
from durward.core.wire import encode_base64url

METHOD = "S256"
MISSING = "`code_challenge` is missing: PKCE is required"
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")


def check_challenge(challenge: str | None, method: str | None) -> str:
    """The challenge of a request (RFC 7636 §4.3); `plain`, which is the default, is refused (AS-4).

    Raises ProtocolError `invalid_request`.
    """
    if challenge is None:
        raise _invalid(MISSING)
    if method != METHOD:
        raise _invalid("`code_challenge_method` must be S256")
    if not _CHALLENGE.match(challenge):
        raise _invalid("`code_challenge` is not the S256 of a verifier")
    return challenge


def verify(challenge: str, verifier: str | None) -> None:
    """Refuse a verifier that is missing, malformed or not that of the challenge (RFC 7636 §4.6).

    Raises ProtocolError `invalid_grant`.
    """
    if verifier is None or not _VERIFIER.match(verifier):
        raise _refused("`code_verifier` is missing or malformed")
    computed = challenge_of(verifier)
    if not hmac.compare_digest(computed, challenge):
        raise _refused("`code_verifier` does not fit the challenge")


def challenge_of(verifier: str) -> str:
    """BASE64URL(SHA256(ASCII(verifier))) (RFC 7636 §4.2)."""
    return encode_base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def _invalid(public: str) -> ProtocolError:
    return ProtocolError(ErrorCode.INVALID_REQUEST, public)


def _refused(private: str) -> ProtocolError:
    public = "the authorization code is not valid"
    return ProtocolError(ErrorCode.INVALID_GRANT, public, private=private)
