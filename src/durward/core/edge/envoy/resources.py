"""A snapshot as the resource files of one node, and as one whole for validation."""

from collections.abc import Mapping
from dataclasses import dataclass

from durward.core.edge.envoy import revocation_maps
from durward.core.edge.envoy.bootstrap import bootstrap, source, static_bootstrap, untyped
from durward.core.edge.envoy.clusters import clusters
from durward.core.edge.envoy.listeners import listeners
from durward.core.edge.envoy.routes import (
    API_ROUTES,
    ISSUER_ROUTES,
    api_configuration,
    issuer_configuration,
)
from durward.core.edge.envoy.types import Config, discovery
from durward.core.edge.node import Node
from durward.core.edge.snapshot import Snapshot
from durward.core.host import host_of_url


@dataclass(frozen=True)
class RenderedConfiguration:
    """One configuration in its three forms.

    `files` are in the order of a safe change: a resource exists before another one names it.
    """

    files: Mapping[str, Config]
    bootstrap: Config
    whole: Config


def render(snapshot: Snapshot, node: Node, folder: str) -> RenderedConfiguration:
    """Render Envoy's configuration for a snapshot, with its files below `folder`."""
    reached = list(clusters(snapshot, node))
    issuer_host = host_of_url(snapshot.issuer) if node.is_shared else ""
    routes = {API_ROUTES: api_configuration(snapshot, node.limits, issuer_host)}
    if node.issuer and (issuer_host or not node.is_shared):  # Envoy reads only what is named
        routes[ISSUER_ROUTES] = issuer_configuration(node.limits, issuer_host)

    def by_file(name: str) -> Config:
        return {"rds": {"route_config_name": name, "config_source": source(folder, name)}}

    def in_place(name: str) -> Config:
        return {"route_config": untyped(routes[name])}

    discovered = [revocation_maps.discovered(name, folder) for name in revocation_maps.FILTERS]
    empty = [revocation_maps.in_place(name) for name in revocation_maps.FILTERS]

    return RenderedConfiguration(
        {
            "clusters": discovery(*reached),
            **{name: discovery(configuration) for name, configuration in routes.items()},
            "listeners": discovery(*listeners(snapshot, node, by_file, discovered, folder)),
        },
        bootstrap(node, folder),
        static_bootstrap(
            node, list(reached), list(listeners(snapshot, node, in_place, empty, folder))
        ),
    )
