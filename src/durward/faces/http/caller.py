"""Who calls: from where, and by which token."""

from starlette.requests import Request

from durward.core.edge.envoy.filters import SOURCE


def source_of(http: Request) -> str:
    """Where the request came from, as Envoy saw it."""
    return http.headers.get(SOURCE, "")


def bearer_token(http: Request) -> str:
    """The token of the Authorization header alone (AS-78); empty where there is none."""
    scheme, _, token = http.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""
