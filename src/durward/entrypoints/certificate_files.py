"""Certificates of CAs as files: the declaration of an API gets their text in place of the path."""

from pathlib import Path

from durward.core.certificates import MAX_CHARACTERS, normalize_certificates
from durward.core.errors import Misconfigured
from durward.core.wire import Json
from durward.entrypoints.files import check_regular, read_bytes

INLINE = "-----BEGIN "


def with_certificates(file: Path, api: str, body: dict[str, Json]) -> dict[str, Json]:
    """The body of an API with the certificates of `upstream.tls.ca`, a path beside its file.

    A private key is refused here, before anything is sent. Raises Misconfigured.
    """
    upstream = body.get("upstream")
    tls = upstream.get("tls") if isinstance(upstream, dict) else None
    ca = tls.get("ca") if isinstance(tls, dict) else None
    if not (isinstance(upstream, dict) and isinstance(tls, dict) and isinstance(ca, str)):
        return body
    place = f"apis/{api}: upstream/tls/ca"
    if INLINE not in ca:
        if not ca or not ca.isprintable():
            hint = "write the path of a PEM file, beside the declaration: `ca: pets-ca.pem`"
            raise Misconfigured(place, "is not a path", hint=hint)
        path = file.parent / ca
        check_regular(path)
        place, ca = str(path), read_bytes(path, MAX_CHARACTERS).decode(errors="replace")
    return {
        **body,
        "upstream": {**upstream, "tls": {**tls, "ca": normalize_certificates(ca, place)}},
    }
