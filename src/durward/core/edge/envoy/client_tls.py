"""TLS of clients: what a listener speaks, and its certificates as resources of their own.

A certificate that is replaced leaves the listener as it is: open connections go on, and the next
handshake has the new one.
"""

from durward.core.edge.envoy.bootstrap import source
from durward.core.edge.envoy.service_tls import CIPHERS
from durward.core.edge.envoy.types import Config, discovery, message, typed_extension
from durward.core.edge.node import ClientCertificates, Tls, TlsVersion
from durward.core.edge.server_certificate import ServerCertificate

SERVER, ISSUER_SERVER, CLIENT_CAS = "server-tls", "issuer-tls", "client-cas"
RESOURCES = (SERVER, ISSUER_SERVER, CLIENT_CAS)
"""Each is a file in a folder of its own."""
VERSIONS = {TlsVersion.TLS_1_2: "TLSv1_2", TlsVersion.TLS_1_3: "TLSv1_3"}


def client_tls(tls: Tls, folder: str, *, is_issuer: bool = False) -> Config:
    """The transport socket of a listener; its certificates are files below `folder`.

    A session is resumed only under the certificates and rules under which it began (RFC 8446
    §4.6.1): Envoy's tickets are bound to both.
    """
    name = ISSUER_SERVER if is_issuer and tls.issuer_certificate else SERVER
    asked = not is_issuer and tls.clients is not ClientCertificates.NONE
    return typed_extension(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        {
            "require_client_certificate": asked and tls.clients is ClientCertificates.REQUIRE,
            "common_tls_context": {
                "tls_params": {
                    "tls_minimum_protocol_version": VERSIONS[tls.minimum],
                    "tls_maximum_protocol_version": "TLSv1_3",
                    "cipher_suites": list(CIPHERS),
                },
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificate_sds_secret_configs": [_secret(name, folder)],
                **(
                    {"validation_context_sds_secret_config": _secret(CLIENT_CAS, folder)}
                    if asked
                    else {}
                ),
            },
        },
    )


def server_secret(name: str, certificate: ServerCertificate) -> Config:
    """The resource file of a certificate with its key: for the eyes of Envoy alone."""
    pair: Config = {
        "certificate_chain": {"inline_string": certificate.chain},
        "private_key": {"inline_string": certificate.key},
    }
    return _secrets(name, {"tls_certificate": pair})


def client_cas_secret(certificates: str) -> Config:
    """The resource file of the CAs of clients, in PEM."""
    return _secrets(
        CLIENT_CAS, {"validation_context": {"trusted_ca": {"inline_string": certificates}}}
    )


def _secrets(name: str, content: Config) -> Config:
    kind = "envoy.extensions.transport_sockets.tls.v3.Secret"
    return discovery(message(kind, {"name": name, **content}))


def _secret(name: str, folder: str) -> Config:
    return {"name": name, "sds_config": source(folder, name)}
