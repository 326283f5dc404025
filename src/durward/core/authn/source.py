"""Where a request came from, as it counts: what one party has by itself is one source."""

from ipaddress import IPv6Address, IPv6Network, ip_address

NETWORK_BITS = 64
"""What one subscriber gets at the least (RFC 6177 §2): whoever has one address has all of these."""
MAX_CHARACTERS = 64
"""Of what is no address: nobody makes long names."""


def counted_source(source: str) -> str:
    """The name under which a source counts: IPv6 by its /64, IPv4 in IPv6 as IPv4.

    What is no address, such as the socket of a process of ours, counts as itself.
    """
    try:
        address = ip_address(source)
    except ValueError:
        return source[:MAX_CHARACTERS]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Network((int(address), NETWORK_BITS), strict=False))
    return str(address)
