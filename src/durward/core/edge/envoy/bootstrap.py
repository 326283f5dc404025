"""What Envoy is started with: who it is and where the files of the rest lie."""

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
"""From which share of the memory on each of Envoy's actions is taken."""


def bootstrap(node: Node, folder: str) -> Config:
    """Start-up configuration; the resources come as files below `folder`, one folder each."""
    return {
        **identity(node),
        "dynamic_resources": {
            "cds_config": source(folder, "clusters"),
            "lds_config": source(folder, "listeners"),
        },
    }


def static_bootstrap(node: Node, clusters: list[JsonLike], listeners: list[JsonLike]) -> Config:
    """All in one, for `--mode validate`, which does not open the files of a dynamic one."""
    return {
        **identity(node),
        "static_resources": {
            "clusters": [untyped(cluster) for cluster in clusters],
            "listeners": [untyped(listener) for listener in listeners],
        },
    }


def identity(node: Node) -> Config:
    """Who this Envoy is, and its administration on a socket that only its owner can reach."""
    return {
        "node": {"id": node.id, "cluster": "durward"},
        "admin": {"address": listen(node.admin), "ignore_global_conn_limit": True},
        "overload_manager": overload(node.limits),
        "typed_dns_resolver_config": name_servers(node),
        "layered_runtime": {"layers": [{"name": "durward", "static_layer": RUNTIME}]},
    }


def overload(limits: Limits) -> Config:
    """What happens when too much is asked at once: the new is refused, what runs goes on."""
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
    """How much memory may be allocated."""
    kind = "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig"
    return typed_extension(HEAP, kind, {"max_heap_size_bytes": mib * 1_048_576})


def connection_limit(count: int) -> Config:
    """How many connections all listeners hold together; the next one is closed at once."""
    return typed_extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        {"max_active_downstream_connections": count},
    )


def name_servers(node: Node) -> Config:
    """Who is asked for names, after `/etc/hosts`: two times, so that one is given up in time.

    By default that takes longer than a minute, in which nothing is learned of that name.
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
    """A resource where its type is known by its place."""
    assert isinstance(resource, dict)  # noqa: S101
    return {name: value for name, value in resource.items() if name != "@type"}
