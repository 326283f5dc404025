"""The service behind an API: its addresses, and how the edge connects to them."""

from dataclasses import dataclass
from enum import StrEnum

from durward.core.address import Address

CONNECT_SECONDS = 2.0
"""The time for a connection, with its TLS handshake. A lost SYN is repeated after one second
(RFC 6298 §2), so that one second would turn each into a refusal."""


class HttpProtocol(StrEnum):
    """The version of HTTP that a service speaks."""

    HTTP1 = "http1"
    """HTTP/1.1 (RFC 9112)."""
    HTTP2 = "http2"
    """HTTP/2 (RFC 9113): by ALPN over TLS, with prior knowledge (h2c) without."""


@dataclass(frozen=True)
class ServiceTls:
    """TLS to a service (RFC 9525): its certificate has this name, and a chain to a trusted CA."""

    name: str
    """A host name, which is sent as SNI (RFC 6066 §3), or an IP address, which is not."""
    ca: str = ""
    """Certificates of the trusted CAs (PEM, RFC 7468); empty for those of the node's system."""


@dataclass(frozen=True)
class HealthCheck:
    """A GET that each address answers with 200 to 299; one that does not gets no requests."""

    path: str
    every_seconds: float
    timeout_seconds: float
    failures: int
    """The number of failures in a row after which an address is unhealthy."""
    successes: int
    """The number of successes in a row after which it is healthy again."""


@dataclass(frozen=True)
class Upstream:
    """The addresses of a service, which are all equal, and the rules of connections to them."""

    addresses: tuple[Address, ...]
    protocol: HttpProtocol = HttpProtocol.HTTP1
    host: str = ""
    """The host that the service is asked for (RFC 9110 §7.2); empty for that of the audience."""
    tls: ServiceTls | None = None
    health: HealthCheck | None = None
    connect_seconds: float = CONNECT_SECONDS
    request_seconds: float | None = None
    """The time from the end of a request to the end of its response; None is the node's limit."""
    idle_seconds: float | None = None
    """The time in which neither side sends anything; None is the node's limit."""

    @property
    def may_have_others(self) -> bool:
        """Whether a request may be sent to another address: several, or those of a name."""
        return len(self.addresses) > 1 or any(address.is_name for address in self.addresses)
