"""The authorization code grant: a code is exchanged for tokens (OAuth 2.1 draft-15 §4.1.3)."""

from collections.abc import Mapping
from dataclasses import dataclass

from durward.core.configuration.client import Client
from durward.core.configuration.profile import ProfileDemand
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth import pkce
from durward.core.oauth.form import one
from durward.core.oauth.redirect import is_registered
from durward.core.oauth.requirements import Requirements
from durward.core.values import ClientId, GrantId, Instant


@dataclass(frozen=True, slots=True)
class Code:
    """A stored code; the key is its hash."""

    grant: GrantId
    client: ClientId
    redirect_uri: str
    challenge: str | None
    """None where a waiver let the request be without one: then `nonce` binds it."""
    expires_at: Instant


def check(
    code: Code,
    client: Client,
    form: Mapping[str, tuple[str, ...]],
    requirements: Requirements,
    now: Instant,
) -> str | None:
    """Refuse a code that has expired or comes without its verifier (AS-6, AS-17, AS-31).

    A code is refused too once its redirect URI is not registered any more: another party may have
    received it there. Returns the name of the waiver by which it has no challenge, None if it has
    one. Raises ProtocolError `invalid_grant`.
    """
    if now >= code.expires_at:
        raise invalid_code("the code expired")
    # OAuth 2.1 clients do not send it; if it is sent, it must be equal (RFC 6749 §4.1.3).
    if one(form, "redirect_uri") not in {None, code.redirect_uri}:
        raise invalid_code("`redirect_uri` is another one than the code was sent to")
    if not is_still_sent_to(code, client):
        raise invalid_code("its redirect URI is not registered any more")
    if code.challenge is None:
        return _check_unchallenged(form, requirements, now)
    pkce.verify(code.challenge, one(form, "code_verifier"))
    return None


def _check_unchallenged(
    form: Mapping[str, tuple[str, ...]], requirements: Requirements, now: Instant
) -> str | None:
    """Redeem a code without a challenge, while its waiver is in force.

    A client that sends a verifier sent a challenge too, and somebody took it out of the request
    (RFC 9700 §4.8.2). One that knows no PKCE follows OAuth 2.0, and repeats the redirect URI
    (RFC 6749 §4.1.3).
    """
    if "code_verifier" in form:
        raise invalid_code("a verifier comes with a code that has no challenge")
    if "redirect_uri" not in form:
        raise invalid_code("`redirect_uri` is missing, beside a code that has no challenge")
    try:
        return requirements.waiver(ProfileDemand.PKCE, now)
    except ProtocolError as error:
        raise ProtocolError(
            ErrorCode.INVALID_GRANT, error.public, private=error.private, reason=error.reason
        ) from error


def is_still_sent_to(code: Code, client: Client) -> bool:
    """Whether the redirect URI of the code is still registered."""
    native = client.authentication == "none"
    return is_registered(code.redirect_uri, client.redirect_uris, native=native)


def invalid_code(private: str) -> ProtocolError:
    """The error with one public text for all causes."""
    public = "the authorization code is not valid"
    return ProtocolError(ErrorCode.INVALID_GRANT, public, private=private)
