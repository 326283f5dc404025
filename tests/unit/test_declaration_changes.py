"""What changes in a declaration, line by line, and what may allow more."""

from typing import Any

import pytest
from tests.certificates import Authority

from durward.core.certificates import summarize_certificates
from durward.core.configuration.configuration import Configuration, read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.configuration.declaration_changes import Sides, details
from durward.core.difference import Detail
from durward.core.openapi.operation_changes import operation_changes
from durward.core.openapi.operations import Operation
from durward.core.policy.analysis.statement_changes import policy_changes, policy_end
from durward.core.values import Instant

NO_DELETE = {"Sid": "NoDelete", "Effect": "Deny", "Action": "o:Delete", "Resource": "*"}
READ = {"Sid": "Read", "Effect": "Allow", "Action": ["o:Get"], "Resource": "*"}
BROAD = {
    "Sid": "Read",
    "Effect": "Allow",
    "Action": ["o:Get"],
    "Resource": "*",
    "Condition": {"StringEquals": {"durward:ClientId": ["desk"]}},
}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "O", "version": "1"},
    "components": {"securitySchemes": {"s": {"type": "openIdConnect", "openIdConnectUrl": "/"}}},
    "paths": {"/o": {"get": {"operationId": "Get", "security": [{"s": ["o:read"]}]}}},
}
CAS = [Authority(name).pem for name in ("one", "two")]
SUBJECTS = [summarize_certificates(ca)[0] for ca in CAS]
API = {"audience": "https://o.example", "upstream": "127.0.0.1:1", "openapi": DOCUMENT}
PUSHES = "require_pushed_authorization_requests"
JOB = {"tenant": "acme", "grants": ["client_credentials"], "apis": ["o"]}


def policy(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def configuration(kind: DeclarationKind, body: dict[str, Any]) -> Configuration:
    """A configuration in which `x` of a kind has the body."""
    others = {
        (DeclarationKind.TENANT, "acme"): {},
        (DeclarationKind.TENANT, "globex"): {},
        (DeclarationKind.POLICY, "read"): policy(READ),
        (DeclarationKind.POLICY, "freeze"): policy(NO_DELETE),
        (DeclarationKind.ROLE, "clerk"): {"policies": ["read"]},
        (DeclarationKind.ROLE, "frozen"): {"policies": ["freeze"]},
        (DeclarationKind.API, "o"): API,
    }
    name = "o" if kind is DeclarationKind.API else "x"
    return read_configuration(
        Declaration(*key, found) for key, found in {**others, (kind, name): body}.items()
    )


def lines(
    kind: DeclarationKind, before: dict[str, Any], after: dict[str, Any]
) -> list[tuple[str, bool]]:
    sides = Sides(configuration(kind, before), configuration(kind, after), Instant(0))
    name = "o" if kind is DeclarationKind.API else "x"
    return [told(found) for found in details(kind, name, before, after, sides)]


def told(found: Detail) -> tuple[str, bool]:
    return ": ".join(filter(None, (f"{found.sign} {found.place}", found.text))), found.widens


@pytest.mark.parametrize(
    ("kind", "before", "after", "expected"),
    [
        (DeclarationKind.TENANT, {"name": "A"}, {"name": "B"}, [("~ /name: A → B", False)]),
        (DeclarationKind.TENANT, {}, {"name": "B"}, [("+ /name: B", False)]),
        (DeclarationKind.TENANT, {"name": "B"}, {}, [("- /name: B", False)]),
        (
            DeclarationKind.CLIENT,
            JOB,
            {**JOB, "scopes": ["a", "b"]},
            [("~ /scopes: + a, + b", True)],
        ),
        (
            DeclarationKind.CLIENT,
            {**JOB, "scopes": ["a", "b"]},
            {**JOB, "scopes": ["c", "b"]},
            [("~ /scopes: + c, - a", True)],
        ),
        (
            DeclarationKind.CLIENT,
            {**JOB, "scopes": ["a", "b"]},
            {**JOB, "scopes": ["b", "a"]},
            [("~ /scopes: written otherwise", False)],
        ),
        (DeclarationKind.CLIENT, {**JOB, "scopes": ["a"]}, JOB, [("~ /scopes: - a", False)]),
        (DeclarationKind.CLIENT, {**JOB, "disabled": True}, JOB, [("- /disabled: true", True)]),
        (DeclarationKind.CLIENT, JOB, {**JOB, "disabled": True}, [("+ /disabled: true", False)]),
        (DeclarationKind.CLIENT, {**JOB, PUSHES: True}, JOB, [(f"- /{PUSHES}: true", True)]),
        (DeclarationKind.CLIENT, JOB, {**JOB, PUSHES: True}, [(f"+ /{PUSHES}: true", False)]),
        (
            DeclarationKind.CLIENT,
            JOB,
            {**JOB, "first_party": True},
            [("+ /first_party: true", True)],
        ),
        (
            DeclarationKind.CLIENT,
            JOB,
            {**JOB, "tenant": "globex"},
            [("~ /tenant: acme → globex", True)],
        ),
        (DeclarationKind.ROLE, {}, {"policies": ["read"]}, [("~ /policies: + read", True)]),
        (DeclarationKind.ROLE, {}, {"policies": ["freeze"]}, [("~ /policies: + freeze", False)]),
        (DeclarationKind.ROLE, {"policies": ["read"]}, {}, [("~ /policies: - read", False)]),
        (DeclarationKind.ROLE, {"policies": ["freeze"]}, {}, [("~ /policies: - freeze", True)]),
        (DeclarationKind.ROLE, {"boundary": ["read"]}, {}, [("~ /boundary: - read", True)]),
        (DeclarationKind.ROLE, {}, {"boundary": ["read"]}, [("~ /boundary: + read", False)]),
        (
            DeclarationKind.ROLE,
            {"boundary": ["read"]},
            {"boundary": ["read", "freeze"]},
            [("~ /boundary: + freeze", True)],
        ),
        (
            DeclarationKind.USER,
            {"tenant": "acme", "roles": ["frozen"]},
            {"tenant": "acme"},
            [("~ /roles: - frozen", True)],
        ),
        (
            DeclarationKind.USER,
            {"tenant": "acme", "roles": ["clerk"]},
            {"tenant": "acme", "email": "ann@x"},
            [("+ /email: ann@x", False), ("~ /roles: - clerk", False)],
        ),
        (
            DeclarationKind.API,
            API,
            {**API, "openapi": {**DOCUMENT, "info": {"title": "O", "version": "2"}}},
            [("~ /openapi: the document changed in other members", False)],
        ),
        (
            DeclarationKind.API,
            API,
            {
                **API,
                "upstream": "127.0.0.1:2",
                "openapi": {**DOCUMENT, "paths": {"/p": {"get": {}}}},
            },
            [
                ("+ GET /p (GetP)", False),
                ("- GET /o (Get)", False),
                ("~ /upstream: 127.0.0.1:1 → 127.0.0.1:2", False),
            ],
        ),
        (
            DeclarationKind.API,
            API,
            {**API, "upstream": {"url": "https://a", "tls": {"ca": CAS[0]}}},
            [
                (f'+ /upstream/tls: {{"ca":["{SUBJECTS[0]}"]}}', False),
                ("~ /upstream/url: 127.0.0.1:1 → https://a", False),
            ],
        ),
        (
            DeclarationKind.API,
            {**API, "upstream": {"url": "https://a", "tls": {"ca": CAS[0]}}},
            {**API, "upstream": {"url": "https://a", "tls": {"ca": CAS[1]}}},
            [(f"~ /upstream/tls/ca: + {SUBJECTS[1]}, - {SUBJECTS[0]}", False)],
        ),
        (
            DeclarationKind.API,
            {**API, "upstream": {"url": "a:1", "health": {"path": "/a"}, "protocol": "http2"}},
            {**API, "upstream": {"url": "a:1", "health": {"path": "/b", "every": "9s"}}},
            [
                ("+ /upstream/health/every: 9s", False),
                ("~ /upstream/health/path: /a → /b", False),
                ("- /upstream/protocol: http2", False),
            ],
        ),
        (
            DeclarationKind.API,
            API,
            {**API, "cors": {"origins": ["https://a.example"]}},
            [('+ /cors: {"origins":["https://a.example"]}', True)],
        ),
        (
            DeclarationKind.API,
            {**API, "cors": {"origins": ["https://a.example"]}},
            API,
            [('- /cors: {"origins":["https://a.example"]}', False)],
        ),
        (
            DeclarationKind.API,
            {**API, "cors": {"origins": ["https://a.example"], "credentials": True}},
            {
                **API,
                "cors": {
                    "origins": ["https://b.example"],
                    "expose": ["etag"],
                    "credentials": False,
                    "max_age": "1h",
                },
            },
            [
                ("~ /cors/expose: + etag", True),
                ("~ /cors/origins: + https://b.example, - https://a.example", True),
                ("~ /cors/credentials: true → false", False),
                ("+ /cors/max_age: 1h", False),
            ],
        ),
        (
            DeclarationKind.TESTS,
            {"tests": [{"name": "one", "when": {"a": 1}}]},
            {"tests": [{"name": "two", "when": {"a": 1}}]},
            [
                ('- /tests/one: {"name":"one","when":{"a":1}}', False),
                ('+ /tests/two: {"name":"two","when":{"a":1}}', False),
            ],
        ),
    ],
)
def test_each_member_is_told_with_what_may_allow_more_first(
    kind: DeclarationKind, before: Any, after: Any, expected: list[tuple[str, bool]]
) -> None:
    assert lines(kind, before, after) == expected


def test_keys_of_a_client_are_never_shown() -> None:
    keys = {"keys": [{"kty": "EC", "x": "do-not-show"}]}
    found = lines(DeclarationKind.CLIENT, JOB, {**JOB, "jwks": keys})
    assert found == [("~ /jwks: changed", False)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (policy(READ), policy(READ, NO_DELETE), [("+ Deny NoDelete", False)]),
        (policy(READ, NO_DELETE), policy(READ), [("- Deny NoDelete", True)]),
        (policy(NO_DELETE), policy(NO_DELETE, READ), [("+ Allow Read", True)]),
        (policy(READ, NO_DELETE), policy(NO_DELETE), [("- Allow Read", False)]),
        (
            policy(READ),
            policy({**READ, "Action": ["o:Get", "o:List"]}),
            [("~ Allow Read/Action: + o:List", True)],
        ),
        (
            policy(READ),
            policy({**READ, "Action": "o:Get"}),
            [("~ Allow Read/Action: written otherwise", False)],
        ),
        (
            policy(NO_DELETE),
            policy({**NO_DELETE, "Action": "o:Purge"}),
            [("~ Deny NoDelete/Action: o:Delete → o:Purge", True)],
        ),
        (
            policy(NO_DELETE),
            policy({**NO_DELETE, "Action": ["o:Delete", "o:Purge"]}),
            [("~ Deny NoDelete/Action: + o:Purge", False)],
        ),
        (
            policy(NO_DELETE),
            policy({**NO_DELETE, "Effect": "Allow"}),
            [("~ Allow NoDelete/Effect: Deny → Allow", True)],
        ),
        (
            policy(BROAD),
            policy(READ),
            [
                (
                    '- Allow Read/Condition: {"StringEquals":{"durward:ClientId":["desk"]}}',
                    True,
                )
            ],
        ),
        (
            policy(READ),
            policy(BROAD),
            [
                (
                    '+ Allow Read/Condition: {"StringEquals":{"durward:ClientId":["desk"]}}',
                    False,
                )
            ],
        ),
        (
            policy(BROAD),
            policy({**BROAD, "Condition": {"StringEquals": {"durward:ClientId": ["cli"]}}}),
            [("~ Allow Read/Condition/StringEquals/durward:ClientId: + cli, - desk", True)],
        ),
        (
            policy({"Effect": "Allow", "NotAction": ["o:A", "o:B"], "Resource": "*"}),
            policy({"Effect": "Allow", "NotAction": ["o:A"], "Resource": "*"}),
            [("~ Allow #1/NotAction: - o:B", True)],
        ),
        (
            policy({"Effect": "Allow", "Principal": "*", "Action": "o:A", "Resource": "*"}),
            policy({"Effect": "Allow", "Principal": "*", "Action": "o:A"}),
            [("- Allow #1/Resource: *", True)],
        ),
        (
            policy(READ, NO_DELETE),
            policy(NO_DELETE, READ),
            [("~ /Statement: written otherwise", False)],
        ),
        (
            {**policy(READ), "Statement": READ},
            policy(READ),
            [("~ /Statement: written otherwise", False)],
        ),
    ],
)
def test_a_policy_is_told_by_its_statements(
    before: Any, after: Any, expected: list[tuple[str, bool]]
) -> None:
    assert [told(found) for found in policy_changes(before, after)] == expected


def test_of_a_policy_that_is_removed_its_denies_are_told() -> None:
    assert [told(found) for found in policy_end(policy(READ, NO_DELETE))] == [
        ("- Deny NoDelete", True)
    ]


def operation(**members: Any) -> Operation:
    return Operation(
        **{"id": "Get", "method": "GET", "path": "/o/{id}", "action": "o:Get", **members}
    )


def scopes(*alternatives: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(each.split()) for each in alternatives)


@pytest.mark.parametrize(
    ("was", "will_be", "text", "widens"),
    [
        ({}, {"public": True}, "is public now", True),
        ({"scopes": scopes("r")}, {"public": True}, "is public now", True),
        ({"public": True}, {}, "is not public any more", False),
        ({"scopes": scopes("r")}, {}, "asks for no scope any more (was r)", True),
        (
            {"scopes": scopes("r")},
            {"scopes": scopes("r", "")},
            "asks for no scope any more (was r)",
            True,
        ),
        ({}, {"scopes": scopes("r w")}, "asks for scopes: r w", False),
        ({"scopes": scopes("r w")}, {"scopes": scopes("r")}, "scopes r w → r", True),
        ({"scopes": scopes("r")}, {"scopes": scopes("r w")}, "scopes r → r w", False),
        ({"scopes": scopes("r")}, {"scopes": scopes("r", "w")}, "scopes r → r or w", True),
        ({"scopes": scopes("r", "w")}, {"scopes": scopes("w")}, "scopes r or w → w", False),
        ({"scopes": scopes("")}, {}, "scopes are written otherwise", False),
        ({"path": "/o/{name}"}, {}, "was /o/{name}", True),
        ({"id": "Old"}, {}, "id Old → Get", True),
        (
            {"scopes": scopes(" ".join(f"scope-{number:02}" for number in range(12)))},
            {"scopes": scopes(" ".join(f"scope-{number:02}" for number in range(11)))},
            "scopes - scope-11",
            True,
        ),
        (
            {"resource": "a" * 100 + "/{x}"},
            {"resource": "a" * 100 + "/{y}"},
            "resource …" + "a" * 18 + "/{x} → …" + "a" * 18 + "/{y}",
            True,
        ),
        ({"resource": "a/{id}"}, {"resource": "b/{id}"}, "resource a/{id} → b/{id}", True),
        ({}, {"tenant": "{id}"}, "tenant none → {id}", True),
        ({"fresh": True}, {}, "fresh true → false", True),
        ({}, {"strict_audit": False}, "strict_audit true → false", False),
    ],
)
def test_an_operation_is_held_against_the_one_of_its_route(
    was: Any, will_be: Any, text: str, widens: bool
) -> None:
    (found,) = operation_changes([operation(**was)], [operation(**will_be)])
    assert (found.sign, found.place) == ("~", "GET /o/{id} (Get)")
    assert (found.text, found.widens) == (text, widens)


def test_an_operation_that_comes_public_may_allow_more() -> None:
    (found,) = operation_changes([], [operation(public=True)])
    assert told(found) == ("+ GET /o/{id} (Get): public", True)


def served(**operations: str) -> Declaration:
    """An API by its name; of each operation `METHOD /path`, and who may ask."""
    (name,) = {each.split("_")[0] for each in operations}
    paths: dict[str, Any] = {}
    for identity, told_of_it in operations.items():
        method, path, who = told_of_it.split(" ")
        security: list[Any] = [] if who == "all" else [{"s": []}]
        paths.setdefault(path, {})[method.lower()] = {"operationId": identity, "security": security}
    document: Any = {**DOCUMENT, "paths": paths}
    body: Any = {**API, "audience": f"https://{name}.example", "openapi": document}
    return Declaration(DeclarationKind.API, name, body)


def moved(name: str, before: list[Declaration], after: list[Declaration]) -> list[tuple[str, bool]]:
    was, will_be = ({each.name: each.body for each in some}.get(name) for some in (before, after))
    sides = Sides(read_configuration(before), read_configuration(after), Instant(0))
    return [told(found) for found in details(DeclarationKind.API, name, was, will_be, sides)]


VARIABLE = served(a_V="GET /x/{id} all")


@pytest.mark.parametrize(
    ("name", "before", "after", "line"),
    [
        (
            "a",
            [served(a_V="GET /x/{id} all", a_S="GET /x/s few")],
            [VARIABLE],
            "- GET /x/s (a_S): its requests are answered by GET /x/{id} (a_V), public",
        ),
        (
            "a",
            [served(a_V="GET /x all", a_S="HEAD /x few")],
            [served(a_V="GET /x all")],
            "- HEAD /x (a_S): its requests are answered by GET /x (a_V), public",
        ),
        (
            "b",
            [VARIABLE, served(b_S="GET /x/s few")],
            [VARIABLE],
            "- GET /x/s (b_S): its requests are answered by GET /x/{id} (a_V), public of apis/a",
        ),
        (
            "b",
            [served(a_V="POST /{t}/login few")],
            [served(a_V="POST /{t}/login few"), served(b_S="POST /acme/login all")],
            "+ POST /acme/login (b_S): public; takes requests of POST /{t}/login (a_V) of apis/a",
        ),
        (
            "a",
            [served(a_V="GET /{t}/s few", a_S="GET /x/{id} few")],
            [served(a_V="GET /{t}/s few")],
            "- GET /x/{id} (a_S): its requests are answered by GET /{t}/s (a_V)",
        ),
    ],
)
def test_requests_that_another_operation_answers_than_before_are_told(
    name: str, before: list[Declaration], after: list[Declaration], line: str
) -> None:
    assert moved(name, before, after) == [(line, True)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("GET /x/{id} few", "POST /x/s few"),
        ("GET /x/s few", "GET /x/{id} few"),
        ("GET /x/{id}/ few", "GET /x/s few"),
        ("HEAD /x few", "GET /x few"),
        ("GET /x/{id} all", "GET /x/s few"),
    ],
)
def test_an_operation_that_takes_nothing_that_was_closed_is_not_marked(
    before: str, after: str
) -> None:
    one = served(a_V=before)
    ((_, widens),) = moved("a", [one], [served(a_V=before, a_S=after)])
    assert not widens


def at(declared: Declaration, **place: Any) -> Declaration:
    return Declaration(declared.kind, declared.name, {**declared.body, **place})


TWO = served(a_V="GET /{t}/s all", a_L="GET /x/s few")
B = served(b_S="GET /x/s few")
THE_OTHER = "GET /x/{id} (a_V), public of apis/a"


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        (
            "b",
            [B],
            [at(B, hosts=["b.example"])],
            [("~ /hosts: every host that no API names → b.example", False)],
        ),
        (
            "b",
            [B, at(served(a_L="PUT /p few"), hosts=["b.example"])],
            [at(B, hosts=["b.example"]), at(served(a_L="PUT /p few"), hosts=["b.example"])],
            [("~ /hosts: every host that no API names → b.example", True)],
        ),
        (
            "b",
            [at(B, hosts=["b.example"])],
            [B],
            [("~ /hosts: b.example → every host that no API names", True)],
        ),
        (
            "b",
            [at(B, hosts=["b.example", "c.example"])],
            [at(B, hosts=["C.example"])],
            [("~ /hosts: - b.example", False)],
        ),
        (
            "b",
            [VARIABLE, at(B, hosts=["b.example"])],
            [VARIABLE, at(B, hosts=["c.example"])],
            [
                (f"+ GET /x/s (b_S): takes requests of {THE_OTHER}", False),
                (f"- GET /x/s (b_S): its requests are answered by {THE_OTHER}", True),
                ("~ /hosts: + c.example, - b.example", True),
            ],
        ),
        (
            "b",
            [B],
            [at(B, prefix="/shop")],
            [("~ /prefix: `/` → `/shop`", True)],
        ),
        (
            "b",
            [at(B, base_path="/v1")],
            [at(B, base_path="/v2", prefix="/v1")],
            [("~ /base_path: `/v1` → `/v2`", False)],
        ),
        (
            "a",
            [TWO],
            [at(TWO, prefix="/x")],
            [("~ /prefix: `/` → `/x`", True)],
        ),
        (
            "b",
            [VARIABLE, at(B, prefix="/y")],
            [VARIABLE, B],
            [
                ("+ GET /x/s (b_S): takes requests of GET /x/{id} (a_V), public of apis/a", False),
                ("~ /prefix: `/y` → `/`", True),
            ],
        ),
    ],
)
def test_an_api_that_moves_tells_its_place_and_whose_requests_are_others_then(
    name: str, before: list[Declaration], after: list[Declaration], expected: list[tuple[str, bool]]
) -> None:
    """Its operations are the same ones behind another prefix, and not new."""
    assert sorted(moved(name, before, after)) == sorted(expected)


def test_a_base_path_that_the_document_changes_is_told() -> None:
    servers: Any = [{"url": "https://o.example/v2"}]
    document = {**DOCUMENT, "servers": servers}
    assert lines(DeclarationKind.API, API, {**API, "openapi": document}) == [
        ("~ /prefix: `/` → `/v2`", True),
        ("~ /base_path: `/` → `/v2`", False),
    ]


def test_an_api_that_takes_no_requests_is_told_in_numbers_alone() -> None:
    assert moved("b", [VARIABLE], [VARIABLE, served(b_S="GET /y all")]) == []
    assert moved("b", [VARIABLE, served(b_S="GET /y few")], [VARIABLE]) == []


def test_values_are_cut_and_cannot_speak_to_a_terminal() -> None:
    ((line, _),) = lines(
        DeclarationKind.TENANT, {"name": "A"}, {"name": "\x1b[2J\u202e" + "x" * 150}
    )
    assert line.startswith("~ /name: A → \\u001b[2J\\u202exxx")
    assert line.endswith("x…")
    assert len(line) < 120


def test_of_a_long_list_the_first_are_told_and_how_many_more() -> None:
    many = {**JOB, "scopes": [f"s{number}" for number in range(100)]}
    assert lines(DeclarationKind.CLIENT, JOB, many) == [
        ("~ /scopes: + s0, + s1, + s2, + s3, + 96 more", True)
    ]


def test_what_differs_in_spelling_alone_is_a_line_too() -> None:
    assert lines(DeclarationKind.TENANT, {"name": "A"}, {"name": "A"}) == [
        ("~ : written otherwise", False)
    ]
