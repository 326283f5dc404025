"""TLS to a service: the chain to a trusted CA and the name are verified, always (RFC 9525)."""

from durward.core.address import is_ip
from durward.core.edge.envoy.types import Config, typed_extension
from durward.core.upstream import HttpProtocol, ServiceTls

ALPN = {HttpProtocol.HTTP1: "http/1.1", HttpProtocol.HTTP2: "h2"}
CIPHERS = [
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
]
"""Of TLS 1.2: forward secret and authenticated ones (RFC 9325 §4.2)."""


def service_tls(tls: ServiceTls, protocol: HttpProtocol, system_cas: str) -> Config:
    """The transport socket; `system_cas` is the file of CAs for a service that names none."""
    by_name = not is_ip(tls.name)
    # SAN alone: the common name of a subject is no name (RFC 9525 §2).
    name: Config = {
        "san_type": "DNS" if by_name else "IP_ADDRESS",
        "matcher": {"exact": tls.name},
    }
    cas: Config = {"inline_string": tls.ca} if tls.ca else {"filename": system_cas}
    return typed_extension(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        {
            # RFC 6066 §3: an address is no server name.
            **({"sni": tls.name} if by_name else {}),
            "common_tls_context": {
                "tls_params": {
                    "tls_minimum_protocol_version": "TLSv1_2",
                    "tls_maximum_protocol_version": "TLSv1_3",
                    "cipher_suites": list(CIPHERS),
                },
                "alpn_protocols": [ALPN[protocol]],
                "validation_context": {
                    "trusted_ca": cas,
                    "match_typed_subject_alt_names": [name],
                },
            },
        },
    )
