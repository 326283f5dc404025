"""Names of hosts: as APIs declare them, and as requests name them (RFC 9110 §7.2).

Envoy and our router compare alike: case and port do not count, a dot at the end is removed once, by
Envoy, before either looks.
"""

import re
from typing import Final
from urllib.parse import urlsplit

import idna

from durward.core.address import Address
from durward.core.errors import Misconfigured

MAX_HOSTS: Final = 20
MAX_RECORDED_HOST_CHARACTERS: Final = 255
"""Of what a request names as its host, in records."""
AUTHORITY: Final = r"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?"
"""The host and port of a request that Envoy lets through: a name, an address, and no more."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BRACKETS = re.compile(r"\[[^\[\]]*\]")


def declared_host(text: str) -> str:
    """A declared host in the form in which it is compared: lower case, A-labels (RFC 5891).

    Raises ValueError with what is wrong and what to write.
    """
    if not text:
        raise ValueError("an empty text is not a host name; write `api.example.com`")
    if "*" in text:
        raise ValueError(f"`{text}`: wildcards are not supported; write each name")
    if _SCHEME.match(text) or "/" in text:
        raise ValueError(f"`{text}` is a URL; write the name alone, such as `api.example.com`")
    if ":" in _BRACKETS.sub("", text):
        hint = "write the name alone, which holds for every port, or an IPv6 address in brackets"
        raise ValueError(f"`{text}` has a port; {hint}")
    if text.endswith("."):
        raise ValueError(f"`{text}` ends in a dot; write `{text.rstrip('.')}`")
    name = text
    if not text.isascii():
        try:
            name = idna.encode(text, uts46=True, transitional=False).decode()
        except (idna.IDNAError, UnicodeError) as error:
            raise ValueError(f"`{text}` is not a host name: {error}") from None
    try:
        host = Address.parse(f"{name}:1").host
    except Misconfigured as error:
        raise ValueError(f"`{text}`: {error.problem}; write `api.example.com`") from None
    return f"[{host}]" if ":" in host else host


def asked_host(authority: str) -> str:
    """The host of a request's authority, as declared ones are compared with it."""
    host, colon, port = authority.rpartition(":")
    return (host if colon and "]" not in port else authority).lower()


def host_of_url(url: str) -> str:
    """The host of an absolute URL, as declared ones are compared with it."""
    return asked_host(urlsplit(url).netloc)
