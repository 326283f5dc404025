"""Routes: the inventory of declared operations; all other requests get 404 (ZT-1)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from durward.core.api import Api
from durward.core.authzen.pdp_metadata import SURFACE as DECISIONS
from durward.core.authzen.requests import MAX_BODY_BYTES
from durward.core.edge.envoy.client_headers import MUTATION, only_declared
from durward.core.edge.envoy.clusters import CONTROL_PLANE, service_host, upstream
from durward.core.edge.envoy.cors import (
    CORS,
    SERVICE_CORS,
    cors_on_route,
    is_no_preflight,
    keep_cors,
    preflight_match,
    preflight_route,
    vary,
)
from durward.core.edge.envoy.filters import (
    AUTHORIZE,
    BUFFER,
    CREDENTIALS_GUARD,
    SOURCE,
    SOURCE_ADDRESS,
    SOURCE_BUDGET,
    TOKEN_GUARD,
    body_held_on_route,
    budget_on_route,
    public_body,
    token_guard_of_public_operation,
)
from durward.core.edge.envoy.tree import PREFLIGHT, tree
from durward.core.edge.envoy.types import JWT, Config, message, seconds, typed_extension
from durward.core.edge.node import Limits
from durward.core.edge.snapshot import Snapshot
from durward.core.host import host_of_url
from durward.core.oauth import protected_resource
from durward.core.oauth.metadata import SURFACE
from durward.core.openapi.operations import Operation
from durward.core.openapi.router import Route, by_hosts, methods_of, path_regex
from durward.core.wire import JsonLike, compact_json

Served: TypeAlias = Sequence[Config] | Api
"""Routes of an operation, or the API whose metadata is served."""
API_ROUTES = "apis"
ISSUER_ROUTES = "issuer"
ELSEWHERE = "misdirected"
NOT_FOUND, MISDIRECTED, UNAVAILABLE = 404, 421, 503
SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
"""Methods that may be retried (RFC 9110 §9.2.1)."""
METADATA_BYTES = 65_536
"""The largest metadata of an API, which Envoy serves itself: some thousand scopes. Envoy's default
is 4 096 bytes, about a hundred scopes."""


def api_configuration(snapshot: Snapshot, limits: Limits, issuer_host: str = "") -> Config:
    """The routes of the APIs listener: their metadata and operations, then the last route.

    `issuer_host` is the issuer's, if it has the same address: the connection was not for it.
    Hosts that serve the same APIs have one virtual host; all that no API names have another.
    """
    declared: list[Route[Served]] = [
        *(
            Route(one.method, one.path, (operation_route(api, one, limits),), api.hosts)
            for api in snapshot.apis
            for one in api.operations
        ),
        *described(snapshot),
        *preflights(snapshot),
    ]
    nothing = nothing_here(undeclared_status(snapshot))
    hosts: list[JsonLike] = []
    for names, served in by_hosts(declared).items():
        name = f"{API_ROUTES}:{names[0]}" if names else API_ROUTES
        matcher = tree(routes_of(snapshot, served), nothing)
        hosts.append({"name": name, "domains": list(names) or ["*"], "matcher": matcher})
    if issuer_host:
        hosts.append(misdirected(issuer_host))
    return configuration(API_ROUTES, hosts)


def preflights(snapshot: Snapshot) -> Iterator[Route[Sequence[Config]]]:
    """The routes of preflights for all operations, if an API has CORS at all.

    Also for those of the other APIs, else a less specific path of an API with CORS would answer.
    """
    if any(api.cors for api in snapshot.apis):
        for api in snapshot.apis:
            for one in api.operations:
                what = preflight_route(api, one) if api.cors else no_preflight(one)
                yield Route(f"{PREFLIGHT}{one.method}", one.path, (what,), api.hosts)


def no_preflight(operation: Operation) -> Config:
    """The route of preflights for an operation of an API without CORS: 404, as undeclared."""
    return {**nothing_here(NOT_FOUND), "match": preflight_match(operation)}


def issuer_configuration(limits: Limits, host: str = "") -> Config:
    """The routes of the listener of the issuer: an allow-list, then the last route.

    `host` is the issuer's, if it shares its address: no other host is served then.
    """
    routes: list[JsonLike] = [*issuer_routes(limits), nothing_here(NOT_FOUND)]
    issuer: Config = {"name": ISSUER_ROUTES, "domains": [host or "*"], "routes": routes}
    return configuration(ISSUER_ROUTES, [issuer, *([misdirected("*")] if host else [])])


def misdirected(host: str) -> Config:
    """A virtual host for which this connection was not made (RFC 9110 §15.5.20)."""
    route = {**nothing_here(MISDIRECTED), "name": ELSEWHERE}
    return {"name": ELSEWHERE, "domains": [host], "routes": [route]}


def configuration(name: str, hosts: list[JsonLike]) -> Config:
    """The virtual hosts of a listener; the port of a request does not count (RFC 9110 §7.2)."""
    return message(
        "envoy.config.route.v3.RouteConfiguration",
        {
            "name": name,
            "virtual_hosts": hosts,
            "ignore_port_in_host_matching": True,
            "response_headers_to_remove": ["server", "x-powered-by"],
            "validate_clusters": True,
            "max_direct_response_body_size_bytes": METADATA_BYTES,
        },
    )


def operation_route(api: Api, operation: Operation, limits: Limits) -> Config:
    """The route of a declared operation: the token is verified, then the request is decided."""
    requirement = f"{api.id}:{'public' if operation.public else 'token'}"
    per_filter: Config = {
        JWT: message(
            "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig",
            {"requirement_name": requirement},
        )
    }
    if operation.public:
        per_filter[TOKEN_GUARD] = token_guard_of_public_operation()
        per_filter[SOURCE_BUDGET] = budget_on_route(limits)
        per_filter[BUFFER] = body_held_on_route(public_body(limits))
    if api.headers is not None:
        per_filter[MUTATION] = only_declared(api.headers)
    if api.cors:
        per_filter[CORS] = cors_on_route(api.cors)
    return {
        "name": f"{api.id}:{operation.id}",
        "match": {
            "safe_regex": {"regex": path_regex(operation.path)},
            "headers": [
                is_one_of(methods_of(operation.method)),
                *(is_no_preflight() if operation.method == "OPTIONS" else ()),
            ],
        },
        **({"response_headers_to_add": vary()} if api.cors else {}),
        "route": {
            "cluster": upstream(api.id),
            **times(api, limits),
            # Not the client's host: it could be any, for example by an absolute request target.
            "host_rewrite_literal": service_host(api),
            **at_service(api),
            **retry_policy(api, operation),
        },
        "metadata": {
            "filter_metadata": {
                "durward": {
                    "api": api.id,
                    "operation": operation.id,
                    "action": operation.action,
                    "path": operation.path,
                    "resource_metadata": protected_resource.metadata_url(api.audience),
                    "scope": " ".join(sorted(operation.asked_scopes)),
                }
            }
        },
        "typed_per_filter_config": per_filter,
        **removed_prefix(api),
    }


def times(api: Api, limits: Limits) -> Config:
    """The times of an API's service; the limits of the node where it declares none."""
    declared = api.upstream
    idle = declared.idle_seconds
    return {
        "timeout": seconds(declared.request_seconds or limits.request_seconds),
        **({"idle_timeout": seconds(idle)} if idle else {}),
    }


def retry_policy(api: Api, operation: Operation) -> Config:
    """Send a request again that has not reached a service, to another address if there are several.

    That is, where no connection was made, or an HTTP/2 service refused the stream (RFC 9113 §8.7).
    A safe request is also sent again if the connection broke before any response: the service may
    have closed it. The decision stays; the timeout of the request covers all attempts.
    """
    unsent = "connect-failure,refused-stream"
    policy: Config = {
        "retry_on": f"reset,{unsent}" if operation.method in SAFE_METHODS else unsent,
        "num_retries": 1,
    }
    if api.upstream.may_have_others:
        policy |= {
            "num_retries": 2,
            # Another address need not recover first.
            "retry_back_off": {"base_interval": seconds(0.005), "max_interval": seconds(0.05)},
            "retry_host_predicate": [
                typed_extension(
                    "envoy.retry_host_predicates.previous_hosts",
                    "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
                )
            ],
            "host_selection_retry_max_attempts": 5,
        }
    return {"retry_policy": policy}


def routes_of(
    snapshot: Snapshot, served: Iterable[Route[Served]]
) -> Iterator[Route[Sequence[Config]]]:
    """The routes of a virtual host: metadata of APIs, and operations."""
    apis: list[Route[Api]] = []
    for route in served:
        if isinstance(route.what, Api):
            apis.append(Route(route.method, route.template, route.what))
        else:
            yield Route(route.method, route.template, route.what)
    yield from metadata_routes(snapshot, apis)


def described(snapshot: Snapshot) -> Iterator[Route[Api]]:
    """Where the metadata of each protected resource is, at the path of RFC 9728 §3.1.

    It is served where the API is, and where its challenge leads: at the host of its audience.
    """
    named = {host for api in snapshot.apis for host in api.hosts}
    for api in snapshot.apis:
        path = protected_resource.metadata_path(api.audience)
        own = host_of_url(api.audience)
        leads = (own,) if own in named else ()
        for hosts in sorted({api.hosts} if own in api.hosts else {api.hosts, leads}):
            yield Route("GET", path, api, hosts)


def metadata_routes(
    snapshot: Snapshot, described: Iterable[Route[Api]]
) -> Iterator[Route[Sequence[Config]]]:
    """The metadata of a virtual host, each path once.

    Resources that differ only by their host have the same path: then the host decides.
    """
    sharing: dict[str, list[Api]] = {}
    for route in described:
        sharing.setdefault(route.template, []).append(route.what)
    for path, apis in sharing.items():
        hosts = [host_of(api) if len(apis) > 1 else None for api in apis]
        routes = [
            metadata_route(snapshot, api, path, host) for api, host in zip(apis, hosts, strict=True)
        ]
        yield Route("GET", path, routes)


def metadata_route(snapshot: Snapshot, api: Api, path: str, host: str | None) -> Config:
    """The route of a protected resource's metadata (RFC 9728 §3): public, and without a service."""
    document = protected_resource.metadata(api.audience, snapshot.issuer, api.scopes)
    named: Config = {"name": ":authority", "string_match": {"exact": host, "ignore_case": True}}
    return {
        "name": f"{api.id}:metadata",
        "match": {
            "path": path,
            "headers": [is_one_of(methods_of("GET")), *([named] if host else [])],
        },
        "direct_response": {
            "status": 200,
            "body": {"inline_string": compact_json(document).decode()},
        },
        # It is public and without credentials: pages of any origin may read it, as at the issuer.
        "response_headers_to_add": [
            header("content-type", "application/json"),
            header("access-control-allow-origin", "*"),
        ],
        "typed_per_filter_config": {**unguarded(), SERVICE_CORS: keep_cors()},
    }


def host_of(api: Api) -> str:
    """The host under which clients reach an API, as they send it (RFC 9110 §7.2)."""
    return urlsplit(api.audience).netloc


def at_service(api: Api) -> Config:
    """The path at the service: its base path in place of the prefix, the rest and the query kept.

    Encoded bytes stay as they are, and templates begin with the prefix, so that nothing is left of
    it elsewhere.
    """
    if api.prefix == api.base_path:
        return {}
    pattern: Config = {"regex": f"^{re.escape(api.prefix)}(/.*)$"}
    return {"regex_rewrite": {"pattern": pattern, "substitution": rf"{api.base_path}\1"}}


def removed_prefix(api: Api) -> Config:
    """Tell the service which prefix it does not see, for its links; a client cannot send it.

    Only if nothing else is replaced: then its paths behind this prefix are those of clients.
    """
    removed = api.prefix.removesuffix(api.base_path)
    if not removed or removed + api.base_path != api.prefix:
        return {}
    return {"request_headers_to_add": [header("x-forwarded-prefix", removed)]}


def is_one_of(methods: Sequence[str]) -> Config:
    """The request has one of these methods."""
    one = {"exact": methods[0]}
    any_of = {"safe_regex": {"regex": "|".join(methods)}}
    return {"name": ":method", "string_match": any_of if len(methods) > 1 else one}


def issuer_routes(limits: Limits) -> Iterator[Config]:
    """The surface of the authorization server and the decision point, method by method."""
    larger: Config = {BUFFER: body_held_on_route(min(limits.body_bytes, MAX_BODY_BYTES))}
    for method, path in (*SURFACE, *DECISIONS):
        yield {
            "typed_per_filter_config": larger if (method, path) in DECISIONS else {},
            "match": {
                "path": path,
                "headers": [{"name": ":method", "string_match": {"exact": method}}],
            },
            "route": {"cluster": CONTROL_PLANE, "timeout": seconds(limits.request_seconds)},
            "request_headers_to_add": [header(SOURCE, SOURCE_ADDRESS)],
        }


def undeclared_status(snapshot: Snapshot) -> int:
    """The status for undeclared paths: 503 if there is no snapshot, which would declare them."""
    return NOT_FOUND if snapshot.version else UNAVAILABLE


def nothing_here(status: int) -> Config:
    """The last route: it answers before any authentication."""
    return {
        "name": "undeclared",
        "match": {"prefix": "/"},
        "direct_response": {"status": status},
        "typed_per_filter_config": unguarded(),
    }


def unguarded() -> Config:
    """Switch the guards off for responses that Envoy gives without a service."""
    disabled = message("envoy.config.route.v3.FilterConfig", {"disabled": True})
    return dict.fromkeys((CREDENTIALS_GUARD, JWT, TOKEN_GUARD, AUTHORIZE), disabled)


def header(name: str, value: str) -> Config:
    """A header that replaces any former value."""
    return {
        "header": {"key": name, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
