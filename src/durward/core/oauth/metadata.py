"""The metadata of the authorization server (RFC 8414): only features that it has."""

from collections.abc import Iterable, Mapping

from durward.core.configuration.client import RESPONSE_MODES
from durward.core.oauth import id_token, pkce
from durward.core.oauth.authorize import PROMPTS
from durward.core.oauth.client_auth import ASSERTION_ALGORITHMS
from durward.core.oauth.scopes import IDENTITY_SCOPES
from durward.core.wire import JsonLike

METADATA_PATH = "/.well-known/oauth-authorization-server"
DISCOVERY_PATH = "/.well-known/openid-configuration"
AUTHORIZATION_PATH = "/authorize"
INTERACTION_PATH = "/interaction"
USERINFO_PATH = "/userinfo"
REVOCATION_PATH = "/revoke"
LOGOUT_PATH = "/logout"
ACCOUNT_PATH = "/"
PASSWORD_PATH = "/password"  # noqa: S105 - a path
RECOVERY_PATH = "/recover"
RESET_PATH = "/reset"
STYLE_PATH = "/durward.css"
JWKS_PATH = "/jwks"
TOKEN_PATH = "/token"  # noqa: S105 - a path
PAR_PATH = "/par"

CALLED_BY_PAGES: Mapping[str, tuple[str, ...]] = {
    TOKEN_PATH: ("POST",),
    PAR_PATH: ("POST",),
    REVOCATION_PATH: ("POST",),
    USERINFO_PATH: ("GET", "POST"),
}
"""What scripts of other origins may call (CORS), and by which methods. `/authorize` is not among
them (RFC 9700 §2.6); metadata and keys may be read by any origin."""

DOCUMENTS: tuple[str, ...] = (METADATA_PATH, DISCOVERY_PATH, JWKS_PATH, STYLE_PATH)
"""What is in memory and public: it is answered to GET and HEAD, and has no budget."""

SURFACE: tuple[tuple[str, str], ...] = (
    *((method, path) for path in DOCUMENTS for method in ("GET", "HEAD")),
    ("GET", AUTHORIZATION_PATH),
    ("POST", AUTHORIZATION_PATH),
    ("GET", INTERACTION_PATH),
    ("POST", INTERACTION_PATH),
    ("GET", USERINFO_PATH),
    ("POST", USERINFO_PATH),
    ("POST", REVOCATION_PATH),
    ("GET", LOGOUT_PATH),
    ("POST", LOGOUT_PATH),
    ("GET", ACCOUNT_PATH),
    ("POST", ACCOUNT_PATH),
    ("GET", PASSWORD_PATH),
    ("POST", PASSWORD_PATH),
    ("GET", RECOVERY_PATH),
    ("POST", RECOVERY_PATH),
    ("GET", RESET_PATH),
    ("POST", RESET_PATH),
    ("POST", TOKEN_PATH),
    ("POST", PAR_PATH),
    *((method, PAR_PATH) for method in ("GET", "PUT", "PATCH", "DELETE")),  # 405: RFC 9126 §2.3
    *(("OPTIONS", path) for path in CALLED_BY_PAGES),
)
"""Every method and path for clients; the edge refuses all others."""


CLIENT_AUTHENTICATIONS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")


def server_metadata(
    issuer: str, scopes: Iterable[str], *, pushes: bool = False
) -> dict[str, JsonLike]:
    """The metadata document; `pushes`: every client has to push its requests (RFC 9126 §5).

    OpenID Connect Discovery 1.0 §3 has the same one (AS-72).
    """
    methods, algorithms = list(CLIENT_AUTHENTICATIONS), list(ASSERTION_ALGORITHMS)
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZATION_PATH,
        "token_endpoint": issuer + TOKEN_PATH,
        "pushed_authorization_request_endpoint": issuer + PAR_PATH,
        "require_pushed_authorization_requests": pushes,
        "userinfo_endpoint": issuer + USERINFO_PATH,
        "revocation_endpoint": issuer + REVOCATION_PATH,
        "end_session_endpoint": issuer + LOGOUT_PATH,
        "jwks_uri": issuer + JWKS_PATH,
        "scopes_supported": sorted({*scopes, *IDENTITY_SCOPES}),
        "response_types_supported": ["code"],
        "response_modes_supported": sorted(RESPONSE_MODES),
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [id_token.ALGORITHM],
        "prompt_values_supported": sorted(PROMPTS),
        "code_challenge_methods_supported": [pkce.METHOD],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
    }
