"""What is declared fits together, or nothing of it is taken."""

from typing import Any

import pytest

from durward.core.configuration.configuration import Configuration, read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Misconfigured

OPENAPI = {"openapi": "3.1.0", "paths": {"/a": {"get": {"operationId": "Get"}}}}
ALLOW: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
OF_AN_API = {**ALLOW, "Statement": [{**ALLOW["Statement"][0], "Principal": "*"}]}
WEB = {"tenant": "acme", "redirect_uris": ["https://web.example/"]}
GOOD: dict[str, dict[str, dict[str, Any]]] = {
    "tenants": {"acme": {}},
    "policies": {"all": ALLOW, "cap": ALLOW},
    "roles": {"clerk": {"policies": ["all"], "boundary": ["cap"]}},
    "apis": {"orders": {"audience": "http://api", "upstream": "127.0.0.1:80", "openapi": OPENAPI}},
    "clients": {"job": {"tenant": "acme", "grants": ["client_credentials"], "apis": ["orders"]}},
    "users": {"ann": {"tenant": "acme", "roles": ["clerk"], "policies": ["all"]}},
}


def configuration(**changes: dict[str, dict[str, Any]]) -> Configuration:
    declared = {kind: {**bodies, **changes.get(kind, {})} for kind, bodies in GOOD.items()}
    return read_configuration(
        Declaration(DeclarationKind(kind), name, body)
        for kind, bodies in declared.items()
        for name, body in bodies.items()
    )


def test_what_fits_is_one_value() -> None:
    found = configuration()
    assert found.users["ann"].roles == ("clerk",)
    assert found.apis["orders"].operations[0].action == "orders:Get"
    assert found.users["ann"].policies == ("all",)
    assert found.bundle.identity == {"role/clerk": ("all",)}, "people are not in what is published"
    assert found.bundle.boundaries == {"role/clerk": ("cap",)}


@pytest.mark.parametrize(
    ("declared", "known"),
    [(None, None), ([], ()), (["if-match", "accept-language"], ("accept-language", "if-match"))],
)
def test_an_api_names_the_headers_that_its_service_gets(
    declared: list[str] | None, known: tuple[str, ...] | None
) -> None:
    orders = {**GOOD["apis"]["orders"], "headers": declared}
    assert configuration(apis={"orders": orders}).apis["orders"].headers == known


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"users": {"eve": {}}}, "missing required field `tenant`"),
        ({"users": {"eve": {"tenant": "acme", "role": []}}}, "unknown field `role`"),
        ({"users": {"eve": {"tenant": "emca"}}}, "tenant names `emca`, which is not declared"),
        ({"users": {"eve": {"tenant": "acme", "roles": ["x"]}}}, "roles names `x`"),
        ({"users": {"e:e": {"tenant": "acme"}}}, "a name is "),
        ({"users": {"job": {"tenant": "acme"}}}, "ids of people are so"),
        *(
            (
                {"policies": {"of": OF_AN_API}, "users": {"eve": {"tenant": "acme", name: ["of"]}}},
                "users/eve: policy `of` is one of an API",
            )
            for name in ("policies", "boundary")
        ),
        (
            {
                "policies": {f"p{number}": GOOD["policies"]["cap"] for number in range(11)},
                "users": {
                    "eve": {
                        "tenant": "acme",
                        "policies": [f"p{number}" for number in range(11)],
                        "boundary": [f"p{number}" for number in range(10)],
                    }
                },
            },
            "users/eve: 21 policies of their own, those of the boundary among them, and 20 are",
        ),
        ({"roles": {"r": {"policies": ["x"]}}}, "policies names `x`"),
        *(
            ({"apis": {"orders": {**GOOD["apis"]["orders"], "stage": stage}}}, "is no stage")
            for stage in ("", "prod:acme", "*", "${x")
        ),
        *(
            ({"apis": {"orders": {**GOOD["apis"]["orders"], "headers": headers}}}, told)
            for headers, told in (
                (["Accept"], "`Accept` is not a header's name"),
                (["x_user"], "`x_user` is not a header's name"),
                (["a b"], "`a b` is not a header's name"),
                ([""], "`` is not a header's name"),
                ([":path"], "`:path` is not a header's name"),
                ([f"x-{number}" for number in range(101)], "more than 100"),
            )
        ),
        ({"policies": {"all": {"Version": "1"}}}, "`Version` is `2012-10-17`"),
        ({"policies": {"loose": {"Version": "1"}}}, "`Version` is `2012-10-17`"),
        ({"clients": {"c": {"tenant": "acme", "grants": ["password"]}}}, "is not a grant"),
        ({"clients": {"c": {"tenant": "acme", "authentication": "x"}}}, "authentication is one"),
        (
            {
                "clients": {
                    "c": {
                        "tenant": "acme",
                        "authentication": "none",
                        "grants": ["client_credentials"],
                    }
                }
            },
            "a public client cannot act for itself",
        ),
        (
            {"clients": {"c": {"tenant": "acme", "authentication": "private_key_jwt"}}},
            "needs `jwks`",
        ),
        ({"clients": {"c": {"tenant": "acme"}}}, "needs `redirect_uris`"),
        *(
            ({"clients": {"c": {**WEB, "jwks": jwks}}}, told)
            for jwks, told in (
                ({"keys": "none"}, "`jwks`: "),
                ({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, "`jwks`"),
            )
        ),
        (
            {"clients": {"c": {**WEB, "authentication": "private_key_jwt", "jwks": {"keys": []}}}},
            "`jwks`",
        ),
        ({"clients": {"c": {**WEB, "authzen_apis": ["orders"]}}}, "needs the grant client_cred"),
        ({"clients": {"c": {**WEB, "redirect_uris": ["https://*.example/"]}}}, "example/`: "),
        (
            {"clients": {"c": {**WEB, "post_logout_redirect_uris": ["http://a.example/"]}}},
            "`http://a.example/`: ",
        ),
        ({"apis": {"two": {**GOOD["apis"]["orders"], "keys": {"x": {}}}}}, "`x` is not a key"),
        ({"apis": {"Orders": GOOD["apis"]["orders"]}}, "a name is "),
        ({"apis": {"two": GOOD["apis"]["orders"]}}, "has the audience of"),
        (
            {"apis": {"two": {**GOOD["apis"]["orders"], "audience": "http://other"}}},
            "apis/two: `GET /a` answers the same requests as `GET /a` of apis/orders",
        ),
        ({"apis": {"two": {**GOOD["apis"]["orders"], "audience": "x"}}}, "resource identifier"),
        *(
            ({"apis": {"two": {**GOOD["apis"]["orders"], "audience": f"https://{url}"}}}, told)
            for url, told in {
                "u:p@a.example": "resource identifier",
                "a.example/a/../b": "resource identifier",
                "a.example//b": "resource identifier",
                "a.example/%2e": "resource identifier",
                "a.example/x\n": "resource identifier",
            }.items()
        ),
        ({"apis": {"two": {**GOOD["apis"]["orders"], "upstream": "x"}}}, "not an address"),
        ({"apis": {"two": {**GOOD["apis"]["orders"], "openapi": {}}}}, "not an OpenAPI 3"),
    ],
)
def test_what_does_not_fit_is_told(changes: dict[str, dict[str, Any]], told: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        configuration(**changes)
    assert told in caught.value.problem


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("localhost:9000", "localhost:9000"),
        ("orders.internal:80", "orders.internal:80"),
        ("127.0.0.1:9000", "127.0.0.1:9000"),
        ("[::1]:9000", "[::1]:9000"),
        ("unix:/run/orders@1.sock", "unix:/run/orders@1.sock"),
        ("http://orders.internal", "orders.internal:80"),
        ("http://orders.internal:9000", "orders.internal:9000"),
        ("HTTP://Orders.Internal", "orders.internal:80"),
        ("http://127.0.0.1", "127.0.0.1:80"),
        ("http://[::1]", "[::1]:80"),
        ("http://[::1]:9000", "[::1]:9000"),
        ("https://orders.internal", "orders.internal:443"),
        ("HTTPS://orders.internal:8443", "orders.internal:8443"),
    ],
)
def test_a_service_is_at_a_socket_an_address_or_a_name(written: str, read: str) -> None:
    found = configuration(apis={"orders": {**GOOD["apis"]["orders"], "upstream": written}})
    assert str(*found.apis["orders"].upstream.addresses) == read


@pytest.mark.parametrize(
    ("upstream", "told"),
    [
        ("h2c://orders.internal:80", "; write `http://` and `protocol: http2`"),
        ("grpc://orders.internal:80", "; write `http://` and `protocol: http2`"),
        ("grpcs://orders.internal", "; write `https://` and `protocol: http2`"),
        ("ftp://orders.internal", "not an address"),
        ("://orders.internal:80", "not an address"),
        ("http://orders.internal/v1", "has a path"),
        ("http://orders.internal/", "has a path"),
        ("http://orders.internal?a", "has a path"),
        ("http://orders.internal#a", "has a path"),
        ("http://unix:/run/x.sock", "has a path"),
        ("orders.internal:80/v1", "has a path"),
        ("//orders.internal:80", "has a path"),
        ("http://ann:secret@orders.internal", "has a user name, which is never sent"),
        ("ann:secret@orders.internal:80", "has a user name, which is never sent"),
        ("https://ann:secret@orders.internal", "has a user name, which is never sent"),
        ("orders.internal", "a port is missing"),
        ("orders.internal:*", "a port is missing"),
        ("*:80", "not a host name"),
        ("http://*.internal", "not a host name"),
        ("http://", "a port is missing"),
        ("orders_1:80", "not a host name"),
        ("::1:80", "IPv6 is written in brackets"),
        ("127.1:80", "a host name does not end with a number"),
    ],
)
def test_what_the_edge_could_not_reach_is_refused_with_what_to_write(
    upstream: str, told: str
) -> None:
    with pytest.raises(Misconfigured) as caught:
        configuration(apis={"orders": {**GOOD["apis"]["orders"], "upstream": upstream}})
    assert "apis/orders: upstream: " in caught.value.problem
    assert told in caught.value.problem
    assert "; write " in caught.value.problem
    assert "secret" not in caught.value.problem


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(Misconfigured) as caught:
        configuration(users={"eve": {}}, roles={"r": {"policies": ["x"]}})
    assert "users/eve" in caught.value.problem
    assert "roles/r" in caught.value.problem


@pytest.mark.parametrize("spelling", ["http://API.example/a", "http://api.example/a/"])
def test_two_resources_with_one_place_for_their_metadata_are_refused(spelling: str) -> None:
    """RFC 9728 §3.3: who asks refuses a document that names another resource."""
    openapi = {"openapi": "3.1.0", "paths": {"/b": {"get": {}}}}
    one = {**GOOD["apis"]["orders"], "audience": "http://api.example/a"}
    other = {**one, "audience": spelling, "openapi": openapi}
    with pytest.raises(Misconfigured, match="has the audience of `one`"):
        configuration(apis={"one": one, "two": other})


@pytest.mark.parametrize(
    ("place", "prefix", "base_path", "path"),
    [
        ({}, "/api/v3", "/api/v3", "/api/v3/a"),
        ({"prefix": "/pets"}, "/pets", "/api/v3", "/pets/a"),
        ({"prefix": "/"}, "", "/api/v3", "/a"),
        ({"prefix": ""}, "", "/api/v3", "/a"),
        ({"base_path": "/"}, "", "", "/a"),
        ({"base_path": "/shop/"}, "/shop", "/shop", "/shop/a"),
        ({"base_path": "", "prefix": "/shop/"}, "/shop", "", "/shop/a"),
    ],
)
def test_clients_ask_under_the_prefix_and_the_service_serves_under_the_base_path(
    place: dict[str, str], prefix: str, base_path: str, path: str
) -> None:
    """OpenAPI 3.1.1 §4.8.5. Actions stay those of the document."""
    document = {**OPENAPI, "servers": [{"url": "https://x.example/api/v3"}]}
    found = configuration(apis={"orders": {**GOOD["apis"]["orders"], "openapi": document, **place}})
    api = found.apis["orders"]
    assert (api.prefix, api.base_path, api.operations[0].path) == (prefix, base_path, path)
    assert api.operations[0].action == "orders:Get"


@pytest.mark.parametrize(
    ("hosts", "notes"), [([], 0), (["API"], 0), (["api", "b.example"], 0), (["b.example"], 1)]
)
def test_an_audience_at_another_host_is_noted(hosts: list[str], notes: int) -> None:
    """RFC 9728 §3.3: clients compare the resource with the URL that they asked for."""
    found = configuration(apis={"orders": {**GOOD["apis"]["orders"], "hosts": hosts}})
    assert len([note for note in found.inventories["orders"].notes if "/audience" in note]) == notes


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ({"hosts": ["*.example"]}, "`hosts`: `*.example`: wildcards are not supported"),
        ({"hosts": ["a.example:1"]}, "`hosts`: `a.example:1` has a port"),
        ({"hosts": [f"h{n}.example" for n in range(21)]}, "`hosts` has more than 20"),
        ({"prefix": "shop"}, "`prefix`: `shop`: write whole segments of literal text"),
        ({"prefix": "/{shop}"}, "`prefix`: `/{shop}`: write whole segments"),
        ({"prefix": "/a//b"}, "write whole segments"),
        ({"prefix": "/a/.."}, "has a dot segment"),
        ({"prefix": "/%41"}, "write whole segments"),
        ({"base_path": "/a?b"}, "`base_path`: `/a?b`: write whole segments"),
        ({"base_path": "/:v"}, "`:v` would be literal text"),
        ({"prefix": "/" + "x" * 999}, "longer than 1000 characters"),
        (
            {"prefix": "/.well-known/oauth-protected-resource"},
            "`GET /.well-known/oauth-protected-resource/a`: reserved",
        ),
    ],
)
def test_a_place_that_cannot_be_is_told(place: dict[str, Any], told: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        configuration(apis={"orders": {**GOOD["apis"]["orders"], **place}})
    assert told in caught.value.problem


@pytest.mark.parametrize(
    ("one", "other", "fits"),
    [
        ({}, {}, False),
        ({"hosts": ["a.example"]}, {}, True),
        ({"hosts": ["a.example", "b.example"]}, {"hosts": ["B.Example"]}, False),
        ({"hosts": ["a.example"]}, {"hosts": ["b.example"]}, True),
        ({"prefix": "/one"}, {}, True),
        ({"prefix": "/one"}, {"prefix": "/two"}, True),
        ({"prefix": "/one"}, {"prefix": "/one"}, False),
        ({"prefix": "/one"}, {"prefix": "/one", "hosts": ["a.example"]}, True),
    ],
)
def test_two_services_with_the_same_paths_are_told_apart_by_host_or_prefix(
    one: dict[str, Any], other: dict[str, Any], fits: bool
) -> None:
    apis = {
        name: {**GOOD["apis"]["orders"], "audience": f"http://{name}", **place}
        for name, place in (("orders", one), ("other", other))
    }
    if fits:
        assert len(configuration(apis=apis).apis) == 2
    else:
        with pytest.raises(Misconfigured) as caught:
            configuration(apis=apis)
        assert "answers the same requests as" in caught.value.problem
        assert "give one of them a `prefix` or `hosts` of its own" in caught.value.problem


@pytest.mark.requirement("AS-20")
@pytest.mark.parametrize(
    ("first_party", "authentication", "asks"),
    [
        (True, "client_secret_basic", False),
        (True, "none", True),
        (False, "client_secret_basic", True),
    ],
)
def test_people_are_asked_unless_the_client_is_ours_and_proves_it(
    first_party: bool, authentication: str, asks: bool
) -> None:
    body = {**WEB, "first_party": first_party, "authentication": authentication}
    found = configuration(clients={"c": body}).clients["c"]
    assert found.asks_nobody is not asks


def test_a_client_that_proves_itself_otherwise_is_known_by_that() -> None:
    """What its former proof got is revoked then."""
    found = configuration(
        clients={
            "c": WEB,
            "d": {**WEB, "authentication": "client_secret_post"},
            "e": {**WEB, "authentication": "none"},
        }
    ).clients
    assert found["c"].has_secret
    assert found["c"].proves_itself_by == found["d"].proves_itself_by
    assert found["c"].proves_itself_by != found["e"].proves_itself_by
