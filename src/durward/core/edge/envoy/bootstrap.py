"""Envoy's bootstrap configuration: its identity, and the files of its resources."""

from durward.core.edge.envoy.types import Config, listen, reach, seconds, typed_extension
from durward.core.edge.node import Limits, Node
from durward.core.wire import JsonLike

RUNTIME: Config = {"re2.max_program_size.error_level": 8_192}
"""Envoy refuses regular expressions of more than 100 steps: a long path has more. RE2 is linear."""


HEAP = "envoy.resource_monitors.fixed_heap"
OVERLOAD = {
    "shrink_heap": 0.85,
    "disable_http_keepalive": 0.9,
    "stop_accepting_requests": 0.95,
    "stop_accepting_connections": 0.98,
}
"""The share of the memory limit from which Envoy takes each overload action."""


def bootstrap(node: Node, folder: str) -> Config:
    """The bootstrap; the resources are files below `folder`, one folder each."""
    return {
        **identity(node),
        "dynamic_resources": {
            "cds_config": source(folder, "clusters"),
            "lds_config": source(folder, "listeners"),
        },
    }


def static_bootstrap(node: Node, clusters: list[JsonLike], listeners: list[JsonLike]) -> Config:
    """A static bootstrap for `--mode validate`, which does not open resource files."""
    return {
        **identity(node),
        "static_resources": {
            "clusters": [untyped(cluster) for cluster in clusters],
            "listeners": [untyped(listener) for listener in listeners],
        },
    }


def identity(node: Node) -> Config:
    """The identity of this Envoy, and its administration on a private socket."""
    return {
        "node": {"id": node.id, "cluster": "durward"},
        "admin": {"address": listen(node.admin), "ignore_global_conn_limit": True},
        "overload_manager": overload(node.limits),
        "typed_dns_resolver_config": name_servers(node),
        "layered_runtime": {"layers": [{"name": "durward", "static_layer": RUNTIME}]},
    }


def overload(limits: Limits) -> Config:
    """Overload actions: new requests are refused, running ones go on."""
    actions: list[JsonLike] = [
        {
            "name": f"envoy.overload_actions.{action}",
            "triggers": [{"name": HEAP, "threshold": {"value": share}}],
        }
        for action, share in OVERLOAD.items()
    ]
    return {
        "refresh_interval": seconds(0.25),
        "resource_monitors": [connection_limit(limits.connections), heap_limit(limits.heap_mib)],
        "actions": actions,
    }


def heap_limit(mib: int) -> Config:
    """The limit of allocated memory."""
    kind = "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig"
    return typed_extension(HEAP, kind, {"max_heap_size_bytes": mib * 1_048_576})


def connection_limit(count: int) -> Config:
    """The limit of connections of all listeners; the next one is closed at once."""
    return typed_extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        {"max_active_downstream_connections": count},
    )


def name_servers(node: Node) -> Config:
    """The name servers, used after `/etc/hosts`, with two tries, so that a query ends in time.

    By default a query takes longer than a minute, in which the name is not resolved again.
    """
    return typed_extension(
        "envoy.network.dns_resolver.cares",
        "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
        {
            "resolvers": [reach(address) for address in node.name_servers],
            "query_timeout_seconds": 2,
            "query_tries": 2,
            # The network may have changed, and `/etc/resolv.conf` with it.
            "reinit_channel_on_timeout": True,
        },
    )


def source(folder: str, resource: str) -> Config:
    """One resource file in its own folder: a rename re-reads every file of the folder."""
    place = f"{folder}/{resource}"
    return {
        "path_config_source": {
            "path": f"{place}/{resource}.json",
            "watched_directory": {"path": place},
        },
        "resource_api_version": "V3",
    }


def untyped(resource: JsonLike) -> JsonLike:
    """A resource without its type, for a place that implies it."""
    assert isinstance(resource, dict)  # noqa: S101
    return {name: value for name, value in resource.items() if name != "@type"}
