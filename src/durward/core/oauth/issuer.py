"""The form of an issuer identifier (RFC 8414 §2, RFC 9700 §2.6)."""

import ipaddress
from urllib.parse import urlsplit

from durward.core.errors import Misconfigured

HINT = "https://HOST, or on this machine alone http://localhost:PORT"


def check_issuer(issuer: str) -> None:
    """Refuse an issuer that clients could not authenticate or not reach.

    `http` beyond this machine would reveal secrets. A path is refused, since endpoints are at the
    root, and so is a trailing slash, since issuers are compared as strings. Raises Misconfigured.
    """
    try:
        parts = urlsplit(issuer)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or not issuer.isascii() or not issuer.isprintable() or " " in issuer:
        raise Misconfigured("serve.issuer", f"`{issuer}` is not a URL with a host", hint=HINT)
    if issuer != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        problem = f"`{issuer}` has more than a scheme, a host and a port"
        raise Misconfigured("serve.issuer", problem, hint=HINT)
    if issuer != issuer.lower():
        raise Misconfigured("serve.issuer", f"`{issuer}` has capital letters", hint=issuer.lower())
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        problem = f"`{issuer}` is not https: what clients and people send could be read on its way"
        raise Misconfigured("serve.issuer", problem, hint=HINT)


def is_loopback(host: str) -> bool:
    """Whether a host of a URL is this machine (RFC 6761 §6.3, RFC 8252 §7.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
