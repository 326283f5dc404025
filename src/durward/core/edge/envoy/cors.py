"""CORS: preflights are answered here, and what a service says about it is replaced (API8:2023).

Envoy's filter answers preflights of routes to a cluster, but not of direct responses. It would
forward those of other origins by default, writes no `Vary`, and leaves headers of the service.
"""

import re

from durward.core.api import Api
from durward.core.cors import ANY_ORIGIN, Cors
from durward.core.edge.envoy.types import Config, message, typed_extension
from durward.core.openapi.operations import Operation
from durward.core.openapi.router import methods_of, path_regex
from durward.core.wire import JsonLike

CORS = "envoy.filters.http.cors"
POLICY = "envoy.extensions.filters.http.cors.v3.CorsPolicy"
SERVICE_CORS = "durward.service-cors"
NOWHERE = "nowhere"
"""A cluster without addresses: the route of what the filter answers leads there."""
ORIGIN, WANTED_METHOD = "origin", "access-control-request-method"
ALLOWED_HEADERS = ("authorization", "content-type")
EXPOSED_HEADERS = ("durward-decision", "retry-after", "www-authenticate")
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


def answer_preflights() -> Config:
    """The filter: it comes before all that may refuse, so that a page can read a refusal."""
    return typed_extension(CORS, "envoy.extensions.filters.http.cors.v3.Cors")


def without_service_cors() -> Config:
    """Remove the service's own headers, also for an API without CORS: the edge alone decides."""
    own: Config = {"prefix": "access-control-", "ignore_case": True}
    return typed_extension(
        SERVICE_CORS,
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        {"mutations": {"response_mutations": [{"remove_on_match": {"key_matcher": own}}]}},
    )


def keep_cors() -> Config:
    """Keep the headers of a response that the edge itself gives: it passes the filters too."""
    return message("envoy.config.route.v3.FilterConfig", {"disabled": True})


def cors_on_route(cors: Cors) -> Config:
    """The permissions at a request itself: who may read its response, and what of it."""
    return message(
        POLICY,
        {
            **permissions(cors),
            "expose_headers": ", ".join(dict.fromkeys((*EXPOSED_HEADERS, *cors.expose))),
        },
    )


def preflight_answer(cors: Cors, operation: Operation) -> Config:
    """The permissions that a preflight asks for."""
    return message(
        POLICY,
        {
            **permissions(cors),
            "allow_methods": ", ".join(methods_of(operation.method)),
            "allow_headers": ", ".join(dict.fromkeys((*ALLOWED_HEADERS, *cors.headers))),
            "max_age": str(cors.max_age_seconds),
            # A preflight of another origin is answered too, without a permission.
            "forward_not_matching_preflights": False,
        },
    )


def permissions(cors: Cors) -> Config:
    """The origins, and whether browsers send cookies along."""
    return {
        "allow_origin_string_match": [origin_matcher(origin) for origin in cors.origins],
        "allow_credentials": cors.credentials,
    }


def origin_matcher(origin: str) -> Config:
    """The origins that a declared one stands for, as a whole and in lower case."""
    if origin == ANY_ORIGIN or "*" not in origin:
        return {"exact": origin}
    scheme, _, domain = origin.partition("*")
    return {"safe_regex": {"regex": f"{re.escape(scheme)}{LABEL}{re.escape(domain)}"}}


def vary() -> list[JsonLike]:
    """Without it a cache would give one origin's response to another (RFC 9110 §12.5.5)."""
    value: Config = {"key": "vary", "value": "Origin"}
    return [{"header": value, "append_action": "APPEND_IF_EXISTS_OR_ADD"}]


def preflight_route(api: Api, operation: Operation) -> Config:
    """The route of preflights for an operation of an API with CORS; it leads to no service."""
    assert api.cors is not None  # noqa: S101 - the others have `no_preflight`
    return {
        "name": f"{api.id}:preflight",
        "match": preflight_match(operation),
        "route": {"cluster": NOWHERE},
        "typed_per_filter_config": {
            CORS: preflight_answer(api.cors, operation),
            SERVICE_CORS: keep_cors(),
        },
    }


def preflight_match(operation: Operation) -> Config:
    """The path of an operation, asked for by a page; the tree has the method that it asks for."""
    return {
        "safe_regex": {"regex": path_regex(operation.path)},
        "headers": [{"name": ORIGIN, "present_match": True}],
    }


def is_no_preflight() -> list[JsonLike]:
    """The condition of a declared OPTIONS operation: no preflight reaches a service."""
    return [{"name": WANTED_METHOD, "present_match": True, "invert_match": True}]
