"""Small worlds: whatever the grammar and the callers can make, and each request that they can send.

A world has two or three tenants, one of which nobody declared; people, owners, groups, boundaries,
guardrails, and clients of each kind. Its requests come in by the edge's own decider, and as
evaluations by the AuthZEN service's directory: what these allow, an answer about the world may not
call impossible.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random  # noqa: TID251 - the same worlds each time
from typing import Any, Final

from tests.people import people_of

from durward.core.access import Access
from durward.core.api import scopes_of
from durward.core.authzen.question import Directory, UnknownEntity
from durward.core.authzen.requests import Evaluation, shaped
from durward.core.configuration.configuration import Configuration, read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.edge.decide import Decider
from durward.core.edge.facts import CheckRequest, context_of, principal_of
from durward.core.edge.snapshot import Snapshot
from durward.core.openapi.operations import resource_arn
from durward.core.openapi.router import Route, Router
from durward.core.policy.engine.bundle import compile_bundle
from durward.core.policy.engine.request import AccessRequest
from durward.core.values import DecisionId, Instant

NOW: Final = 1_800_000_000
UNDECLARED: Final = "common"
TENANTS: Final = ("acme", "globex", UNDECLARED)
VALUES: Final = ("ann", "acme", "staff", "7")
"""What paths and properties say, beside tenants."""
HEAD: Final = "arn:durward:orders"

OPERATIONS: Final[dict[str, dict[str, Any]]] = {
    "/v1/{tenant}/orders/{id}": {
        "get": {
            "operationId": "GetOrder",
            "x-durward": {"resource": "order/{id}", "tenant": "{tenant}"},
        },
        "delete": {
            "operationId": "DropOrder",
            "x-durward": {"resource": "order/{id}", "tenant": "{tenant}"},
            "security": [{"token": ["orders:admin"]}],
        },
    },
    "/v1/{tenant}/users/{user}/notes/{id}": {
        "get": {
            "operationId": "GetNote",
            "x-durward": {"resource": "note/{id}", "tenant": "{tenant}", "owner": "{user}"},
        }
    },
    "/v1/{tenant}/teams/{team}/docs": {
        "get": {
            "operationId": "GetDocs",
            "x-durward": {"resource": "team/{team}", "tenant": "{tenant}"},
            "security": [],
        }
    },
    "/v1/common/items/{id}": {
        "get": {
            "operationId": "GetItem",
            "security": [],
            "x-durward": {"resource": "item/{id}", "tenant": UNDECLARED},
        }
    },
    "/v1/status/{id}": {
        "get": {"operationId": "GetStatus", "x-durward": {"resource": "status/{id}"}}
    },
}
"""With a tenant, with an owner, with one tenant always, with none; with and without a token."""
DOCUMENT: Final = {
    "openapi": "3.1.0",
    "info": {"title": "Orders", "version": "1"},
    "security": [{"token": []}],
    "paths": OPERATIONS,
    "components": {
        "securitySchemes": {
            "token": {
                "type": "oauth2",
                "flows": {
                    "clientCredentials": {
                        "tokenUrl": "https://x.example",
                        "scopes": {"orders:admin": "x"},
                    }
                },
            }
        }
    },
}
NAMES: Final = [o["operationId"] for path in OPERATIONS.values() for o in path.values()]
ACTIONS: Final[list[Any]] = [
    "*",
    "orders:*",
    "orders:Get*",
    "orders:*",
    ["orders:GetNote", "orders:GetDocs", "orders:GetOrder"],
    *(f"orders:{name}" for name in NAMES),
]
SEGMENTS: Final = ("*", "*", *TENANTS, "${durward:TenantId}", "${durward:TenantId}", "c*", "?cme")
VARIED_SEGMENTS: Final = (
    "${durward:PathParam/tenant}",
    "${durward:ResourceTenant}",
    "${durward:ResourceOwner}",
    "${durward:Subject}",
)
LASTS: Final = (
    *("*", "*", "*", "order/*", "note/*", "order/7", "team/staff", "*/7", "item/?", "record/*"),
    *("note/${durward:Subject}", "*/${durward:PathParam/id}", "team/${durward:PathParam/team}"),
    *("*/${durward:ResourceOwner}", "*/${durward:PathParam/user, '7'}"),
)
PLAIN: Final[list[tuple[str, Sequence[str]]]] = [
    (
        "durward:ResourceTenant",
        [*TENANTS, "${durward:TenantId}", "${durward:PathParam/tenant}", "~"],
    ),
    ("durward:ResourceTenant", ["c*", "${durward:TenantId}*", "*"]),
    ("durward:ResourceOwner", ["ann", "bob", "${durward:Subject}", "${durward:PathParam/user}"]),
    ("durward:Subject", ["ann", "gate", "${durward:ResourceOwner}", "${durward:PathParam/id}"]),
    ("durward:Subject", ["a*", "${durward:ResourceOwner}*", "?${durward:PathParam/user}"]),
    ("durward:TenantId", [*TENANTS, "${durward:ResourceTenant}", "${durward:PathParam/tenant}"]),
    ("durward:TenantId", ["${durward:ResourceOwner}", "${durward:PathParam/id}", "a*"]),
    ("durward:ClientId", ["desk", "kiosk", "gate", "${durward:PathParam/id}", "job"]),
    ("durward:PrincipalType", ["user", "client", "${durward:PathParam/id}"]),
    ("durward:PathParam/id", ["7", "ann", "${durward:Subject}", "${durward:TenantId}", "?"]),
    ("durward:PathParam/team", ["staff", "${durward:TenantId}", "${durward:ResourceTenant}"]),
    ("durward:PathParam/user", ["ann", "${durward:Subject}", "${durward:ClientId}"]),
    ("durward:RequestMethod", ["GET", "DELETE"]),
    ("durward:OperationId", ["GetOrder", "Get*"]),
    ("durward:Stage", ["default", "prod"]),
    ("durward:TokenClaim/org", ["acme", "${durward:TenantId}", "${durward:ResourceTenant}"]),
    ("durward:PrincipalTag/team", ["staff", "${durward:PathParam/team}"]),
    ("durward:Amr", ["pwd", "otp"]),
]
LISTED: Final[list[tuple[str, Sequence[str]]]] = [
    (
        "durward:Groups",
        ["staff", "x", "${durward:PathParam/team}", "${durward:ResourceOwner}", "s*"],
    ),
    ("durward:Roles", ["clerk", "boss", "${durward:PathParam/id}"]),
    ("durward:Scopes", ["orders:admin", "x"]),
    ("durward:Amr", ["pwd", "otp", "${durward:PathParam/id}"]),
    ("durward:ResourceMembers", ["ann", "${durward:Subject}", "${durward:TenantId}"]),
]
ARNS: Final = [
    "arn:durward:iam::acme:user/ann",
    "arn:durward:iam::*:user/*",
    "arn:durward:iam::${durward:ResourceTenant}:user/${durward:ResourceOwner}",
    "arn:durward:iam::${durward:TenantId}:user/${durward:PathParam/user}",
]
PRINCIPALS: Final[list[Any]] = [
    "*",
    "*",
    {"Durward": "arn:durward:iam::acme:role/clerk"},
    {"Durward": ["arn:durward:iam::acme:user/ann", "arn:durward:iam::globex:user/bob"]},
    {"Durward": "arn:durward:iam::acme:group/staff"},
    {"Durward": "arn:durward:iam::acme:client/job"},
]


def a_condition(random: Random) -> dict[str, Any]:
    """One operator on one key."""
    kind = random.randrange(10)
    if kind < 5:
        key, values = random.choice(PLAIN)
        if random.random() < 0.3:  # any key beside any text or variable
            values = random.choice([*PLAIN, *LISTED])[1]
        negated = random.choice(["", "", "Not"])
        family = random.choice(["Equals", "Equals", "Like", "EqualsIgnoreCase"])
        name = f"String{negated}{family}" + random.choice(["", "", "", "IfExists"])
        texts = random.sample(list(values), random.choice([1, 1, 2]))
        return {name: {key: texts}}
    if kind < 7:
        key, values = random.choice(LISTED)
        if random.random() < 0.3:
            values = random.choice([*PLAIN, *LISTED])[1]
        quantifier = random.choice(["ForAnyValue", "ForAnyValue", "ForAllValues"])
        name = random.choice(["StringEquals", "StringEquals", "StringNotEquals", "StringLike"])
        return {
            f"{quantifier}:{name}": {key: random.sample(list(values), random.choice([1, 1, 2]))}
        }
    if kind == 7:
        key, _ = random.choice([*PLAIN, *LISTED])
        return {"Null": {key: random.choice(["true", "false"])}}
    if kind == 8:
        name = random.choice(["ArnLike", "ArnEquals", "ArnNotLike", "StringLike", "StringEquals"])
        return {name: {"durward:PrincipalArn": random.choice(ARNS)}}
    return random.choice(
        [
            {"NumericLessThan": {"durward:AuthAge": "60"}},
            {"NumericGreaterThanEquals": {"durward:AuthAge": "60"}},
            {"Bool": {"durward:MultiFactorAuthPresent": random.choice(["true", "false"])}},
            {"IpAddress": {"durward:SourceIp": "10.0.0.0/8"}},
            {"NotIpAddress": {"durward:SourceIp": "10.0.0.0/8"}},
            {"DateLessThan": {"durward:CurrentTime": "2030-01-01T00:00:00Z"}},
            {"StringEquals": {"durward:RiskScore": "1"}},
            {"NumericLessThanIfExists": {"durward:PathParam/id": "10"}},
            {"NumericNotEquals": {"durward:PathParam/id": ["7", "8"]}},
            {"DateGreaterThan": {"durward:AuthTime": "2027-01-15T07:59:00Z"}},
            {"Bool": {"durward:SecureTransport": "${durward:MultiFactorAuthPresent}"}},
            {"BoolIfExists": {"durward:SecureTransport": "true"}},
            {"StringLike": {"durward:RequestPath": "/v1/acme/*"}},
            {"StringEquals": {"durward:UserAgent": "${durward:Subject}"}},
            {"ArnLike": {"durward:TokenClaim/org": "arn:durward:iam::*:${durward:Subject}"}},
        ]
    )


def a_resource(random: Random) -> str:
    """A pattern of a resource."""
    if random.random() < 0.45:
        return "*"
    segments = VARIED_SEGMENTS if random.random() < 0.15 else SEGMENTS
    return f"{HEAD}:*:{random.choice(segments)}:{random.choice(LASTS)}"


def a_statement(random: Random, *, of_api: bool = False, effects: Sequence[str]) -> dict[str, Any]:
    """A statement of what the grammar has."""
    condition: dict[str, Any] = {}
    for _ in range(random.choice([0, 0, 1, 1, 1, 2])):
        condition |= a_condition(random)
    resources = [a_resource(random) for _ in range(random.choice([1, 1, 1, 2]))]
    statement = {
        "Effect": random.choice(effects),
        random.choice(["Action"] * 9 + ["NotAction"]): random.choice(ACTIONS),
        random.choice(["Resource"] * 9 + ["NotResource"]): resources,
        **({"Condition": condition} if condition else {}),
    }
    if of_api:
        statement[random.choice(["Principal"] * 5 + ["NotPrincipal"])] = random.choice(PRINCIPALS)
        if statement.get("NotPrincipal") == "*":
            statement["Principal"] = statement.pop("NotPrincipal")
    return statement


def a_policy(random: Random, *, of_api: bool = False, most: int = 3) -> dict[str, Any]:
    """A policy of a few statements, of which most allow."""
    effects = ["Allow", "Allow", "Allow", "Deny"]
    listed = [
        a_statement(random, of_api=of_api, effects=effects) for _ in range(random.randint(1, most))
    ]
    return {"Version": "2012-10-17", "Statement": listed}


def a_wide_policy(random: Random) -> dict[str, Any]:
    """What caps: all but a little."""
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    deny = a_statement(random, effects=["Deny"])
    listed = random.choice([[allow, deny], [a_statement(random, effects=["Allow"]), deny]])
    return {"Version": "2012-10-17", "Statement": listed}


@dataclass(frozen=True)
class World:
    """Declarations, and what is attached beside them."""

    declared: dict[DeclarationKind, dict[str, Any]]
    guardrails: tuple[str, ...] = ()

    @cached_property
    def configuration(self) -> Configuration:
        read = read_configuration(
            Declaration(kind, name, body)
            for kind, bodies in self.declared.items()
            for name, body in bodies.items()
        )
        return replace(read, bundle=replace(read.bundle, guardrails=self.guardrails))

    @cached_property
    def access(self) -> Access:
        return Access(self.configuration)

    def less(self, gone: frozenset[str]) -> "World":
        """The same without some statements, by `policy/#number`."""
        policies = {
            name: {
                **body,
                "Statement": [
                    s for at, s in enumerate(body["Statement"], 1) if f"{name}/#{at}" not in gone
                ],
            }
            for name, body in self.declared[DeclarationKind.POLICY].items()
        }
        return replace(self, declared={**self.declared, DeclarationKind.POLICY: policies})

    def with_policies(self, policies: dict[str, Any]) -> "World":
        """The same with other policies."""
        merged = {**self.declared[DeclarationKind.POLICY], **policies}
        return replace(self, declared={**self.declared, DeclarationKind.POLICY: merged})


def a_world(random: Random) -> World:
    """A configuration of what can be declared."""
    policies = {
        "clerk": a_policy(random),
        "boss": a_policy(random, most=2),
        "little": a_wide_policy(random),
    }
    maybe = random.random
    resource = ("shared",) if maybe() < 0.5 else ()
    if resource:
        policies["shared"] = a_policy(random, of_api=True, most=2)
    guardrails = random.choice(["", "", "", "everybody", "acme", "globex"])
    if guardrails:
        policies["guardrail"] = a_wide_policy(random)
    groups: dict[str, Any] = {}
    if maybe() < 0.2:
        policies["staff"] = a_policy(random, most=1)
        groups["staff"] = {"policies": ["staff"]}

    of_ann: dict[str, Any] = {}
    if maybe() < 0.2:
        policies["own"] = a_policy(random, most=1)
        of_ann["policies"] = ["own"]

    tenants = TENANTS if maybe() < 0.2 else TENANTS[:2]

    def tenant(name: str) -> dict[str, Any]:
        return {"guardrails": ["guardrail"]} if name == guardrails else {}

    bounded = random.choice(["", "", "ann", "desk", "clerk", "job"])

    def boundary(name: str) -> dict[str, Any]:
        return {"boundary": ["little"]} if name == bounded else {}

    evaluates = {"authzen_apis": ["orders"]} if maybe() < 0.5 else {}
    own = {"grants": ["client_credentials"]}
    people = {
        "tenant": "acme",
        "redirect_uris": ["https://x.example/"],
        "apis": ["orders"],
        "scopes": ["orders:admin"],
    }
    api = {"audience": "https://orders.example", "upstream": "unix:/x.sock", "openapi": DOCUMENT}
    return World(
        {
            DeclarationKind.TENANT: {name: tenant(name) for name in tenants},
            DeclarationKind.POLICY: policies,
            DeclarationKind.ROLE: {
                "clerk": {"policies": ["clerk"], **boundary("clerk")},
                "boss": {"policies": ["boss"]},
            },
            DeclarationKind.GROUP: groups,
            DeclarationKind.API: {"orders": {**api, "policies": list(resource)}},
            DeclarationKind.USER: {
                "ann": {
                    "tenant": "acme",
                    "roles": ["clerk"],
                    "groups": ["staff"],
                    **of_ann,
                    **boundary("ann"),
                },
                "bob": {"tenant": "globex", "roles": ["clerk", "boss"]},
            },
            DeclarationKind.CLIENT: {
                "desk": {**people, **boundary("desk")},
                "kiosk": people,
                "job": {
                    "tenant": "acme",
                    **own,
                    "roles": ["boss"],
                    "apis": ["orders"],
                    **boundary("job"),
                },
                "gate": {"tenant": "globex", **own, **evaluates},
            },
        },
        ("guardrail",) if guardrails == "everybody" else (),
    )


@dataclass(frozen=True)
class Sent:
    """A request as an enforcement point takes it: to the edge, or as an evaluation."""

    check: CheckRequest | None = None
    evaluation: Evaluation | None = None


class Callers:
    """All who enforce what a world declares."""

    def __init__(self, world: World) -> None:
        configuration = world.configuration
        apis = tuple(configuration.apis.values())
        self.policies = compile_bundle(configuration.bundle, scopes_of(apis))
        self.decider = Decider(Snapshot(1, "https://i.example", (), apis, configuration.bundle))
        self.router = Router(
            Route(o.method, o.path, (api, o)) for api in apis for o in api.operations
        )
        self.directories = [
            Directory(
                configuration,
                client.authzen_apis,
                Instant(NOW * 1_000_000),
                people_of(configuration),
            )
            for client in configuration.clients.values()
            if client.authzen_apis
        ]

    def request(self, sent: Sent) -> AccessRequest | None:
        """What the policies are asked."""
        if sent.evaluation is not None:
            for directory in self.directories:
                found = directory.request(sent.evaluation)
                return None if isinstance(found, UnknownEntity) else found
            return None
        check = sent.check
        assert check is not None
        routed = self.router.match(check.method, check.path)
        if routed is None:
            return None
        (api, operation), values = routed[0].what, routed[1]
        resource = resource_arn(operation, api.id, api.stage, values)
        if resource is None or (check.claims is None and not operation.public):
            return None
        who = principal_of(check)
        if who and who.scopes is not None and not operation.allows_scopes(who.scopes):
            return None
        return AccessRequest(
            who, operation.action, resource, context_of(check, api, operation, values)
        )

    def allowed(self, sent: Sent) -> AccessRequest | None:
        """The request, where it is allowed; an allow is the edge's own."""
        asked = self.request(sent)
        if asked is None or not self.policies.evaluate(asked).allowed:
            return None
        if sent.check is not None:
            assert self.decider.decide(sent.check).allowed
        return asked


def sent_to(world: World, random: Random, number: int) -> Iterator[Sent]:
    """Requests that the world's enforcement points can be sent."""
    evaluated = bool(world.configuration.evaluated)
    for _ in range(number):
        if evaluated and random.random() < 0.4:
            yield an_evaluation(random)
        else:
            yield a_check(random, world)


PATHS: Final = [
    (path, method.upper(), o["operationId"])
    for path, ms in OPERATIONS.items()
    for method, o in ms.items()
]


def a_check(random: Random, world: World) -> Sent:
    """A request to the edge."""
    template, method, operation = random.choice(PATHS)
    values = [*VALUES, "bob"]
    path = (
        template.replace("{tenant}", random.choice(TENANTS))
        .replace("{user}", random.choice(values))
        .replace("{team}", random.choice([*values, *TENANTS]))
        .replace("{id}", random.choice([*VALUES, "gate", "user"]))
    )
    claims = random.choice([None, *(a_token(random, world) for _ in range(3))])
    check = CheckRequest(
        id=DecisionId("d_1"),
        at=Instant(NOW * 1_000_000),
        method=method,
        path=path,
        api="orders",
        operation=operation,
        claims=claims,
        token_header=None if claims is None else {"typ": "at+jwt"},
        source=random.choice(["10.0.0.7", "192.0.2.1"]),
        tls=random.choice(["", "TLSv1.3"]),
        heartbeat=Instant(NOW * 1_000_000),
    )
    return Sent(check)


def a_token(random: Random, world: World) -> dict[str, Any]:
    """Verified claims of somebody declared."""
    people = world.configuration.users
    who, client, tenant, roles, groups = random.choice(
        [
            *[("ann", client, "acme", ["clerk"], ["staff"]) for client in ("desk", "kiosk")],
            *[("bob", client, "globex", ["clerk", "boss"], []) for client in ("desk", "kiosk")],
            ("job", "job", "acme", ["boss"], []),
            ("gate", "gate", "globex", [], []),
        ]
    )
    claims: dict[str, Any] = {
        "sub": who,
        "client_id": client,
        "tenant": tenant,
        "roles": roles,
        "groups": groups,
        "jti": "1",
        "iat": NOW - 5,
        "iss": "https://i.example",
        "aud": ["https://orders.example"],
        "scope": random.choice(["", "orders:admin", "orders:admin", "orders:admin x"]),
    }
    if person := people.get(who):
        own = {"policies": [*person.policies], "boundary": [*person.boundary]}
        claims |= {name: names for name, names in own.items() if names}
        claims |= {
            "amr": random.choice([["pwd"], ["pwd", "otp"]]),
            "auth_time": NOW - random.choice([5, 90]),
        }
    if random.random() < 0.3:
        claims["org"] = random.choice([*TENANTS, "x"])
    return claims


def an_evaluation(random: Random) -> Sent:
    """An evaluation that an enforcement point of others asks for."""
    kind, id = random.choice(
        [("user", "ann"), ("user", "ann"), ("user", "bob"), ("client", "job"), ("client", "gate")]
    )
    context: dict[str, Any] = {}
    if random.random() < 0.4:
        context["durward:ClientId"] = random.choice(["desk", "kiosk", "job", "gate"])
    if random.random() < 0.3:
        context["durward:Scopes"] = random.choice(["orders:admin", ["orders:admin", "x"]])
    for name, values in (
        ("PathParam/id", VALUES),
        ("PathParam/user", VALUES),
        ("PathParam/team", VALUES),
        ("PathParam/tenant", TENANTS),
        ("RequestMethod", ["GET", "DELETE"]),
        ("SourceIp", ["10.0.0.7", "192.0.2.1"]),
        ("Amr", ["pwd", ["pwd"], ["pwd", "otp"]]),
        ("AuthAge", [5, 90, "x"]),
        ("RiskScore", ["1", "2"]),
        ("MultiFactorAuthPresent", [True, False]),
    ):
        if random.random() < 0.3:
            context[f"durward:{name}"] = random.choice(values)
    properties: dict[str, Any] = {}
    if random.random() < 0.85:
        properties["tenant"] = random.choice(TENANTS)
    if random.random() < 0.5:
        properties["owner"] = random.choice([*VALUES, "bob"])
    if random.random() < 0.3:
        properties["members"] = random.choice([["ann"], ["ann", "acme"], "bob"])
    type_ = random.choice(["order", "note", "team", "item", "status", "record"])
    subject_properties = {"team": random.choice(VALUES)} if random.random() < 0.3 else {}
    body: Any = {
        "subject": {"type": kind, "id": id, "properties": subject_properties},
        "action": {"name": f"orders:{random.choice(NAMES)}"},
        "resource": {"type": type_, "id": random.choice(VALUES), "properties": properties},
        "context": context,
    }
    return Sent(evaluation=shaped(body, Evaluation))
