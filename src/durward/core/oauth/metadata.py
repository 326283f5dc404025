"""What the authorization server says of itself (RFC 8414): only what is true."""

from collections.abc import Iterable

from durward.core.oauth.client_auth import ASSERTION_ALGORITHMS
from durward.core.wire import JsonLike

METADATA_PATH = "/.well-known/oauth-authorization-server"
JWKS_PATH = "/jwks"
TOKEN_PATH = "/token"  # noqa: S105 - a path

SURFACE: tuple[tuple[str, str], ...] = (
    ("GET", METADATA_PATH),
    ("GET", JWKS_PATH),
    ("POST", TOKEN_PATH),
)
"""Every method and path that clients reach; the edge lets nothing else through."""


def server_metadata(issuer: str, scopes: Iterable[str]) -> dict[str, JsonLike]:
    """The metadata document (RFC 8414 §2)."""
    return {
        "issuer": issuer,
        "token_endpoint": issuer + TOKEN_PATH,
        "jwks_uri": issuer + JWKS_PATH,
        "scopes_supported": sorted(scopes),
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": [
            *("client_secret_basic", "client_secret_post", "private_key_jwt"),
        ],
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
    }
