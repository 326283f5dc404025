"""The service behind an API, as it is declared: one address as a text, or an object."""

import re
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from durward.core.address import FORMS as ADDRESSES
from durward.core.address import Address
from durward.core.certificates import MAX_CHARACTERS, normalize_certificates
from durward.core.configuration.declaration import Names, Text
from durward.core.duration import read_duration
from durward.core.errors import Misconfigured
from durward.core.upstream import (
    CONNECT_SECONDS,
    HealthCheck,
    HttpProtocol,
    ServiceTls,
    Upstream,
)

PORTS: Final = {"http": 80, "https": 443}
FORMS: Final = f"{ADDRESSES}, `http://host` or `https://host`"
MAX_ADDRESSES: Final = 100
OTHER_SCHEMES: Final = {
    "h2c": "`http://` and `protocol: http2`",
    "h2": "`https://` and `protocol: http2`",
    "http2": "`https://` and `protocol: http2`",
    "grpc": "`http://` and `protocol: http2`",
    "grpcs": "`https://` and `protocol: http2`",
    "tls": "`https://`",
    "ws": "`http://`; WebSocket is not supported",
    "wss": "`https://`; WebSocket is not supported",
}
OTHER_PROTOCOLS: Final = {
    **dict.fromkeys(("http", "https", "http/1.1", "h1", "http1.1"), HttpProtocol.HTTP1),
    **dict.fromkeys(("h2", "h2c", "grpc", "grpcs", "http/2", "http2.0"), HttpProtocol.HTTP2),
}
"""Names of the same in other products."""

_TARGET: Final = re.compile(r"/[!-\"$-~]{0,499}", re.ASCII)
"""A path with or without a query (RFC 9112 §3.2.1), as it is sent."""
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[1-9][0-9]{0,4})?", re.ASCII)


class DeclaredTls(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """TLS to the service: there is no member that turns the verification off (ADR 19)."""

    name: Text = ""
    """The name that the certificate has (SAN), sent as SNI; absent: the host of the address."""
    ca: Annotated[str, msgspec.Meta(max_length=MAX_CHARACTERS)] | None = None
    """A PEM file with the certificates of its CA; absent: the CAs of the node's system."""


class DeclaredHealthCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A GET that shows whether an address can serve requests."""

    path: Annotated[str, msgspec.Meta(max_length=500)]
    """The path, with a query if it needs one, that it answers with 200 to 299."""
    every: Text = "5s"
    """The interval of the checks."""
    timeout: Text = "2s"
    """The time in which it answers."""
    failures: Annotated[int, msgspec.Meta(ge=1, le=10)] = 2
    """The failures in a row after which the address is unhealthy."""
    successes: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    """The successes in a row after which it is healthy again."""


class DeclaredTimeouts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The times that the edge gives a service."""

    connect: Text = f"{CONNECT_SECONDS:g}s"
    """To connect, with the TLS handshake."""
    request: Text = ""
    """From the end of the request to the end of the response; absent: the limit of the node."""
    idle: Text = ""
    """In which neither side sends anything; absent: the limit of the node."""


class DeclaredUpstream(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The service: `url`, or several `addresses` of it, and how it is reached."""

    url: Text = ""
    """The address of the service."""
    addresses: Names = ()
    """Several addresses of it instead, all with the same scheme."""
    protocol: Text = HttpProtocol.HTTP1
    """`http1`, or `http2`: by ALPN with `https`, with prior knowledge (h2c) with `http`."""
    host: Text = ""
    """The host that the service is asked for; absent: that of the audience."""
    tls: DeclaredTls | None = None
    """The verification of its certificate."""
    health: DeclaredHealthCheck | None = None
    """A check of each address: one that fails gets no requests."""
    timeouts: DeclaredTimeouts = DeclaredTimeouts()
    """The times that it gets."""


def read_upstream(declared: str | DeclaredUpstream) -> Upstream:
    """Read the member `upstream` of an API. Raises Misconfigured.

    The path that the service is asked for is not a part of it. What may hold a password or a
    private key is never quoted.
    """
    if isinstance(declared, str):
        declared = DeclaredUpstream(url=declared)
    listed = _listed(declared)
    found = [parse_address(text) for text in listed]
    addresses = tuple(address for _, address in found)
    if len(set(addresses)) < len(addresses):
        raise Misconfigured("upstream", "has an address twice", hint="write each address once")
    if any(address.is_name for address in addresses) and any(
        address.is_socket for address in addresses
    ):
        hint = "write the addresses that the name has, or the sockets alone"
        raise Misconfigured("upstream", "has names and sockets", hint=hint)
    if len({scheme for scheme, _ in found}) > 1:
        problem = "the addresses have different schemes"
        raise Misconfigured("upstream", problem, hint="write `http://` or `https://` at each")
    scheme = found[0][0]
    if scheme == "http" and declared.tls:
        problem = "is declared, and the address is `http://`"
        raise Misconfigured("upstream/tls", problem, hint="write `https://`")
    times = declared.timeouts
    return Upstream(
        addresses,
        _protocol(declared.protocol),
        _host(declared.host),
        _tls(declared.tls or DeclaredTls(), addresses)
        if scheme == "https" or declared.tls
        else None,
        _health(declared.health) if declared.health else None,
        read_duration(times.connect, "upstream/timeouts/connect", "100ms", "30s"),
        read_duration(times.request, "upstream/timeouts/request", "100ms", "1h")
        if times.request
        else None,
        read_duration(times.idle, "upstream/timeouts/idle", "1s", "1h") if times.idle else None,
    )


def _listed(declared: DeclaredUpstream) -> Sequence[str]:
    if bool(declared.url) == bool(declared.addresses):
        problem = "has both `url` and `addresses`" if declared.url else "names no address"
        raise Misconfigured("upstream", problem, hint=f"write `url`, or `addresses`: {FORMS}")
    if len(declared.addresses) > MAX_ADDRESSES:
        hint = "write a name that has them, or the addresses of load balancers"
        raise Misconfigured("upstream", f"has more than {MAX_ADDRESSES} addresses", hint=hint)
    return declared.addresses or (declared.url,)


def parse_address(text: str) -> tuple[str, Address]:
    """The scheme, which may be absent, and the address of a service. Raises Misconfigured."""
    if text.startswith("unix:"):
        return "", _read(text, text)
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower() if separator else ""
    rest = rest if separator else text
    if "@" in rest:
        problem = "has a user name, which is never sent to a service"
        raise Misconfigured("upstream", problem, hint=f"write {FORMS} alone")
    if written := OTHER_SCHEMES.get(scheme):
        problem = f"`{text}`: `{scheme}` is not a scheme here"
        raise Misconfigured("upstream", problem, hint=f"write {written}")
    if separator and scheme not in PORTS:
        raise Misconfigured("upstream", f"`{text}`: not an address", hint=f"write {FORMS}")
    if any(character in rest for character in "/?#"):
        problem = f"`{text}`: has a path, but the edge forwards the client's path"
        raise Misconfigured("upstream", problem, hint=f"write {FORMS} alone")
    return scheme, _read(text, _with_port(rest, PORTS[scheme]) if scheme else rest)


def _read(text: str, address: str) -> Address:
    try:
        return Address.parse(address)
    except Misconfigured as error:
        hint = error.hint or f"write {FORMS}"
        raise Misconfigured("upstream", f"`{text}`: {error.problem}", hint=hint) from error


def _with_port(authority: str, port: int) -> str:
    """The authority of a URL, with the port of its scheme if it has none."""
    last = authority.rpartition("]")[2]
    return authority if ":" in last else f"{authority}:{port}"


def _protocol(text: str) -> HttpProtocol:
    try:
        return HttpProtocol(text)
    except ValueError as error:
        meant = OTHER_PROTOCOLS.get(text.lower())
        hint = f"write `{meant}`" if meant else "write `http1` or `http2`"
        problem = f"`{text}` is not a protocol here"
        raise Misconfigured("upstream/protocol", problem, hint=hint) from error


def _host(text: str) -> str:
    if text and not _HOST.fullmatch(text):
        hint = "write a host name, with a port where the service wants it: `orders.internal`"
        raise Misconfigured("upstream/host", f"`{text}` is not a host", hint=hint)
    return text


def _tls(declared: DeclaredTls, addresses: Sequence[Address]) -> ServiceTls:
    """The name and the CAs of the certificate. Raises Misconfigured."""
    hosts = {address.host for address in addresses if not address.is_socket}
    name = declared.name
    if not name:
        if len(hosts) != 1 or any(address.is_socket for address in addresses):
            hint = "write the name that their certificates share: `tls: {name: orders.internal}`"
            raise Misconfigured("upstream/tls/name", "is needed for these addresses", hint=hint)
        (name,) = hosts
    member = "upstream/tls/name"
    try:
        found = Address.parse(f"[{name}]:1" if ":" in name else f"{name}:1")
    except Misconfigured as error:
        hint = "write the host name or the IP address that the certificate has, without a port"
        raise Misconfigured(member, f"`{name}`: {error.problem}", hint=hint) from error
    if declared.ca is None:
        return ServiceTls(found.host)
    return ServiceTls(found.host, normalize_certificates(declared.ca, "upstream/tls/ca"))


def _health(declared: DeclaredHealthCheck) -> HealthCheck:
    if not _TARGET.fullmatch(declared.path):
        hint = "write the path that the service answers with 200: `/healthz`"
        problem = f"{declared.path!a} is not a path"
        raise Misconfigured("upstream/health/path", problem, hint=hint)
    return HealthCheck(
        declared.path,
        read_duration(declared.every, "upstream/health/every", "1s", "5m"),
        read_duration(declared.timeout, "upstream/health/timeout", "100ms", "5s"),
        declared.failures,
        declared.successes,
    )
