"""A person signed in: a code becomes tokens (OAuth 2.1 draft-15 §4.1.3)."""

from collections.abc import Mapping
from dataclasses import dataclass

from durward.core.configuration.client import Client
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth import pkce
from durward.core.oauth.form import one
from durward.core.oauth.redirect import is_registered
from durward.core.values import ClientId, GrantId, Instant


@dataclass(frozen=True, slots=True)
class Code:
    """A code as it is kept, by its hash."""

    grant: GrantId
    client: ClientId
    redirect_uri: str
    challenge: str
    expires_at: Instant


def check(code: Code, client: Client, form: Mapping[str, tuple[str, ...]], now: Instant) -> None:
    """Refuse a code past its time, or without its verifier (AS-6, AS-17, AS-31).

    Nor is it taken once its client is not registered where it was sent: who answers there now, and
    who reads it, nobody knows.
    Raises ProtocolError `invalid_grant`.
    """
    if now >= code.expires_at:
        raise invalid_code("the code expired")
    # OAuth 2.1 does not send it any more; where it is sent, it must be the one (RFC 6749 §4.1.3).
    if one(form, "redirect_uri") not in {None, code.redirect_uri}:
        raise invalid_code("`redirect_uri` is another one than the code was sent to")
    if not is_still_sent_to(code, client):
        raise invalid_code("its redirect URI is not registered any more")
    pkce.verify(code.challenge, one(form, "code_verifier"))


def is_still_sent_to(code: Code, client: Client) -> bool:
    """Whether codes may go where this one went."""
    native = client.authentication == "none"
    return is_registered(code.redirect_uri, client.redirect_uris, native=native)


def invalid_code(private: str) -> ProtocolError:
    """One public text for all."""
    public = "the authorization code is not valid"
    return ProtocolError(ErrorCode.INVALID_GRANT, public, private=private)
