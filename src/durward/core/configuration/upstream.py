"""Where the service behind an API is, as it is declared."""

from typing import Final

from durward.core.address import FORMS as ADDRESSES
from durward.core.address import Address
from durward.core.errors import Misconfigured

HTTP_PORT: Final = 80
FORMS: Final = f"{ADDRESSES} or `http://host`"
NOT_YET: Final = {
    "https": "TLS to services is not supported yet",
    "h2": "HTTP/2 to services is not supported yet",
    "h2c": "HTTP/2 to services is not supported yet",
    "grpc": "HTTP/2 to services is not supported yet",
    "grpcs": "TLS to services is not supported yet",
}


def parse_upstream(text: str) -> Address:
    """Read `host:port`, `[v6]:port`, `unix:/path` or `http://host[:port]`. Raises Misconfigured.

    A host is an address or a name. The service is asked by HTTP/1.1 for the path that the client
    asked for, so there is nothing else to be said. What may hold a password is not told again.
    """
    if text.startswith("unix:"):
        return _read(text, text)
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    scheme = scheme.lower()
    if "@" in rest:
        problem = "has a user name, which is never sent to a service"
        raise Misconfigured("upstream", problem, hint=f"write {FORMS} alone")
    if scheme in NOT_YET:
        hint = f"write {FORMS}, and keep the service on this machine or in a network of its own"
        raise Misconfigured("upstream", f"`{text}`: {NOT_YET[scheme]}", hint=hint)
    if scheme != "http":
        raise Misconfigured("upstream", f"`{text}`: not an address", hint=f"write {FORMS}")
    if any(sign in rest for sign in "/?#"):
        problem = f"`{text}`: has a path, but the edge forwards the client's path"
        raise Misconfigured("upstream", problem, hint=f"write {FORMS} alone")
    return _read(text, _with_port(rest) if separator else rest)


def _read(text: str, address: str) -> Address:
    try:
        return Address.parse(address)
    except Misconfigured as error:
        hint = error.hint or f"write {FORMS}"
        raise Misconfigured("upstream", f"`{text}`: {error.problem}", hint=hint) from error


def _with_port(authority: str) -> str:
    """The authority of a URL, with the port that `http` means where none is said."""
    last = authority.rpartition("]")[2]
    return authority if ":" in last else f"{authority}:{HTTP_PORT}"
