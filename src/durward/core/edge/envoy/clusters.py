"""Clusters: the only addresses that Envoy connects to."""

from collections.abc import Iterable, Iterator

from durward.core.address import Address
from durward.core.edge.envoy.types import Config, message, reach, seconds, typed_extension
from durward.core.edge.node import Node
from durward.core.edge.snapshot import Snapshot

DECISION_POINTS = "decision-points"
CONTROL_PLANE = "control-plane"
IDLE_SECONDS = 1.5
"""The time an idle connection to a service is kept: less than services keep it (gunicorn 2 s,
Node.js, uvicorn and Apache 5 s), else a request may meet a connection that is being closed.
Decision points close none, but they are not worth an exception."""
RETRIED_PERCENT, RETRIED_AT_LEAST = 25, 16
"""The largest share of concurrent requests to a service that are retries, and the number that is
always allowed: a failing service must not get twice the load."""
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
NAMES_EVERY_SECONDS = 5
"""The interval of look-ups of a name; a changed address may be unnoticed that long."""


def clusters(snapshot: Snapshot, node: Node) -> Iterator[Config]:
    """The decision points, the control plane, each API's upstream."""
    yield {
        **cluster(DECISION_POINTS, node.decision_points),
        # A dead decision point is ejected; if none answers, the check fails.
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
    """A set of endpoints with limits on waiting requests."""
    places = tuple(addresses)
    endpoints = [{"endpoint": {"address": reach(place)}} for place in places]
    return message(
        "envoy.config.cluster.v3.Cluster",
        {
            "name": name,
            **(by_name() if any(place.is_name for place in places) else {"type": "STATIC"}),
            "connect_timeout": seconds(1),
            "load_assignment": {
                "cluster_name": name,
                "endpoints": [{"lb_endpoints": endpoints}],
            },
            "circuit_breakers": {
                "thresholds": [
                    {
                        "max_connections": 1024,
                        "max_pending_requests": 1024,
                        "max_requests": 4096,
                        "retry_budget": {
                            "budget_percent": {"value": RETRIED_PERCENT},
                            "min_retry_concurrency": RETRIED_AT_LEAST,
                        },
                    }
                ]
            },
            "typed_extension_protocol_options": {
                HTTP_OPTIONS: message(
                    HTTP_OPTIONS,
                    {
                        "explicit_http_config": {"http_protocol_options": {}},
                        "common_http_protocol_options": {"idle_timeout": seconds(IDLE_SECONDS)},
                    },
                )
            },
            # Never send to a dead endpoint, even if all others are dead too.
            "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        },
    )


def by_name() -> Config:
    """Endpoints are the present addresses of a name.

    IPv4 if it has any, else IPv6: with both, each would get its share of the requests, even if the
    service listens on one only, as is usual for `localhost`. While no name server answers, the
    former addresses stay; an unknown name has none.
    """
    return {
        "cluster_type": typed_extension(
            "envoy.cluster.dns",
            "envoy.extensions.clusters.dns.v3.DnsCluster",
            {
                "dns_lookup_family": "V4_PREFERRED",
                "dns_refresh_rate": seconds(NAMES_EVERY_SECONDS),
                "dns_jitter": seconds(1),
                "dns_failure_refresh_rate": {
                    "base_interval": seconds(1),
                    "max_interval": seconds(NAMES_EVERY_SECONDS),
                },
            },
        ),
        # Envoy would start, and open its listeners, when every name has had an answer or none.
        "wait_for_warm_on_init": False,
    }
