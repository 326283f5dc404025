"""Where something listens: a Unix socket or a TCP address."""

from dataclasses import dataclass
from typing import Self

from durward.core.errors import Misconfigured

SOCKET_PATH_LIMIT_BYTES = 107
MAX_PORT = 65_535


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
