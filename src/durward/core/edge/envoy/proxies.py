"""Load balancers in front of the edge that are trusted to report a client's address (ZT-11).

By default none: the address is that of the connection. If a declared proxy connects, it is the
last address in `x-forwarded-for` that is not a proxy's own.
"""

from durward.core.edge.envoy.client_headers import FORWARDED_FOR
from durward.core.edge.envoy.types import Config, typed_extension
from durward.core.edge.node import Network
from durward.core.wire import JsonLike


def detection(proxies: tuple[Network, ...]) -> Config:
    """The source of a client's address for the connection manager."""
    no_internal: Config = {"internal_address_config": {"cidr_ranges": []}}
    if not proxies:
        return {**no_internal, "use_remote_address": True}
    ranges: list[JsonLike] = [
        {"address_prefix": str(found.network_address), "prefix_len": found.prefixlen}
        for found in proxies
    ]
    forwarded: Config = {"xff_trusted_cidrs": {"cidrs": ranges}, "skip_xff_append": True}
    extension = typed_extension(
        "envoy.http.original_ip_detection.xff",
        "envoy.extensions.http.original_ip_detection.xff.v3.XffConfig",
        forwarded,
    )
    # Envoy accepts one of the two. The request's id is still ours: a client's is removed.
    return {**no_internal, "original_ip_detection_extensions": [extension]}


def without_header() -> Config:
    """Remove the header once the address is known: its content is not verified."""
    return typed_extension(
        "envoy.filters.http.header_mutation",
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        {"mutations": {"request_mutations": [{"remove": FORWARDED_FOR}]}},
    )
