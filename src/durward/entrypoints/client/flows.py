"""Flows at the token endpoint: a service's, and what follows a sign-in."""

import base64
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import httpx2

from durward.core.errors import Misconfigured
from durward.entrypoints.client.wire import step, understood

UNAUTHORIZED = 401
AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"


@dataclass(frozen=True)
class Server:
    """The authorization server of a resource."""

    resource: str
    issuer: str
    metadata: dict[str, Any]


def challenged(reply: httpx2.Response) -> str | None:
    """Where a challenge says that the API tells of itself (RFC 9728 §5.1)."""
    found = re.search(r'resource_metadata="([^"]+)"', reply.headers.get("www-authenticate", ""))
    return found[1] if found else None


def server_of(http: httpx2.Client, metadata_url: str) -> Server:
    """From what the API says of itself to its issuer (RFC 9728 §5). Raises Misconfigured."""
    resource = understood(step(http, "GET", metadata_url))
    issuer = resource["authorization_servers"][0]
    metadata = understood(step(http, "GET", issuer + AUTHORIZATION_SERVER))
    if metadata["issuer"] != issuer:  # RFC 8414 §3.3
        raise Misconfigured(issuer, "the metadata is of another issuer")
    return Server(resource["resource"], issuer, metadata)


def of_service(http: httpx2.Client, server: Server, name: str, secret: str) -> dict[str, Any]:
    """A service signs in for itself (OAuth 2.1 draft-15 §4.2)."""
    joined = f"{quote_plus(name)}:{quote_plus(secret)}".encode()
    basic = {"authorization": f"Basic {base64.b64encode(joined).decode()}"}
    form = {"grant_type": "client_credentials", "resource": server.resource}
    return understood(
        step(http, "POST", server.metadata["token_endpoint"], headers=basic, data=form)
    )


def by_code(
    http: httpx2.Client, server: Server, client: str, code: str, verifier: str
) -> dict[str, Any]:
    """A public client redeems its code (OAuth 2.1 draft-15 §4.1.3)."""
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
    """New tokens for a refresh token; None where there is none, or it is of no use any more."""
    if token is None:
        return None
    form = {"grant_type": "refresh_token", "client_id": client, "refresh_token": token}
    reply = step(http, "POST", server.metadata["token_endpoint"], data=form)
    return understood(reply) if reply.is_success else None
