"""Where answers may go: redirect URIs, as they are declared and as they are asked for (AS-1…3)."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlsplit

from durward.core.errors import Misconfigured

LOOPBACK = {"127.0.0.1", "::1"}
MAX_CHARACTERS = 2_000
_ALLOWED = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+\Z")
"""The characters of a URI (RFC 3986 §2) without `#`."""


def check_redirect_uri(uri: str) -> None:
    """A URI that may be declared (OAuth 2.1 draft-15 §2.3.1, RFC 8252 §7).

    `https`, a private scheme with a dot in its name, or `http` to this machine; no fragment, no
    wildcard, no user name. Raises Misconfigured.
    """
    if len(uri) > MAX_CHARACTERS or not _ALLOWED.match(uri):
        raise Misconfigured(uri, "not a URI without fragment")
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Misconfigured(uri, "not a URI") from error
    if "*" in uri:
        raise Misconfigured(uri, "a redirect URI has no wildcard", hint="name each one")
    if parts.username is not None or parts.password is not None:
        raise Misconfigured(uri, "a redirect URI has no user name")
    if parts.scheme in {"http", "https"}:
        if not host:
            raise Misconfigured(uri, "a redirect URI has a host")
        if parts.scheme == "http" and host not in {*LOOPBACK, "localhost"}:
            raise Misconfigured(uri, "http reaches only this machine", hint="use https")
    elif "." not in parts.scheme:
        hint = "https://…, http://127.0.0.1/…, or com.example.app:/…"
        raise Misconfigured(uri, f"`{parts.scheme}` is no scheme for a redirect", hint=hint)


def is_registered(asked: str, registered: Iterable[str], *, native: bool) -> bool:
    """Whether a redirect URI is one of the client's: the same characters (RFC 9700 §4.1.3).

    A `native` client's loopback address may come with any port (RFC 8252 §7.3).
    """
    known = set(registered)
    if asked in known:
        return True
    return native and (portless := _without_port(asked)) is not None and portless in known


def _without_port(uri: str) -> str | None:
    """A loopback URI without its port; None for any other."""
    found = re.match(r"(http://(?:127\.0\.0\.1|\[::1\])):([1-9][0-9]{0,4})(/.*)?\Z", uri)
    if not found or not _ALLOWED.match(uri):
        return None
    return found[1] + (found[3] or "")


def answer_uri(redirect_uri: str, parameters: Mapping[str, str | None], issuer: str) -> str:
    """The URI of an answer, with `iss` beside its parameters (RFC 9207 §2)."""
    return answer_to(redirect_uri, {**parameters, "iss": issuer})


def answer_to(uri: str, parameters: Mapping[str, str | None]) -> str:
    """A URI with parameters beside those it has; one without a value is left out."""
    query = "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}"
        for name, value in parameters.items()
        if value is not None
    )
    return f"{uri}{'&' if '?' in uri else '?'}{query}" if query else uri


def origin(uri: str) -> str:
    """The source expression for a page's `form-action` (CSP Level 3 §2.3.1; AS-13a)."""
    parts = urlsplit(uri)
    if parts.scheme in {"http", "https"}:
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"
