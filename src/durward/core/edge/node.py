"""What is particular to one node of the edge: where it listens, what it reaches, its limits."""

from dataclasses import dataclass, field
from typing import Annotated, Self

import msgspec

from durward.core.errors import Misconfigured

SOCKET_PATH_LIMIT_BYTES = 107
MAX_PORT = 65_535
Positive = Annotated[int, msgspec.Meta(ge=1)]


@dataclass(frozen=True)
class Address:
    """A Unix socket (`unix:/path`) or a TCP address (`host:port`)."""

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `unix:/path` or `host:port`. Raises Misconfigured."""
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if not path.startswith("/"):
                raise Misconfigured(text, "a socket's path is absolute", hint="unix:/run/…/x.sock")
            if len(path.encode()) > SOCKET_PATH_LIMIT_BYTES:
                problem = f"a socket's path ends at {SOCKET_PATH_LIMIT_BYTES} bytes"
                raise Misconfigured(text, problem, hint="choose a shorter folder")
            return cls(path)
        host, colon, port = text.rpartition(":")
        if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) <= MAX_PORT):
            raise Misconfigured(text, "not an address", hint="host:port or unix:/path")
        return cls(host.strip("[]"), int(port))

    @property
    def is_socket(self) -> bool:
        """Whether this is a Unix socket."""
        return self.port is None

    def __str__(self) -> str:
        return f"unix:{self.host}" if self.port is None else f"{self.host}:{self.port}"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Bounds that hold before anything is looked at (OWASP API4:2023)."""

    header_kib: Annotated[int, msgspec.Meta(ge=1, le=96)] = 16
    header_count: Positive = 100
    body_bytes: Positive = 1_048_576
    connections: Positive = 10_000
    headers_seconds: Positive = 5
    request_seconds: Positive = 30
    idle_seconds: Positive = 60
    decision_seconds: Positive = 2


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
    limits: Limits = field(default_factory=Limits)
