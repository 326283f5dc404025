"""Pushed authorization requests: what is sent to a browser is only a reference (RFC 9126).

A reference is a secret of 256 bits, of which the hash is stored. It is used by the client that
pushed the request, within `LIFETIME`, and completed once: until then the page may be loaded again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth.form import one
from durward.core.values import ClientId, Instant, Seconds, Secret

PREFIX: Final = "urn:ietf:params:oauth:request_uri:"
LIFETIME: Final = Seconds(90)
"""From the push until the browser is here; FAPI 2.0 SP §5.3.2.2 item 11 wants less than 600 s."""
CREDENTIALS: Final = ("client_secret", "client_assertion", "client_assertion_type")


@dataclass(frozen=True, slots=True)
class PushedRequest:
    """A stored request; the key is the hash of its reference."""

    hash: bytes
    client: ClientId
    request: bytes
    pushed_at: Instant
    expires_at: Instant
    source: str
    """Who is counted for it: the client, or where an unproven one asked from."""


def request_uri(reference: Secret) -> str:
    """The value that the client sends to the authorization endpoint (RFC 9126 §2.2)."""
    return f"{PREFIX}{reference.reveal()}"


def read_reference(form: Mapping[str, tuple[str, ...]]) -> Secret | None:
    """The reference of an authorization request; None where it is no pushed one."""
    sent = one(form, "request_uri") or ""
    return Secret(sent.removeprefix(PREFIX)) if sent.startswith(PREFIX) else None


def pushed_form(
    form: Mapping[str, tuple[str, ...]], client: ClientId
) -> Mapping[str, tuple[str, ...]]:
    """The authorization request in what a client pushed, without its credentials (RFC 9126 §2.1).

    Raises ProtocolError `invalid_request` for a request that refers to another one, or that names
    another client than the one that has proven itself.
    """
    if "request_uri" in form:
        raise _invalid("`request_uri` cannot be pushed")
    if one(form, "client_id") not in {None, client}:
        raise _invalid("`client_id` is another client than the one that pushes the request")
    kept = {name: values for name, values in form.items() if name not in CREDENTIALS}
    return {**kept, "client_id": (client,)}


def invalid_request_uri(private: str) -> ProtocolError:
    """The error with one public text for all causes (RFC 9101 §7)."""
    public = "the request that the application pushed is over, or not its own"
    return ProtocolError(ErrorCode.INVALID_REQUEST_URI, public, private=private)


def _invalid(public: str) -> ProtocolError:
    return ProtocolError(ErrorCode.INVALID_REQUEST, public)
