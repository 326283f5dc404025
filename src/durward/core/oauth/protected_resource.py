"""OAuth 2.0 Protected Resource Metadata (RFC 9728): which issuer guards a resource."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from durward.core.api import METADATA
from durward.core.wire import JsonLike


def metadata_path(audience: str) -> str:
    """The path of the metadata: the well-known part before the resource's path (RFC 9728 §3.1)."""
    return METADATA + urlsplit(audience).path.rstrip("/")


def metadata_url(audience: str) -> str:
    """The URL of the metadata, for a challenge (RFC 9728 §5.1)."""
    parts = urlsplit(audience)
    return f"{parts.scheme}://{parts.netloc}{metadata_path(audience)}"


def metadata(audience: str, issuer: str, scopes: Iterable[str]) -> dict[str, JsonLike]:
    """The metadata document (RFC 9728 §2)."""
    return {
        "resource": audience,
        "authorization_servers": [issuer],
        "scopes_supported": sorted(scopes),
        "bearer_methods_supported": ["header"],
    }
