"""Identity headers of the client are removed (ZT-11); an API may declare the headers it accepts.

A service behind a proxy trusts headers that only its proxy may set. Each product documents its own;
here all of them are removed, whichever product the service was written for.
"""

import re
from collections.abc import Collection, Iterable

from durward.core.edge.envoy.types import Config, message, typed_extension
from durward.core.wire import JsonLike

MUTATION = "envoy.filters.http.header_mutation"
FORWARDED_FOR = "x-forwarded-for"
REQUEST_ID_OF_CLIENT = "request-id-of-client"

IDENTITY_PREFIXES = (
    *("durward-", "x-durward-", "txn-token"),
    # The identity of the caller, by common names.
    *("remote-", "x-remote-", "x-auth-", "x-authenticated-", "x-authz-", "x-user-", "x-client-"),
    *("x-identity-", "x-principal-", "x-tenant-", "x-consumer-", "x-credential-", "x-webauth-"),
    *("x-jwt-", "x-oauth-", "x-oauth2-", "x-oidc-", "oidc-", "x-saml-", "x-sso-", "x-claim-"),
    # Names of products: Authelia has remote-, Kong and APISIX x-consumer- and x-credential-.
    *("x-goog-iap-", "x-goog-authenticated-", "x-endpoint-api-", "x-apigateway-", "x-appengine-"),
    *("cf-", "x-ms-client-", "x-ms-token-", "x-ms-proxy-", "x-azure-", "x-arr-"),
    *("x-amzn-oidc-", "x-amzn-mtls-", "x-amzn-ava-", "x-amzn-lattice-", "x-amzn-apigateway-"),
    *("tailscale-", "x-tailscale-", "x-pomerium-", "x-vouch-", "x-authentik-", "gap-"),
    *("teleport-", "x-istio-", "impersonate-", "iv-", "sm-", "x-shib-", "shib-", "mellon-"),
    *("oam-", "x-grafana-", "fastly-client-", "fly-client-", "x-vercel-", "x-nf-"),
    # Its certificate, its address, and its request to a proxy before us.
    *("ssl-client-", "x-ssl-", "client-cert", "x-forwarded-", "x-original-", "x-rewrite-"),
    *("x-envoy-", "x-real-", "x-cluster-client-", "wl-proxy-", "proxy-", "x-proxy"),
)
IDENTITY_HEADERS = (
    *("forwarded", "via", "true-client-ip", "client-ip", "x-originating-ip", "proxy", "x-host"),
    *("x-scheme", "x-url-scheme", "front-end-https", "x-request-id", "x-serverless-authorization"),
    *("x-http-method-override", "x-http-method", "x-method-override", "x-anonymous-consumer"),
    *("x-user", "x-username", "x-userid", "x-userinfo", "x-usergroup", "x-login", "x-email"),
    *("x-uid", "x-sub", "x-subject", "x-principal", "x-identity", "x-authenticated", "x-tenant"),
    *("x-role", "x-roles", "x-group", "x-groups", "x-scope", "x-scopes", "x-claims", "x-jwt"),
    *("x-id-token", "x-access-token", "x-refresh-token", "x-account", "x-admin"),
)
"""Headers that a service might trust and a client could send."""

ALWAYS = (
    *("authorization", "cookie", "host", "connection", "te", "trailer", "transfer-encoding"),
    *("content-length", "content-type", "content-encoding", "accept", "expect", "upgrade"),
    *("keep-alive", "http2-settings", "x-request-id", FORWARDED_FOR, "x-forwarded-proto"),
    *("x-envoy-internal", "x-envoy-external-address", "x-envoy-expected-rq-timeout-ms"),
    *(":authority", ":method", ":path", ":scheme", ":protocol"),
)
"""Headers of HTTP itself and of Envoy, which an API need not declare. Other filters still remove
credentials and our cookies."""


def strip_identity(
    *, keep_request_id: bool = False, keep_forwarded_for: bool = False
) -> list[JsonLike]:
    """Remove identity headers early, before routing (ZT-11).

    The client's request id is moved to another header if the response repeats it: our own id of the
    request is never the client's. `x-forwarded-for` stays, if a proxy may send it, until the
    address is known.
    """
    kept = request_id_of_client() if keep_request_id else []
    # One expression for all: each further mutation would read every header once more.
    prefixes = [p for p in IDENTITY_PREFIXES if not FORWARDED_FOR.startswith(p)]
    forwarded = [p for p in IDENTITY_PREFIXES if FORWARDED_FOR.startswith(p)]
    others = [
        prefix + (all_but([FORWARDED_FOR.removeprefix(prefix)]) if keep_forwarded_for else ".*")
        for prefix in map(str, forwarded)
    ]
    one_of = "|".join([*map(re.escape, IDENTITY_HEADERS), *(f"{re.escape(p)}.*" for p in prefixes)])
    return [
        typed_extension(
            "envoy.http.early_header_mutation.header_mutation",
            "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            {"mutations": [*kept, remove_matching("|".join([one_of, *others]))]},
        )
    ]


def only_declared(names: Iterable[str]) -> Config:
    """Remove every client header but these and those of HTTP itself."""
    mutation = remove_matching(all_but({*ALWAYS, *names}))
    per_route = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute"
    return message(per_route, {"mutations": {"request_mutations": [mutation]}})


def remove_matching(regex: str) -> Config:
    """Remove every header whose whole name matches an expression."""
    return {"remove_on_match": {"key_matcher": {"safe_regex": {"regex": regex}}}}


def all_but(words: Collection[str]) -> str:
    """An expression for every string but these: RE2 has no negation, so it spells out prefixes."""
    beginnings = sorted({word[0] for word in words if word})
    others = "".join(map(re.escape, beginnings))
    ways = [f"[^{others}].*" if others else ".+"]
    for letter in beginnings:
        rest = all_but({word[1:] for word in words if word.startswith(letter)})
        ways.append(f"{re.escape(letter)}{rest}")
    whole = f"(?:{'|'.join(ways)})"
    return whole if "" in words else f"{whole}?"


def request_id_of_client() -> list[JsonLike]:
    """The client's own id of its request, in a header that it cannot send."""
    value = {"key": REQUEST_ID_OF_CLIENT, "value": "%REQ(x-request-id)%"}
    return [
        {"remove": REQUEST_ID_OF_CLIENT},
        {"append": {"header": value, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}},
    ]
