"""Redirect URIs as they may be declared (AS-1, AS-2)."""

import re
from typing import Final
from urllib.parse import urlsplit

from durward.core.errors import Misconfigured

LOOPBACK = {"127.0.0.1", "::1"}
MAX_CHARACTERS = 2_000
PORTS: Final = {"http": 80, "https": 443}
URI: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+\Z")
"""The characters of a URI (RFC 3986 §2) without `#`."""


def origin_of(uri: str) -> str | None:
    """The origin of a page at a URI, as browsers send it (RFC 6454 §6.2); None if it has none.

    In lower case, without the default port; only `http` and `https` have one.
    """
    parts = urlsplit(uri)
    if parts.scheme not in PORTS or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def check_origin(text: str) -> None:
    """An origin that may be declared: `https://host`, or `http` on this machine.

    Raises Misconfigured.
    """
    check_redirect_uri(text)
    if (origin := origin_of(text)) != text:
        hint = f"write `{origin}`" if origin else "write `https://app.example.com`"
        raise Misconfigured(text, "not an origin: scheme, host and port alone", hint=hint)


def check_redirect_uri(uri: str) -> None:
    """A URI that may be declared (OAuth 2.1 draft-15 §2.3.1, RFC 8252 §7).

    `https`, a private scheme with a dot in its name, or `http` to this machine; no fragment, no
    wildcard, no user name. Raises Misconfigured.
    """
    if len(uri) > MAX_CHARACTERS or not URI.match(uri):
        raise Misconfigured(uri, "not a URI, or one with a fragment")
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Misconfigured(uri, "not a URI") from error
    if "*" in uri:
        raise Misconfigured(uri, "must not have a wildcard", hint="list each one")
    if parts.username is not None or parts.password is not None:
        raise Misconfigured(uri, "must not have a user name")
    if parts.scheme in {"http", "https"}:
        if not host:
            raise Misconfigured(uri, "has no host")
        if parts.scheme == "http" and host not in {*LOOPBACK, "localhost"}:
            raise Misconfigured(uri, "`http` is accepted for loopback only", hint="use https")
    elif "." not in parts.scheme:
        hint = "https://…, http://127.0.0.1/…, or com.example.app:/…"
        raise Misconfigured(uri, f"`{parts.scheme}` is not a scheme for a redirect", hint=hint)
