"""Listeners: one HTTP parser for all requests from outside."""

from collections.abc import Callable, Iterable, Iterator

from durward.core.address import Address
from durward.core.edge.envoy import proxies
from durward.core.edge.envoy.access_log import access_log
from durward.core.edge.envoy.client_headers import all_but, strip_identity
from durward.core.edge.envoy.filters import api_filters, issuer_filters
from durward.core.edge.envoy.local_replies import local_replies
from durward.core.edge.envoy.routes import API_ROUTES, ISSUER_ROUTES
from durward.core.edge.envoy.types import Config, listen, message, seconds, typed_extension
from durward.core.edge.node import Node
from durward.core.edge.snapshot import Snapshot
from durward.core.wire import JsonLike

NOT_WEBSOCKET = f"(?i){all_but(['websocket'])}"
RoutesOf = Callable[[str], Config]
"""The member with a route configuration, or with the name of its file, by its name."""


def listeners(
    snapshot: Snapshot, node: Node, routes: RoutesOf, revoked: Iterable[Config]
) -> Iterator[Config]:
    """The listeners of the protected APIs and of the issuer; `routes` gives their routes."""
    filters = api_filters(snapshot, node.limits, revoked)
    yield listener(API_ROUTES, node.apis, manager(API_ROUTES, filters, node, routes))
    if node.issuer:
        filters = issuer_filters(node.limits)
        yield listener(ISSUER_ROUTES, node.issuer, manager(ISSUER_ROUTES, filters, node, routes))


def listener(name: str, address: Address, manager: Config) -> Config:
    """A listener: one address with one filter chain."""
    return message(
        "envoy.config.listener.v3.Listener",
        {
            "name": name,
            "address": listen(address),
            "per_connection_buffer_limit_bytes": 65_536,
            "filter_chains": [{"filters": [manager]}],
        },
    )


def manager(name: str, filters: list[JsonLike], node: Node, routes: RoutesOf) -> Config:
    """Parsing, hardening, limits (RFC 9112 §6.3, OWASP API4 and API8:2023).

    The client's address and the request's id are never taken from the client.
    """
    limits, behind_proxies = node.limits, bool(node.proxies)
    return typed_extension(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        {
            "stat_prefix": name,
            "codec_type": "AUTO",
            **routes(name),
            "http_filters": [*([proxies.without_header()] if behind_proxies else []), *filters],
            "early_header_mutation_extensions": strip_identity(
                keep_request_id=name == ISSUER_ROUTES, keep_forwarded_for=behind_proxies
            ),
            "local_reply_config": local_replies(),
            "access_log": [access_log(node.access_log)],
            **proxies.detection(node.proxies),
            "generate_request_id": True,
            "normalize_path": True,
            "merge_slashes": True,
            "path_with_escaped_slashes_action": "REJECT_REQUEST",
            "strip_trailing_host_dot": True,  # `durward.core.host`: neither it nor the port counts
            "server_header_transformation": "PASS_THROUGH",
            "max_request_headers_kb": limits.header_kib,
            "request_headers_timeout": seconds(limits.headers_seconds),
            "request_timeout": seconds(
                min(limits.request_seconds, limits.body_seconds)
                if name == ISSUER_ROUTES
                else limits.request_seconds
            ),
            "stream_idle_timeout": seconds(limits.idle_seconds),
            "common_http_protocol_options": {
                "idle_timeout": seconds(limits.idle_seconds),
                "max_headers_count": limits.header_count,
                "headers_with_underscores_action": "REJECT_REQUEST",
            },
            # RFC 9110 §7.8: who does not speak the other protocol goes on in this one. WebSocket is
            # refused in words: nothing of it would reach the client.
            "http_protocol_options": {
                "ignore_http_11_upgrade": [{"safe_regex": {"regex": NOT_WEBSOCKET}}]
            },
            "http2_protocol_options": {
                "max_concurrent_streams": 100,
                "initial_stream_window_size": 65_536,
                "initial_connection_window_size": 1_048_576,
            },
        },
    )
