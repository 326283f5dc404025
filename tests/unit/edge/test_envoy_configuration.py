"""What Envoy is told, concept by concept: each beside the file of JSON that it has to be.

A change that is meant is written by `python -m tests.unit.edge.test_envoy_configuration`, and read
in the diff. That an Envoy takes it, and does what it says, is for tests/e2e and tests/attacks.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from durward.core.address import Address
from durward.core.api import Api
from durward.core.cors import Cors
from durward.core.edge.envoy import (
    bootstrap,
    client_headers,
    clusters,
    cookies,
    cors,
    filters,
    proxies,
    routes,
)
from durward.core.edge.envoy import local_replies as replies
from durward.core.edge.envoy.access_log import access_log
from durward.core.edge.envoy.client_tls import client_cas_secret, client_tls, server_secret
from durward.core.edge.envoy.hsts import hsts
from durward.core.edge.envoy.listeners import chain, listener, listeners, manager
from durward.core.edge.envoy.resources import render
from durward.core.edge.node import ClientCertificates, Limits, Node, Tls, TlsVersion, read_proxies
from durward.core.edge.server_certificate import ServerCertificate
from durward.core.edge.snapshot import Snapshot
from durward.core.openapi.operations import Operation
from durward.core.upstream import HealthCheck, HttpProtocol, ServiceTls, Upstream
from durward.core.values import ApiId, Instant

FOLDER = Path(__file__).parent / "envoy"
GET = Operation("GetOrder", "GET", "/orders/{id}", "orders:GetOrder", scopes=(frozenset({"read"}),))
STATUS = Operation("GetStatus", "GET", "/status", "orders:GetStatus", public=True)
CREATE = Operation("CreateOrder", "POST", "/orders", "orders:CreateOrder")
API = Api(
    ApiId("orders"),
    "https://api.example/orders",
    "default",
    Upstream((Address("orders.internal", 9_000),)),
    (GET, STATUS, CREATE),
    {"read": "read orders"},
)
SERVICE = Upstream(
    (Address("10.0.0.1", 8_443),),
    HttpProtocol.HTTP2,
    "orders.internal",
    ServiceTls("10.0.0.1", "the certificates of its CA"),
    HealthCheck("/healthz", 5, 0.5, 2, 1),
    *(0.25, 90, 600),
)
PUBLIC = Upstream((Address("orders.example", 443),), tls=ServiceTls("orders.example"))
PAGES = replace(
    API,
    cors=Cors(
        ("https://*.example.org:8443", "https://app.example.com"),
        ("if-match",),
        ("etag",),
        credentials=True,
    ),
)
OPTIONS = Operation("Options", "OPTIONS", "/orders", "orders:Options")
KEY = {"kty": "EC", "crv": "P-256", "kid": "k1", "alg": "ES256", "x": "x", "y": "y"}
SNAPSHOT = Snapshot(version=7, issuer="https://id.example", keys=(KEY,), apis=(API,))
LIMITS = Limits()


@cache
def node() -> Node:
    return Node(
        id="edge-1",
        admin=Address("/run/admin.sock"),
        apis=Address("0.0.0.0", 8_443),  # noqa: S104 - nothing listens
        decision_points=(Address("/run/pdp-0.sock"), Address("/run/pdp-1.sock")),
        access_log="/var/refusals.jsonl",
        issuer=Address("::", 9_443),
        control_plane=Address("/run/public.sock"),
    )


TLS = Tls(
    certificate="/etc/tls/tls.crt",
    key="/etc/tls/tls.key",
    issuer_certificate="/etc/id/tls.crt",
    issuer_key="/etc/id/tls.key",
    minimum=TlsVersion.TLS_1_2,
    clients=ClientCertificates.REQUIRE,
    client_ca="/etc/tls/ca.crt",
)


def over_tls() -> Node:
    """A node with one address for the issuer and the APIs."""
    return replace(node(), tls=TLS, issuer=node().apis, own=Address("/run/own.sock"))


BEHIND_A_PREFIX = replace(API, prefix="/shop/api/v3", base_path="/api/v3")
HOSTS_OF_THEIR_OWN = replace(
    SNAPSHOT,
    apis=(
        replace(API, hosts=("a.example", "api.example")),
        replace(
            API, id=ApiId("b"), audience="https://a.example/b", hosts=("b.example", "c.example")
        ),
        replace(API, id=ApiId("others"), audience="https://b.example/others"),
    ),
)


def as_value(config: object) -> Any:
    """What Envoy reads."""
    return json.loads(json.dumps(config))


TWO_HOSTS = replace(
    SNAPSHOT, apis=(API, replace(API, id=ApiId("b"), audience="https://b.example/orders"))
)
CONCEPTS: Mapping[str, Callable[[], object]] = {
    "a guarded operation": lambda: routes.operation_route(API, GET, LIMITS),
    "an operation with declared headers": lambda: routes.operation_route(
        replace(API, headers=("accept-language", "if-match")), GET, LIMITS
    ),
    "an operation that pages may call": lambda: routes.operation_route(PAGES, GET, LIMITS),
    "the preflights of an API": lambda: [
        each.what for each in routes.preflights(replace(SNAPSHOT, apis=(PAGES,)))
    ],
    "the preflights of the other APIs": lambda: [
        each.what for each in routes.preflights(replace(SNAPSHOT, apis=(API, PAGES)))
    ][:3],
    "the routes of an API that pages may call": lambda: routes.api_configuration(
        replace(SNAPSHOT, apis=(PAGES,)), LIMITS
    ),
    "a declared OPTIONS": lambda: routes.operation_route(API, OPTIONS, LIMITS),
    "what a service says of other origins": cors.without_service_cors,
    "one host": filters.one_host,
    "one header of cookies": cookies.one_header,
    "an operation behind a prefix": lambda: {
        name: value
        for name, value in routes.operation_route(BEHIND_A_PREFIX, GET, LIMITS).items()
        if name in {"route", "request_headers_to_add"}
    },
    "the virtual hosts of three APIs": lambda: [
        {
            **host,
            "matcher": sorted(re.findall('"name": "([^"]*:[^"]*)"', json.dumps(host["matcher"]))),
        }
        for host in as_value(routes.api_configuration(HOSTS_OF_THEIR_OWN, LIMITS))["virtual_hosts"]
    ],
    "a public operation": lambda: routes.operation_route(API, STATUS, LIMITS),
    "what is not declared": lambda: routes.nothing_here(404),
    "the metadata of two hosts": lambda: [
        each.what for each in routes.metadata_routes(TWO_HOSTS, routes.described(TWO_HOSTS))
    ],
    "the routes of the APIs": lambda: routes.api_configuration(SNAPSHOT, LIMITS),
    "the routes of the issuer": lambda: routes.issuer_configuration(LIMITS),
    "an upstream by address": lambda: clusters.cluster("api-a", [Address("127.0.0.1", 9_000)]),
    "an upstream by name": lambda: clusters.cluster("api-a", [Address("orders.internal", 80)]),
    "a service with several addresses": lambda: clusters.service(
        replace(API, upstream=Upstream((Address("10.0.0.1", 80), Address("10.0.0.2", 80)))), node()
    ),
    "a service over TLS and HTTP2 with checks": lambda: clusters.service(
        replace(API, upstream=SERVICE), node()
    ),
    "a service by the CAs of the system": lambda: clusters.service(
        replace(API, upstream=PUBLIC), replace(node(), ca_bundle="/etc/ssl/bundle.pem")
    ),
    "a service that cannot be verified": lambda: clusters.service(
        replace(API, upstream=PUBLIC), node()
    ),
    "an operation of a slow service": lambda: routes.operation_route(
        replace(API, upstream=SERVICE), CREATE, LIMITS
    ),
    "the clusters of a node": lambda: list(clusters.clusters(SNAPSHOT, node())),
    "headers that a client may not send": client_headers.strip_identity,
    "our cookies": lambda: [cookies.without_our_cookies(), *cookies.replace_cookie()],
    "the size of a body": lambda: filters.body_limit(LIMITS),
    "the budget of a source": lambda: filters.budget_of_source(LIMITS),
    "the form of credentials": filters.credentials_guard,
    "the signature of a token": lambda: filters.verify_token(SNAPSHOT),
    "the claims of a token": filters.token_guard,
    "the claims of a token for a public operation": filters.token_guard_of_public_operation,
    "the question to a decision point": lambda: filters.ask_decision_point(LIMITS),
    "the order of the filters": lambda: [
        named["name"] for named in json.loads(json.dumps(filters.api_filters(SNAPSHOT, LIMITS, [])))
    ],
    "the answers that are refusals": replies.local_replies,
    "the log of refusals": lambda: access_log("/var/refusals.jsonl"),
    "the overload manager": lambda: bootstrap.overload(LIMITS),
    "the start of Envoy": lambda: bootstrap.bootstrap(node(), "/var/envoy"),
    "a listener": lambda: listener("apis", node().apis, [chain({"name": "its manager"})]),
    "TLS of clients of the APIs": lambda: client_tls(TLS, "/var/envoy"),
    "TLS of clients of the issuer": lambda: client_tls(TLS, "/var/envoy", is_issuer=True),
    "a certificate of a listener": lambda: server_secret(
        "server-tls", ServerCertificate("its chain", "its key", b"", (), Instant(0))
    ),
    "the CAs of clients": lambda: client_cas_secret("their certificates"),
    "stay with TLS": hsts,
    "how requests over TLS are read": lambda: {
        name: value
        for name, value in as_value(manager("apis", [], over_tls(), lambda _: {}))[
            "typed_config"
        ].items()
        if name in {"http_filters", "scheme_header_transformation", "forward_client_cert_details"}
    },
    "one address for the issuer and the APIs": lambda: [
        {
            "name": found["name"],
            "address": found["address"],
            "listener_filters": found.get("listener_filters"),
            "listener_filters_timeout": found.get("listener_filters_timeout"),
            "chains": [
                (
                    each.get("filter_chain_match"),
                    each["filters"][0]["typed_config"]["stat_prefix"],
                    each.get("transport_socket", {}).get("name"),
                    each.get("transport_socket_connect_timeout"),
                )
                for each in found["filter_chains"]
            ],
        }
        for found in as_value(list(listeners(SNAPSHOT, over_tls(), lambda _: {}, [], "/var/envoy")))
    ],
    "the issuer at the address of the APIs": lambda: as_value(
        routes.issuer_configuration(LIMITS, "id.example")
    )["virtual_hosts"][1],
    "the APIs at the address of the issuer": lambda: as_value(
        routes.api_configuration(SNAPSHOT, LIMITS, "id.example")
    )["virtual_hosts"][-1],
    "how requests are read": lambda: manager("apis", [], node(), lambda _: {"rds": {}}),
    "no proxy before the node": lambda: proxies.detection(()),
    "a proxy before the node": lambda: proxies.detection(read_proxies(["10.0.0.7", "10.1.0.0/16"])),
    "what a proxy said is no fact": proxies.without_header,
}


def written(name: str) -> Path:
    return FOLDER / f"{name.replace(' ', '_')}.json"


def as_json(concept: Callable[[], object]) -> str:
    return json.dumps(concept(), indent=1, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", CONCEPTS)
def test_envoy_is_told(name: str) -> None:
    assert as_json(CONCEPTS[name]) == written(name).read_text()


def test_every_file_has_its_concept() -> None:
    assert {written(name) for name in CONCEPTS} == set(FOLDER.glob("*.json"))


def test_the_files_of_a_node_name_each_other() -> None:
    """The routes that a listener names are in a file, and so are the clusters that routes name."""
    found = render(SNAPSHOT, node(), "/var/envoy")
    assert list(found.files) == ["clusters", "apis", "issuer", "listeners"]
    text = json.dumps(found.files["listeners"])
    assert all(f"/var/envoy/{name}/{name}.json" in text for name in ("apis", "issuer"))
    known = {each["name"] for each in json.loads(json.dumps(found.files["clusters"]))["resources"]}
    assert known == {"decision-points", "control-plane", "nowhere", "api-orders"}
    assert '"cluster": "api-orders"' in json.dumps(found.files["apis"])


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in FOLDER.glob("*.json"):
        each.unlink()
    for title, concept in CONCEPTS.items():
        written(title).write_text(as_json(concept))
