"""The settings of one node of the edge: its listeners, the addresses it reaches, its limits."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, TypeAlias

import msgspec

from durward.core.address import Address
from durward.core.errors import Misconfigured

Network: TypeAlias = IPv4Network | IPv6Network
Positive = Annotated[int, msgspec.Meta(ge=1)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits that hold before a request is authenticated (OWASP API4:2023)."""

    header_kib: Annotated[int, msgspec.Meta(ge=1, le=96)] = 16
    """The headers of a request together, in KiB."""
    header_count: Positive = 100
    """The number of headers of a request."""
    body_bytes: Positive = 1_048_576
    """The largest body of a request."""
    connections: Positive = 10_000
    """Open connections of clients to the node."""
    headers_seconds: Positive = 5
    """The time in which the headers of a request must arrive."""
    request_seconds: Positive = 30
    """The time in which a service must have answered."""
    idle_seconds: Positive = 60
    """How long a connection without a request is kept, and a stream without data."""
    decision_seconds: Positive = 2
    """The time that a decision may take; after it the answer is 503."""
    body_seconds: Positive = 10
    """The time in which a request to the issuer must arrive, with its body."""
    public_body_bytes: Positive = 65_536
    """The largest body of a public operation: it is buffered until it is complete."""
    source_burst: Positive = 1_000
    """The requests of one address (IPv6: one /64) to the issuer, and to each public operation, at
    once. Hundreds of people may share an address."""
    source_per_second: Positive = 100
    """The same, each second after that."""
    heap_mib: Annotated[int, msgspec.Meta(ge=64)] = 1_024
    """The limit of Envoy's memory: near it new requests are refused, then new connections. Requests
    that have begun go on, and a buffered body grows up to its limit."""


class TlsVersion(StrEnum):
    """The oldest version of TLS that a listener speaks."""

    TLS_1_2 = "1.2"
    """Only with ECDHE and AEAD (RFC 9325 §4.2), beside 1.3."""
    TLS_1_3 = "1.3"


class ClientCertificates(StrEnum):
    """Whether clients of the APIs show a certificate."""

    NONE = "none"
    """They are not asked for one."""
    REQUEST = "request"
    """They may show one; one that does not verify ends the handshake."""
    REQUIRE = "require"
    """Without one that verifies there is no connection."""


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """TLS of the listeners, by certificates in PEM files, read again when they change."""

    certificate: str
    """The file of the server's certificate, followed by those that issued it."""
    key: str
    """The file of its private key, unencrypted; the same file as `certificate` may have both."""
    issuer_certificate: str | None = None
    """The certificate of the issuer's listener; without it `certificate` is for both."""
    issuer_key: str | None = None
    """The key of `issuer_certificate`."""
    minimum: TlsVersion = TlsVersion.TLS_1_3
    """The oldest version that a client may speak: `1.3`, or `1.2` with ECDHE and AEAD only."""
    clients: ClientCertificates = ClientCertificates.NONE
    """Whether clients of the APIs show a certificate: `none` is asked for, `request`: they may,
    `require`: they must. The issuer never asks for one: browsers would show a dialogue."""
    client_ca: str | None = None
    """The file of the CAs by which certificates of clients are verified."""

    def __post_init__(self) -> None:
        if (self.issuer_certificate is None) != (self.issuer_key is None):
            raise ValueError("`issuer_certificate` and `issuer_key` need each other")
        if (self.clients is ClientCertificates.NONE) != (self.client_ca is None):
            raise ValueError(
                "`client_ca` is needed with `clients` = `request` or `require`, and unused without"
            )


def read_proxies(ranges: Iterable[str]) -> tuple[Network, ...]:
    """Addresses (`10.0.0.7`) and ranges (`10.0.0.0/8`) of load balancers. Raises Misconfigured."""
    found: list[Network] = []
    for text in ranges:
        try:
            network = ip_network(text)
        except ValueError as error:
            hint = "10.0.0.7, 10.0.0.0/8 or 2001:db8::/32"
            raise Misconfigured("edge.trusted_proxies", str(error), hint=hint) from error
        if not network.prefixlen:
            hint = "name the addresses of the load balancers"
            raise Misconfigured("edge.trusted_proxies", f"`{text}` covers every address", hint=hint)
        found.append(network)
    return tuple(found)


def read_listener(setting: str, text: str) -> Address:
    """The address of a listener; a name, which may resolve elsewhere, raises Misconfigured."""
    hint = "127.0.0.1:8480, [::1]:8480, [::]:8480 for every address, or unix:/path"
    try:
        address = Address.parse(text)
    except Misconfigured as error:
        raise Misconfigured(setting, f"`{text}`: {error.problem}", hint=hint) from error
    if address.is_name:
        raise Misconfigured(setting, f"`{text}` is a name, not an address", hint=hint)
    return address


def read_name_servers(addresses: Iterable[str]) -> tuple[Address, ...]:
    """Name servers (`10.0.0.2:53`). Raises Misconfigured."""
    found: list[Address] = []
    hint = "10.0.0.2:53 or [2001:db8::2]:53"
    for text in addresses:
        try:
            address = Address.parse(text)
        except Misconfigured as error:
            raise Misconfigured("edge.name_servers", str(error), hint=hint) from error
        if address.is_name or address.is_socket:
            problem = f"`{text}` is not the address of a name server"
            raise Misconfigured("edge.name_servers", problem, hint=hint)
        found.append(address)
    return tuple(found)


def is_exposed(address: Address) -> bool:
    """Whether other machines may reach a listener: it is neither a socket nor on loopback."""
    return not address.is_socket and not ip_address(address.host).is_loopback


@dataclass(frozen=True)
class Node:
    """One node: an Envoy, its decision points, the listeners it owns."""

    id: str
    admin: Address
    apis: Address
    decision_points: tuple[Address, ...]
    access_log: str
    issuer: Address | None = None
    control_plane: Address | None = None
    own: Address | None = None
    """A private socket that serves the APIs without TLS, for this node's own requests: they prove
    what is in force, and have no certificate to show."""
    limits: Limits = field(default_factory=Limits)
    proxies: tuple[Network, ...] = ()
    """The load balancers that are trusted to report a client's address."""
    name_servers: tuple[Address, ...] = ()
    """The name servers for the addresses of services; by default those of `/etc/resolv.conf`."""
    tls: Tls | None = None
    """TLS of the listeners; without it they speak plain HTTP."""
    ca_bundle: str = ""
    """The file with the CAs of the system. Without one no public certificate can be verified, and
    an API whose service needs that is closed."""

    @property
    def is_shared(self) -> bool:
        """Whether the issuer and the APIs have one address (ADR 28)."""
        return self.issuer == self.apis
