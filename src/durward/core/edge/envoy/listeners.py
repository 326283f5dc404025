"""Listeners: one HTTP parser for all requests from outside."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from durward.core.address import Address
from durward.core.edge.envoy import proxies
from durward.core.edge.envoy.access_log import access_log
from durward.core.edge.envoy.client_headers import all_but, strip_identity
from durward.core.edge.envoy.client_tls import client_tls
from durward.core.edge.envoy.filters import api_filters, issuer_filters
from durward.core.edge.envoy.hsts import hsts
from durward.core.edge.envoy.local_replies import local_replies
from durward.core.edge.envoy.routes import API_ROUTES, ISSUER_ROUTES
from durward.core.edge.envoy.types import Config, listen, message, seconds, typed_extension
from durward.core.edge.node import Node
from durward.core.edge.snapshot import Snapshot
from durward.core.host import host_of_url
from durward.core.wire import JsonLike

OWN = "own"
HANDSHAKE_SECONDS = 5
"""The time in which a client must have ended its handshake (OWASP API4:2023)."""
NOT_WEBSOCKET = f"(?i){all_but(['websocket'])}"
RoutesOf = Callable[[str], Config]
"""The member with a route configuration, or with the name of its file, by its name."""


def listeners(
    snapshot: Snapshot, node: Node, routes: RoutesOf, revoked: Iterable[Config], folder: str
) -> Iterator[Config]:
    """The listeners of the protected APIs and of the issuer; `routes` gives their routes.

    Certificates are files below `folder`. At an address of both, the host that a client names in
    its handshake (SNI, RFC 6066 §3) chooses, and `:authority` has to be of that side (ADR 28).
    """
    filters, tls = api_filters(snapshot, node.limits, revoked), node.tls
    socket = client_tls(tls, folder) if tls else None
    apis = [chain(manager(API_ROUTES, filters, node, routes), socket)]
    issuer: list[Config] = []
    if node.issuer and (snapshot.issuer or not node.is_shared):
        socket = client_tls(tls, folder, is_issuer=True) if tls else None
        filters_of_issuer = issuer_filters(node.limits)
        issuer = [chain(manager(ISSUER_ROUTES, filters_of_issuer, node, routes), socket)]
    if node.is_shared:
        names: Config = {"server_names": [host_of_url(snapshot.issuer)]}
        apis = [*({"filter_chain_match": names, **each} for each in issuer), *apis]
    yield listener(API_ROUTES, node.apis, apis)
    if node.issuer and not node.is_shared:
        yield listener(ISSUER_ROUTES, node.issuer, issuer)
    if node.own:
        private = manager(API_ROUTES, filters, replace(node, tls=None), routes)
        yield {
            **listener(OWN, node.own, [chain(private)]),
            # Clients at their limit must not keep a change from being proven.
            "ignore_global_conn_limit": True,
            # On a socket the workers share one queue, from which a late one would get nothing.
            "connection_balance_config": {"exact_balance": {}},
        }


def listener(name: str, address: Address, chains: Sequence[Config]) -> Config:
    """A listener: one address, and the chain of its filters, or several by names of hosts."""
    inspector = typed_extension(
        "envoy.filters.listener.tls_inspector",
        "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
    )
    # Who says nothing is let go, as where the handshake itself is awaited.
    by_name: Config = {
        "listener_filters": [inspector],
        "listener_filters_timeout": seconds(HANDSHAKE_SECONDS),
    }
    return message(
        "envoy.config.listener.v3.Listener",
        {
            "name": name,
            "address": listen(address),
            "per_connection_buffer_limit_bytes": 65_536,
            **(by_name if len(chains) > 1 else {}),
            "filter_chains": list(chains),
        },
    )


def chain(manager: Config, socket: Config | None = None) -> Config:
    """The filters of a connection, over TLS or not; a handshake has a time of its own."""
    if socket is None:
        return {"filters": [manager]}
    return {
        "filters": [manager],
        "transport_socket": socket,
        "transport_socket_connect_timeout": seconds(HANDSHAKE_SECONDS),
    }


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
            "http_filters": [
                *([hsts()] if node.tls else []),
                *([proxies.without_header()] if behind_proxies else []),
                *filters,
            ],
            **(as_secure() if node.tls else {}),
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


def as_secure() -> Config:
    """What a service is told of a connection that had TLS, whatever the client says of it.

    A certificate of the client never reaches a service in a header, and no header may claim one.
    """
    return {
        "scheme_header_transformation": {"scheme_to_overwrite": "https"},
        "forward_client_cert_details": "SANITIZE",
    }
