"""Clusters: everything that Envoy may reach, and nothing else."""

from collections.abc import Iterable, Iterator

from durward.core.address import Address
from durward.core.edge.envoy.types import Config, message, reach, seconds
from durward.core.edge.node import Node
from durward.core.edge.snapshot import Snapshot

DECISION_POINTS = "decision-points"
CONTROL_PLANE = "control-plane"


def clusters(snapshot: Snapshot, node: Node) -> Iterator[Config]:
    """The decision points, the control plane, each API's upstream."""
    yield {
        **cluster(DECISION_POINTS, node.decision_points),
        # Of several decision points a dead one is left out; where none answers, the check fails.
        "health_checks": [
            {
                "timeout": seconds(1),
                "interval": seconds(1),
                "no_traffic_interval": seconds(1),
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                "http_health_check": {"path": "/ready"},
            }
        ],
    }
    if node.control_plane:
        yield cluster(CONTROL_PLANE, [node.control_plane])
    for api in snapshot.apis:
        yield cluster(upstream(api.id), [api.upstream])


def upstream(api: str) -> str:
    """The name of an API's upstream cluster."""
    return f"api-{api}"


def cluster(name: str, addresses: Iterable[Address]) -> Config:
    """A fixed set of endpoints with bounds on what may wait for them."""
    endpoints = [{"endpoint": {"address": reach(place)}} for place in addresses]
    return message(
        "envoy.config.cluster.v3.Cluster",
        {
            "name": name,
            "type": "STATIC",
            "connect_timeout": seconds(1),
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{"lb_endpoints": endpoints}],
            },
            "circuit_breakers": {
                "thresholds": [
                    {"max_connections": 1024, "max_pending_requests": 1024, "max_requests": 4096}
                ]
            },
            # Never send to an endpoint that is known to be dead because the others are too.
            "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        },
    )
