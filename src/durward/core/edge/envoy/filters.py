"""HTTP filters. Security depends on their order, so each chain is one visible list."""

from collections.abc import Iterable

from durward.core.api import Api
from durward.core.edge.envoy.clusters import DECISION_POINTS
from durward.core.edge.envoy.cookies import (
    HAS_OURS,
    one_header,
    replace_cookie,
    without_our_cookies,
)
from durward.core.edge.envoy.cors import answer_preflights, without_service_cors
from durward.core.edge.envoy.nobody import nobodys_key
from durward.core.edge.envoy.types import JWT, Config, message, seconds, typed_extension
from durward.core.edge.node import Limits
from durward.core.edge.snapshot import Snapshot
from durward.core.host import AUTHORITY
from durward.core.oauth.form import MAX_FORM_BYTES
from durward.core.wire import JsonLike, compact_json

RBAC = "envoy.extensions.filters.http.rbac.v3.RBAC"
HOST_GUARD = "durward.host"
CREDENTIALS_GUARD = "durward.credentials"
TOKEN_GUARD = "durward.token"  # noqa: S105 - a filter's name
AUTHORIZE = "envoy.filters.http.ext_authz"
BUFFER = "envoy.filters.http.buffer"
SOURCE_BUDGET = "envoy.filters.http.local_ratelimit"
RATE_LIMIT = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
COUNTED_SOURCES = 20_000
"""The number of addresses with a counter; the one that was silent longest is evicted first."""
CHECK_PREFIX = "/check"
NO_ISSUER = "durward:no-issuer"
BEARER = r"(?i:bearer)( .*)?"
WHOLE_HEADER = r"(?i:bearer) +[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]"
"""One token in its only canonical spelling (RFC 7515 §3.1, §5.2; RFC 4648 §3.5).

A signature of 64 bytes has 86 characters, and the last holds two bits of it: the others are zero.
Envoy would accept a token with characters behind it, or with other bits there, as the same one.
"""
TOKEN_TYPES = ("at+jwt", "application/at+jwt")
CLOCK_SKEW_SECONDS = 1
CACHED_TOKENS = 10_000

CLAIM_HEADERS = {
    "sub": "durward-subject",
    "tenant": "durward-tenant",
    "client_id": "durward-client",
    "sid": "durward-session",
    "grant": "durward-grant",
    "jti": "durward-token-id",
}
"""Verified claims as headers: for the service, the log and the revocation maps."""

SOURCE = "durward-source"
"""The source address of a request, as Envoy sees it; a client's header of that name is removed.

Envoy's own header for it does not suffice: it is not set for addresses of private networks.
"""
SOURCE_ADDRESS = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"


def api_filters(snapshot: Snapshot, limits: Limits, revoked: Iterable[Config]) -> list[JsonLike]:
    """The filters of a request to a protected API; `revoked` are those of the revocation maps."""
    return [
        one_host(),
        answer_preflights(),
        without_service_cors(),
        one_header(),
        without_our_cookies(),
        *replace_cookie(),
        body_limit(limits),
        {**budget_of_source(limits), "disabled": True},
        {**hold_body(public_body(limits)), "disabled": True},
        credentials_guard(),
        verify_token(snapshot),
        token_guard(),
        *revoked,
        ask_decision_point(limits),
        router(),
    ]


def issuer_filters(limits: Limits) -> list[JsonLike]:
    """The filters of a request to the authorization server, which authenticates by itself."""
    return [
        one_host(),
        one_header(),
        budget_of_source(limits),
        hold_body(min(limits.body_bytes, MAX_FORM_BYTES)),
        router(),
    ]


def body_limit(limits: Limits) -> Config:
    """413 beyond the limit, by length and for chunked bodies; bodies are streamed, not buffered."""
    return typed_extension(
        "envoy.filters.http.body_size_limit",
        "envoy.extensions.filters.http.body_size_limit.v3.BodySizeLimit",
        {"max_request_bytes": limits.body_bytes},
    )


def budget_of_source(limits: Limits) -> Config:
    """The rate limit of an address for unauthenticated requests (API4:2023)."""
    return typed_extension(SOURCE_BUDGET, RATE_LIMIT, rate_of_source(limits))


def budget_on_route(limits: Limits) -> Config:
    """The same for one route, with its own counters."""
    return message(RATE_LIMIT, rate_of_source(limits))


def rate_of_source(limits: Limits) -> Config:
    """A token bucket for each address, IPv6 by /64: one client can have all addresses of a /64."""
    always: Config = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    address: Config = {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}
    bucket: Config = {
        "max_tokens": limits.source_burst,
        "tokens_per_fill": limits.source_per_second,
        "fill_interval": seconds(1),
    }
    return {
        "stat_prefix": "source",
        "filter_enabled": always,
        "filter_enforced": always,
        "rate_limits": [{"actions": [{"masked_remote_address": address}]}],
        # An entry without a value has a bucket for each value.
        "descriptors": [{"entries": [{"key": "masked_remote_address"}], "token_bucket": bucket}],
        "max_dynamic_descriptors": COUNTED_SOURCES,
        "token_bucket": bucket,
        "always_consume_default_token_bucket": False,
    }


def hold_body(limit_bytes: int) -> Config:
    """Buffer the whole body before the request goes on; 413 above the limit.

    Only for unauthenticated requests: an incomplete one then takes a part of this buffer, and no
    shared resource behind it.
    """
    return typed_extension(
        BUFFER, "envoy.extensions.filters.http.buffer.v3.Buffer", bounded(limit_bytes)
    )


def public_body(limits: Limits) -> int:
    """The largest buffered body of a public operation.

    It is small: an address can make Envoy buffer this size for each request that it begins.
    """
    return min(limits.body_bytes, limits.public_body_bytes)


def body_held_on_route(limit_bytes: int) -> Config:
    """The same for one route."""
    per_route = "envoy.extensions.filters.http.buffer.v3.BufferPerRoute"
    return message(per_route, {"buffer": bounded(limit_bytes)})


def bounded(limit_bytes: int) -> Config:
    """The limit of a buffer."""
    return {"max_request_bytes": limit_bytes}


def credentials_guard() -> Config:
    """`Authorization` is absent, or `Bearer` in any case and one token (RFC 9110 §11.4, RFC 6750).

    The JWT filter accepts a token anywhere in the header. Proofs of DPoP are not verified yet, so a
    token of that scheme counts as none.

    Our own cookies are removed by now; if they are not, because `header_to_metadata` reads at most
    8 KiB, the request is refused.
    """
    present: Config = {"header": {"name": "authorization", "present_match": True}}
    rules: dict[str, list[JsonLike]] = {
        "bad-scheme": [present, {"not_rule": authorization(BEARER)}],
        "bad-form": [authorization(BEARER), {"not_rule": authorization(WHOLE_HEADER)}],
        "our-cookie": [header_matches("cookie", HAS_OURS)],
    }
    policies: Config = {
        name: {"permissions": [{"and_rules": {"rules": conditions}}], "principals": [{"any": True}]}
        for name, conditions in rules.items()
    }
    guard: Config = {
        "rules_stat_prefix": "credentials_",
        "rules": {"action": "DENY", "policies": policies},
    }
    return typed_extension(CREDENTIALS_GUARD, RBAC, guard)


def one_host() -> Config:
    """Refuse a request that does not name one host (RFC 9112 §3.2), since the host chooses the API.

    Envoy joins several with a comma.
    """
    another: Config = {
        "permissions": [{"not_rule": header_matches(":authority", AUTHORITY)}],
        "principals": [{"any": True}],
    }
    guard: Config = {
        "rules_stat_prefix": "host_",
        "rules": {"action": "DENY", "policies": {"not-one-host": another}},
    }
    return typed_extension(HOST_GUARD, RBAC, guard)


def authorization(regex: str) -> Config:
    """A condition on the credentials; several headers are joined with commas, so never a token."""
    return header_matches("authorization", regex)


def header_matches(name: str, regex: str) -> Config:
    """A condition on all of a header's value."""
    return {"header": {"name": name, "string_match": {"safe_regex": {"regex": regex}}}}


def verify_token(snapshot: Snapshot) -> Config:
    """Verify signature, `iss`, `aud`, `exp`, `nbf` of the token, with pushed keys (RFC 9068).

    Only from the Authorization header: by default Envoy also takes `?access_token=`.
    """
    providers: Config = {api.id: provider(snapshot, api) for api in snapshot.apis}
    requirements: Config = {}
    for api in snapshot.apis:
        requirements[f"{api.id}:token"] = {"provider_name": api.id}
        requirements[f"{api.id}:public"] = {
            "requires_any": {"requirements": [{"provider_name": api.id}, {"allow_missing": {}}]}
        }
    return typed_extension(
        JWT,
        "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        {"providers": providers, "requirement_map": requirements},
    )


def provider(snapshot: Snapshot, api: Api) -> Config:
    """The verification of a token for one API. The token is forwarded to the decision point."""
    keys = compact_json({"keys": list(snapshot.keys) or [nobodys_key()]}).decode()
    return {
        # Without an issuer here, Envoy would not check `iss`.
        "issuer": snapshot.issuer or NO_ISSUER,
        "audiences": [api.audience],
        "local_jwks": {"inline_string": keys},
        # `credentials_guard` checks the scheme, and that there is one token.
        "from_headers": [{"name": "Authorization", "value_prefix": " "}],
        "forward": True,
        "require_expiration": True,
        "clock_skew_seconds": CLOCK_SKEW_SECONDS,
        "payload_in_metadata": "jwt",
        "header_in_metadata": "jwt_header",
        "claim_to_headers": [
            {"claim_name": name, "header_name": header} for name, header in CLAIM_HEADERS.items()
        ],
        "jwt_cache_config": {"jwt_cache_size": CACHED_TOKENS},
    }


def token_guard() -> Config:
    """Check `typ`, `alg`, `crit`, which `jwt_authn` ignores (RFC 9068 §4, RFC 7515 §4.1.11)."""
    return typed_extension(TOKEN_GUARD, RBAC, token_rules(unless_anonymous=False))


def token_guard_of_public_operation() -> Config:
    """The same check where a token is optional: a request without one passes."""
    per_route = "envoy.extensions.filters.http.rbac.v3.RBACPerRoute"
    rules = token_rules(unless_anonymous=True)
    return message(per_route, {"rbac": rules})


def token_rules(*, unless_anonymous: bool) -> Config:
    """Deny a token whose header is not that of our access tokens."""
    bad_type: Config = {
        "or_match": {"value_matchers": [ignoring_case(name) for name in TOKEN_TYPES]}
    }
    bad_algorithm: Config = {"string_match": {"exact": "ES256"}}
    present = header_claim("alg", {"present_match": True})
    rules = {
        "bad-typ": header_claim("typ", bad_type, invert=True),
        "bad-alg": header_claim("alg", bad_algorithm, invert=True),
        "bad-crit": header_claim("crit", {"present_match": True}),
    }
    policies: Config = {}
    for name, rule in rules.items():
        principal = {"and_ids": {"ids": [present, rule]}} if unless_anonymous else rule
        policies[name] = {"permissions": [{"any": True}], "principals": [principal]}
    return {"rules_stat_prefix": "token_", "rules": {"action": "DENY", "policies": policies}}


def header_claim(name: str, value: Config, *, invert: bool = False) -> Config:
    """A condition on a member of the verified token's JOSE header."""
    matcher: Config = {
        "filter": JWT,
        "path": [{"key": "jwt_header"}, {"key": name}],
        "value": value,
        "invert": invert,
    }
    return {"sourced_metadata": {"metadata_matcher": matcher}}


def ignoring_case(text: str) -> Config:
    """A media type, compared without regard to case (RFC 7515 §4.1.9)."""
    return {"string_match": {"exact": text, "ignore_case": True}}


def ask_decision_point(limits: Limits) -> Config:
    """Ask a decision point; if none answers, the response is 503, never an allow."""
    facts = {
        "durward-claims": f"%DYNAMIC_METADATA({JWT}:jwt)%",
        "durward-token-header": f"%DYNAMIC_METADATA({JWT}:jwt_header)%",
        "durward-operation": "%METADATA(ROUTE:durward:operation)%",
        "durward-api": "%METADATA(ROUTE:durward:api)%",
        SOURCE: SOURCE_ADDRESS,
        "durward-tls": "%DOWNSTREAM_TLS_VERSION%",
    }
    return typed_extension(
        AUTHORIZE,
        "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        {
            "failure_mode_allow": False,
            "status_on_error": {"code": "ServiceUnavailable"},
            "allowed_headers": {"patterns": [{"exact": "x-request-id"}, {"exact": "user-agent"}]},
            "http_service": {
                "path_prefix": CHECK_PREFIX,
                "server_uri": {
                    "uri": "http://decision-point",
                    "cluster": DECISION_POINTS,
                    "timeout": seconds(limits.decision_seconds),
                },
                "authorization_request": {
                    "headers_to_add": [
                        {"key": name, "value": value} for name, value in facts.items()
                    ]
                },
                "authorization_response": {
                    "allowed_upstream_headers": {"patterns": [{"prefix": "durward-"}]},
                    "allowed_client_headers": {
                        "patterns": [
                            {"exact": name}
                            for name in (
                                *("content-type", "durward-decision", "www-authenticate"),
                                *("retry-after", "cache-control"),
                            )
                        ]
                    },
                },
            },
        },
    )


def router() -> Config:
    """The last filter; responses carry no headers of Envoy's own."""
    return typed_extension(
        "envoy.filters.http.router",
        "envoy.extensions.filters.http.router.v3.Router",
        {"suppress_envoy_headers": True},
    )
