"""Where something listens or is reached: a Unix socket, or a host with a port."""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Self

from durward.core.errors import Misconfigured

SOCKET_PATH_LIMIT_BYTES = 107
MAX_PORT = 65_535
MAX_NAME_CHARACTERS = 253
FORMS = "`host:port`, `[v6]:port` or `unix:/path`"

_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label of which resolvers make an address: `127.1` and `0x7f000001` are 127.0.0.1."""


@dataclass(frozen=True)
class Address:
    """A Unix socket (`unix:/path`), or a host and a port.

    The host is an IP address, without brackets, or a name that has yet to be looked up.
    """

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `unix:/path`, `a.b.c.d:port`, `[v6]:port` or `name:port`. Raises Misconfigured.

        `str` writes what was read in one spelling: names in lower case, IPv6 as RFC 5952 has it.
        """
        if text.startswith("unix:"):
            return cls(_socket_path(text.removeprefix("unix:")))
        host, colon, port = text.rpartition(":")
        if not (colon and host and _PORT.fullmatch(port) and int(port) <= MAX_PORT):
            raise Misconfigured(text, "not an address: a port is missing", hint=f"write {FORMS}")
        if host.startswith("[") and host.endswith("]"):
            return cls(_six(host[1:-1]), int(port))
        if ":" in host:
            raise Misconfigured(
                text, "not an address: IPv6 is written in brackets", hint=f"write {FORMS}"
            )
        return cls(_name_or_four(host), int(port))

    @property
    def is_socket(self) -> bool:
        """Whether this is a Unix socket."""
        return self.port is None

    @property
    def is_name(self) -> bool:
        """Whether the host has to be looked up before anybody can connect."""
        return not self.is_socket and not is_ip(self.host)

    def __str__(self) -> str:
        if self.port is None:
            return f"unix:{self.host}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _socket_path(path: str) -> str:
    if not path.startswith("/"):
        raise Misconfigured(
            f"unix:{path}", "a socket's path is absolute", hint="write `unix:/run/…/x.sock`"
        )
    if not path.isprintable():
        problem = "a socket's path has no control characters"
        raise Misconfigured(repr(path), problem, hint="write `unix:/run/…/x.sock`")
    if len(path.encode()) > SOCKET_PATH_LIMIT_BYTES:
        problem = f"a socket's path has at most {SOCKET_PATH_LIMIT_BYTES} bytes"
        raise Misconfigured(f"unix:{path}", problem, hint="choose a shorter folder")
    return path


def _six(host: str) -> str:
    try:
        address = IPv6Address(host)
    except ValueError as error:
        raise Misconfigured(
            f"[{host}]", "not an IPv6 address", hint="write `[::1]:8080`"
        ) from error
    if address.scope_id is not None:
        problem = "an address with a zone is valid on one machine only"
        raise Misconfigured(f"[{host}]", problem, hint="write one like `[2001:db8::1]:80`")
    if address.ipv4_mapped is not None:
        hint = f"write `{address.ipv4_mapped}`, without brackets"
        raise Misconfigured(f"[{host}]", "an IPv4 address written as IPv6", hint=hint)
    return str(address)


def _name_or_four(host: str) -> str:
    """An IPv4 address, or a name as RFC 1123 §2.1 allows it. Raises Misconfigured."""
    if is_ip(host):
        return host
    name = host.lower() if host.isascii() else ""
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        problem = "neither an IPv4 address nor a host name: a host name does not end with a number"
        raise Misconfigured(host, problem, hint="write `127.0.0.1`, without leading zeros")
    if len(name) > MAX_NAME_CHARACTERS or not all(map(_LABEL.fullmatch, labels)):
        hint = (
            "write letters of ASCII, digits and inner `-`, in parts of up to 63 with dots between "
            f"them, {MAX_NAME_CHARACTERS} in all: `orders.internal`"
        )
        raise Misconfigured(host, "not a host name", hint=hint)
    return name


def is_ip(host: str) -> bool:
    """Whether a host is an IP address, without brackets."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
