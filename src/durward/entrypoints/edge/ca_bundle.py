"""The certificates of the CAs that this machine trusts, as its system has them in one file."""

import ssl
from dataclasses import replace
from pathlib import Path

from durward.core.edge.envoy.clusters import lacks_cas
from durward.core.edge.node import Node
from durward.core.edge.report import MAX_TOLD
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Misconfigured

PATHS = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older ones of these
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)
MARK = b"-----BEGIN CERTIFICATE-----"


def with_cas(node: Node) -> Node:
    """The node with the CAs of its system, if it names no other file. Raises Misconfigured."""
    if not node.ca_bundle:
        return replace(node, ca_bundle=find_ca_bundle())
    if not has_certificates(node.ca_bundle):
        hint = "name a PEM file of CAs, or none: then the file of the system is found"
        problem = f"`{node.ca_bundle}` has no certificates, or cannot be read"
        raise Misconfigured("edge.ca_bundle", problem, hint=hint)
    return node


def closed_without_cas(snapshot: Snapshot, node: Node) -> str:
    """Which APIs are closed because the node has no CAs to verify their services by; or empty."""
    closed = [api.id for api in snapshot.apis if lacks_cas(api.upstream, node)]
    if not closed:
        return ""
    others = f" and {len(closed) - MAX_TOLD} more" if len(closed) > MAX_TOLD else ""
    return (
        "no CA certificates of the system are found (install ca-certificates, or set `[edge] "
        f"ca_bundle`), so these APIs answer 503: {', '.join(closed[:MAX_TOLD])}{others}"
    )


def find_ca_bundle() -> str:
    """The first file with certificates; empty if there is none.

    That of OpenSSL is tried first: `SSL_CERT_FILE` names another.
    """
    default = ssl.get_default_verify_paths().cafile
    return next((path for path in (default, *PATHS) if path and has_certificates(path)), "")


def has_certificates(path: str) -> bool:
    """Whether a file can be read, and has a certificate."""
    try:
        return MARK in Path(path).read_bytes()
    except OSError:
        return False
