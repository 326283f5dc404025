"""The certificates of the CAs that this machine trusts, as its system has them in one file.

Envoy reads such a file once, when it loads a cluster. So it gets a copy that is named after its
content: if the file is replaced the clusters name another copy, and Envoy loads them anew.
"""

import ssl
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from durward.core.edge.envoy.clusters import lacks_cas
from durward.core.edge.node import Node
from durward.core.edge.report import MAX_TOLD
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Misconfigured, Unavailable
from durward.entrypoints.edge import xds

PATHS = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older ones of these
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)
LOOK_SECONDS = 2.0
"""How often the file is looked at: it is read where it differs by time, size or place."""
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


@dataclass
class KeptCas:
    """The copies of a node's file of CAs, in a folder of their own."""

    folder: Path
    named: str
    """The file that the operator names; empty where that of the system is found."""
    trouble: str = ""
    """Why the present content of the file is not in force; empty if it is."""
    _seen: tuple[object, ...] = ()

    def current(self, before: str) -> str:
        """The copy of the file as it is now, or what was used `before` where it cannot be used."""
        path = self.named or find_ca_bundle()
        if not path and not before:
            return before
        try:
            found = Path(path).stat()
            seen = (path, found.st_ino, found.st_size, found.st_mtime_ns)
            if seen == self._seen:
                return before
            copy = self._copy(path)
        except (OSError, ValueError, Unavailable) as error:  # an SSLError is an OSError
            self._seen = ()
            self.trouble = f"the CAs of before stay, since `{path}` cannot be used: {error}"
            return before
        self._seen, self.trouble = seen, ""
        return copy

    def retry(self, why: str) -> None:
        """The copy did not come into force: it is looked at again."""
        self._seen = ()
        self.trouble = f"the CAs of before stay: {why}"

    def forget_others(self, copy: str) -> None:
        """Remove the copies that no cluster names any more."""
        for path in self.folder.glob("*.pem"):
            if str(path) != copy:
                path.unlink(missing_ok=True)

    def _copy(self, path: str) -> str:
        data = Path(path).read_bytes()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=data.decode("ascii", "ignore"))
        copy = self.folder / f"{sha256(data).hexdigest()[:32]}.pem"
        if not copy.exists():
            xds.replace(copy, data)
        return str(copy)


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
