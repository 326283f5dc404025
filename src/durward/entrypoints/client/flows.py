"""Flows at the token endpoint: for a service, and after a sign-in."""

import base64
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import httpx2

from durward.core.errors import Misconfigured
from durward.core.oauth import protected_resource
from durward.core.oauth.metadata import METADATA_PATH
from durward.entrypoints.client.exchange import step, understood

UNAUTHORIZED = 401
ENDPOINTS = ("authorization_endpoint", "token_endpoint")


@dataclass(frozen=True)
class Server:
    """The authorization server of a resource."""

    resource: str
    issuer: str
    metadata: dict[str, Any]


def challenged(reply: httpx2.Response) -> str | None:
    """The URL of the API's metadata in a challenge (RFC 9728 §5.1)."""
    found = re.search(r'resource_metadata="([^"]+)"', reply.headers.get("www-authenticate", ""))
    return found[1] if found else None


def server_of(http: httpx2.Client, metadata_url: str, issuer: str) -> Server:
    """The authorization server of the API that sent a challenge (RFC 9728 §3.3, §5, §7.7).

    Secrets go only to the configured issuer, since a challenge is unverified input of a service.
    Raises Misconfigured.
    """
    told = understood(step(http, "GET", metadata_url))
    resource, servers = told.get("resource"), told.get("authorization_servers")
    if not isinstance(resource, str) or metadata_of(resource) != metadata_url:
        raise Misconfigured(metadata_url, "is the metadata of another resource")
    if not isinstance(servers, list) or issuer not in servers:
        hint = f"nothing secret is sent elsewhere than to {issuer}"
        raise Misconfigured(metadata_url, "names another authorization server", hint=hint)
    metadata = understood(step(http, "GET", issuer + METADATA_PATH))
    if metadata.get("issuer") != issuer:  # RFC 8414 §3.3
        raise Misconfigured(issuer, "the metadata is of another issuer")
    for name in ENDPOINTS:
        if not is_of(issuer, metadata.get(name)):
            raise Misconfigured(issuer, f"its `{name}` is not its own")
    return Server(resource, issuer, metadata)


def metadata_of(resource: str) -> str:
    """The URL of a resource's metadata; empty if it is not a valid resource."""
    try:
        return protected_resource.metadata_url(resource)
    except ValueError:
        return ""


def is_of(issuer: str, endpoint: object) -> bool:
    """Whether an endpoint has the origin of the issuer."""
    return isinstance(endpoint, str) and endpoint.startswith(f"{issuer}/")


def of_service(http: httpx2.Client, server: Server, name: str, secret: str) -> dict[str, Any]:
    """Get a token by client credentials (OAuth 2.1 draft-15 §4.2)."""
    joined = f"{quote_plus(name)}:{quote_plus(secret)}".encode()
    basic = {"authorization": f"Basic {base64.b64encode(joined).decode()}"}
    form = {"grant_type": "client_credentials", "resource": server.resource}
    return understood(
        step(http, "POST", server.metadata["token_endpoint"], headers=basic, data=form)
    )


def by_code(
    http: httpx2.Client, server: Server, client: str, code: str, verifier: str
) -> dict[str, Any]:
    """Redeem the code of a public client (OAuth 2.1 draft-15 §4.1.3)."""
    form = {
        "grant_type": "authorization_code",
        "client_id": client,
        "code": code,
        "code_verifier": verifier,
    }
    return understood(step(http, "POST", server.metadata["token_endpoint"], data=form))


def by_refresh(
    http: httpx2.Client, server: Server, client: str, token: str | None
) -> dict[str, Any] | None:
    """New tokens for a refresh token; None if there is none, or it is no longer valid."""
    if token is None:
        return None
    form = {"grant_type": "refresh_token", "client_id": client, "refresh_token": token}
    reply = step(http, "POST", server.metadata["token_endpoint"], data=form)
    return understood(reply) if reply.is_success else None
