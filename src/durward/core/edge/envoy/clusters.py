"""Clusters: the only addresses that Envoy connects to."""

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from durward.core.address import Address
from durward.core.api import Api
from durward.core.edge.envoy.cors import NOWHERE
from durward.core.edge.envoy.service_tls import service_tls
from durward.core.edge.envoy.types import Config, message, reach, seconds, typed_extension
from durward.core.edge.node import Node
from durward.core.edge.snapshot import Snapshot
from durward.core.upstream import HealthCheck, HttpProtocol, Upstream

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
STREAMS = 100
"""The largest number of concurrent requests on one HTTP/2 connection, the least that RFC 9113
§6.5.2 recommends services to allow."""
NAMES_EVERY_SECONDS = 5
"""The interval of look-ups of a name; a changed address may be unnoticed that long."""
EJECTED_AFTER = 3
"""The failures in a row after which an address gets no requests, where a service has several."""
EJECTED_SECONDS, EJECTED_MOST_SECONDS = 10, 60
"""How long, the first time and at most: each further time is longer by the first."""
EJECTED_MOST_PERCENT = 50


def clusters(snapshot: Snapshot, node: Node) -> Iterator[Config]:
    """The decision points, the control plane, nowhere, each API's upstream."""
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
    yield cluster(NOWHERE, ())
    for api in snapshot.apis:
        yield service(api, node)


def upstream(api: str) -> str:
    """The name of an API's upstream cluster."""
    return f"api-{api}"


def lacks_cas(service: Upstream, node: Node) -> bool:
    """Whether the node has no CAs to verify a service by: then its API is closed (503)."""
    return service.tls is not None and not service.tls.ca and not node.ca_bundle


def service(api: Api, node: Node) -> Config:
    """The cluster of an API's service; without addresses if its certificate cannot be verified."""
    declared = api.upstream
    closed = lacks_cas(declared, node)
    found = cluster(
        upstream(api.id),
        () if closed else declared.addresses,
        declared.protocol,
        declared.connect_seconds,
    )
    if declared.tls and not closed:
        found["transport_socket"] = service_tls(declared.tls, declared.protocol, node.ca_bundle)
    if declared.may_have_others:
        found["outlier_detection"] = ejection()
    if declared.health:
        check = health_check(declared.health, declared.protocol, service_host(api))
        found["health_checks"] = [check]
        # An address that a name no longer has gets no requests, even if it is healthy.
        found["ignore_health_on_host_removal"] = True
    return found


def service_host(api: Api) -> str:
    """The host that a service is asked for: never the client's, which could be any."""
    return api.upstream.host or urlsplit(api.audience).netloc


def cluster(
    name: str,
    addresses: Iterable[Address],
    protocol: HttpProtocol = HttpProtocol.HTTP1,
    connect_seconds: float = 1,
) -> Config:
    """A set of endpoints with limits on waiting requests."""
    places = tuple(addresses)
    endpoints = [{"endpoint": {"address": reach(place)}} for place in places]
    options: Config = (
        {"http_protocol_options": {}}
        if protocol is HttpProtocol.HTTP1
        else {"http2_protocol_options": {"max_concurrent_streams": STREAMS}}
    )
    return message(
        "envoy.config.cluster.v3.Cluster",
        {
            "name": name,
            **(by_name() if any(place.is_name for place in places) else {"type": "STATIC"}),
            "connect_timeout": seconds(connect_seconds),
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
                        "explicit_http_config": options,
                        "common_http_protocol_options": {"idle_timeout": seconds(IDLE_SECONDS)},
                    },
                )
            },
            # Never send to a dead endpoint, even if all others are dead too.
            "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        },
    )


def health_check(health: HealthCheck, protocol: HttpProtocol, host: str) -> Config:
    """The active check of each address; a new cluster serves when each has had its first one."""
    return {
        "timeout": seconds(health.timeout_seconds),
        "interval": seconds(health.every_seconds),
        # Without it an address that no request was sent to is checked once a minute.
        "no_traffic_interval": seconds(health.every_seconds),
        "unhealthy_threshold": health.failures,
        "healthy_threshold": health.successes,
        "http_health_check": {
            "path": health.path,
            "host": host,
            "expected_statuses": [{"start": 200, "end": 300}],
            "codec_client_type": "HTTP2" if protocol is HttpProtocol.HTTP2 else "HTTP1",
        },
    }


def ejection() -> Config:
    """The passive check: an address that cannot be reached gets no requests for some time.

    What a service answers does not count, else a client whose requests fail could take its
    addresses away. Half of them stay in any case.
    """
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": EJECTED_AFTER,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "interval": seconds(1),
        "base_ejection_time": seconds(EJECTED_SECONDS),
        "max_ejection_time": seconds(EJECTED_MOST_SECONDS),
        "max_ejection_percent": EJECTED_MOST_PERCENT,
    }


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
