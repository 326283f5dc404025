"""The name under which a source is counted: one for each guesser, however many addresses.

A host on IPv6 can use 2⁶⁴ addresses of its network (RFC 4291 §2.5.1, RFC 8981), so its /64 network
is counted. IPv4 that is written as IPv6 (RFC 4291 §2.5.5.2) is IPv4.
"""

import ipaddress

HOST_BITS = 64
MAX_CHARACTERS = 64


def counted_source(source: str) -> str:
    """The network of an IPv6 address, an IPv4 address as it is, any other text shortened."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source[:MAX_CHARACTERS]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    network = int(address) >> HOST_BITS << HOST_BITS
    return f"{ipaddress.IPv6Address(network)}/{HOST_BITS}"
