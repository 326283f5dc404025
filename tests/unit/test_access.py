"""Questions about everybody who is declared: an answer is a request, and no answer is a proof."""

from collections.abc import Iterable
from typing import Any

import pytest

from durward.core.access import (
    Access,
    AccessChange,
    PrincipalWitness,
    access_changes,
    names_of_principal,
)
from durward.core.configuration.configuration import read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Misconfigured
from durward.core.invariants import check_invariants
from durward.core.policy.engine.predicate import Or, Predicate, compile_statement
from durward.core.policy.language.document import read_document
from durward.core.policy.symbolic.unknown import Unknown

VERSION = "2012-10-17"
ALL = "arn:durward:orders:*:*:order/*"
OWN = "arn:durward:orders:*:${durward:TenantId}:order/*"
ACMES = "arn:durward:orders:*:acme:order/*"
OTHERS = {"Action": "orders:*", "NotResource": ["arn:durward:orders:*:${durward:TenantId}:*"]}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    usual: dict[str, Any] = {"Effect": "Allow", "Action": "orders:GetOrder"}
    return {"Version": VERSION, "Statement": [{**usual, **each} for each in statements]}


def never(**statement: Any) -> Predicate:
    body = {"Effect": "Allow", "Action": "*", "Resource": "*", **statement}
    if "NotResource" in statement:
        del body["Resource"]
    document = read_document({"Version": VERSION, "Statement": body}, "never")
    return Or(tuple(map(compile_statement, document.statements)))


def operation(name: str, api: str, **more: Any) -> dict[str, Any]:
    told = {"action": f"{api}:{name}", "resource": "order/{id}", "tenant": "{tenant}"}
    return {"operationId": name, "x-durward": told, **more}


def api(name: str, policies: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    paths = {f"/{name}/{{tenant}}/{{id}}": {"get": operation("GetOrder", name, **more)}}
    schemes = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
    document = {
        "openapi": "3.1.0",
        "paths": paths,
        "security": [{"token": []}],
        "components": schemes,
    }
    found = {"audience": f"https://{name}.example", "upstream": "unix:/x.sock"}
    return {**found, "openapi": document, "policies": list(policies)}


def access(
    identity: dict[str, Any],
    resource: dict[str, Any] | None = None,
    more: dict[DeclarationKind, dict[str, Any]] | None = None,
    **api_more: Any,
) -> Access:
    """ann and abe are alike, at acme; bob is at globex; people come through desk or kiosk."""
    declared: dict[DeclarationKind, dict[str, Any]] = {
        DeclarationKind.TENANT: {"acme": {}, "globex": {}},
        DeclarationKind.POLICY: {"identity": identity}
        | ({"resource": resource} if resource else {}),
        DeclarationKind.ROLE: {"clerk": {"policies": ["identity"]}},
        DeclarationKind.API: {
            "orders": api("orders", ("resource",) if resource else (), **api_more)
        },
        DeclarationKind.USER: {
            "ann": {"tenant": "acme", "roles": ["clerk"]},
            "abe": {"tenant": "acme", "roles": ["clerk"]},
            "bob": {"tenant": "globex", "roles": ["clerk"]},
        },
        DeclarationKind.CLIENT: {
            name: {"tenant": "acme", "redirect_uris": ["https://x.example/"], "apis": ["orders"]}
            for name in ("desk", "kiosk")
        },
    }
    for kind, bodies in (more or {}).items():
        declared[kind] = {**declared.get(kind, {}), **bodies}
    return Access(
        read_configuration(
            Declaration(kind, name, body)
            for kind, bodies in declared.items()
            for name, body in bodies.items()
        )
    )


def found_by(asked: Access, invariant: Predicate) -> list[str]:
    return [names_of_principal(known.principal)[0] for known in asked.breaches(invariant)]


def test_across_tenants_both_layers_must_grant() -> None:
    widely = policy({"Resource": ALL})
    handed = policy({"Principal": {"Durward": "arn:durward:iam::acme:role/clerk"}})
    assert found_by(access(widely), never(**OTHERS)) == []
    asked = access(widely, handed)
    assert found_by(asked, never(**OTHERS)) == ["user/ann"]
    (known,) = asked.breaches(never(**OTHERS))
    assert known.witness.request.is_cross_tenant
    assert found_by(access(policy({"Resource": OWN}), handed), never(**OTHERS)) == []
    changed = [
        names_of_principal(each.principal)[0] for each in access_changes(access(widely), asked)
    ]
    assert changed == ["user/ann", "user/abe"]


def test_the_policy_of_an_api_says_nothing_about_another() -> None:
    closed = {DeclarationKind.API: {"bills": api("bills", ("closed",))}}
    closed[DeclarationKind.POLICY] = {
        "closed": policy({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"})
    }
    asked = access(policy({"Resource": OWN}), more=closed)
    assert [names_of_principal(k.principal)[0] for k in asked.who_can("orders:GetOrder", "*")] == [
        "user/ann",
        "user/abe",
        "user/bob",
    ]
    assert found_by(asked, never(Action="orders:GetOrder"))
    open_there = {DeclarationKind.API: {"bills": api("bills", ("open",))}}
    open_there[DeclarationKind.POLICY] = {
        "open": policy({"Principal": "*", "Action": "*", "Resource": "*"})
    }
    nothing = policy({"Action": "orders:Other", "Resource": "*"})
    assert not list(access(nothing, more=open_there).who_can("orders:GetOrder", "*"))


def test_a_condition_on_scopes_or_the_client_can_hold() -> None:
    for condition in (
        {"ForAnyValue:StringEquals": {"durward:Scopes": "reports:read"}},
        {"StringEquals": {"durward:ClientId": "kiosk"}},
        {"StringNotEquals": {"durward:ClientId": "desk"}},
    ):
        asked = access(policy({"Resource": OWN, "Condition": condition}))
        assert "user/ann" in found_by(asked, never(Action="orders:GetOrder")), condition
        nothing = access(policy({"Action": "orders:Other", "Resource": OWN}))
        assert list(access_changes(nothing, asked)), condition
        if "ClientId" in str(condition):
            foreign = {"StringEquals": {"durward:ClientId": "nobody's"}}
            elsewhere = access(policy({"Resource": OWN, "Condition": foreign}))
            assert found_by(elsewhere, never(Action="orders:GetOrder")) == []


def test_the_boundary_of_one_client_does_not_hide_what_another_lets_through() -> None:
    more = {
        DeclarationKind.POLICY: {"little": policy({"Action": "orders:Other", "Resource": "*"})},
        DeclarationKind.CLIENT: {
            "desk": {
                "tenant": "acme",
                "redirect_uris": ["https://x.example/"],
                "apis": ["orders"],
                "boundary": ["little"],
            }
        },
    }
    asked = access(policy({"Resource": OWN}), more=more)
    (ann, *_) = asked.who_can("orders:GetOrder", "*")
    assert ann.witness.request.principal is not None
    assert ann.witness.request.principal.client == "kiosk"


@pytest.mark.parametrize("key", ["durward:Subject", "durward:SUBJECT", "durward:PrincipalArn"])
def test_who_is_alike_is_told_apart_where_somebody_is_meant(key: str) -> None:
    value = "abe" if "ub" in key.lower() else "arn:durward:iam::acme:user/abe"
    condition = {"StringEquals": {key: value}}
    asked = access(policy({"Resource": OWN}))
    assert found_by(asked, never(Condition=condition)) == ["user/abe"]
    only = access(policy({"Resource": OWN, "Condition": condition}))
    assert found_by(only, never(Action="orders:GetOrder")) == ["user/abe"]
    assert found_by(asked, never(Action="orders:GetOrder")) == ["user/ann", "user/bob"]


def test_an_operation_that_is_opened_to_everybody_is_a_change() -> None:
    open_to_all = policy({"Principal": "*"})
    closed = access(policy({"Resource": OWN}), open_to_all)
    opened = access(policy({"Resource": OWN}), open_to_all, security=[])
    found = {names_of_principal(each.principal)[0]: each for each in access_changes(closed, opened)}
    assert found["anonymous"].gained is not None
    assert found["anonymous"].lost is None
    assert found["anonymous"].gained.request.principal is None
    assert {
        names_of_principal(each.principal)[0] for each in access_changes(closed, closed)
    } == set()


def test_whose_a_resource_is_is_told_as_its_name_says() -> None:
    cross_tenant = {
        "Condition": {
            "StringNotEquals": {"durward:ResourceTenant": "${durward:TenantId}"},
            "Null": {"durward:ResourceTenant": "false"},
        }
    }
    widely = policy({"Resource": ALL})
    handed = policy({"Principal": {"Durward": "arn:durward:iam::acme:role/clerk"}})
    assert found_by(access(policy({"Resource": OWN})), never(**cross_tenant)) == []
    assert found_by(access(widely), never(**cross_tenant)) == []
    assert found_by(access(widely, handed), never(**cross_tenant)) == ["user/ann"]
    kept = {"StringEquals": {"durward:ResourceTenant": "${durward:TenantId}"}}
    bound = access(policy({"Resource": ALL, "Condition": kept}), handed)
    assert found_by(bound, never(**cross_tenant)) == []
    assert found_by(bound, never(**OTHERS)) == []
    assert found_by(bound, never(Action="orders:GetOrder")) == ["user/ann", "user/bob"]


def test_the_stage_is_the_one_that_the_api_declares() -> None:
    """As with every request at the edge; another one is nobody's."""
    asked = access(policy({"Resource": OWN}))
    there = never(Condition={"StringEquals": {"durward:Stage": "default"}})
    assert {names_of_principal(found.principal)[1] for found in asked.breaches(there)} == {
        "ann",
        "bob",
    }
    assert not list(asked.breaches(never(Condition={"StringEquals": {"durward:Stage": "prod"}})))
    elsewhere = policy({"Resource": OWN, "Condition": {"StringEquals": {"durward:Stage": "prod"}}})
    assert not list(access(elsewhere).who_can("orders:GetOrder", "*"))


def test_an_operation_is_asked_for_by_its_own_name() -> None:
    """At the edge; who else asks for a decision does not tell it, so that it may be absent."""
    named = {"StringEquals": {"durward:OperationId": "Another"}}
    other = policy({"Resource": OWN, "Condition": named})
    assert not list(access(other).who_can("orders:GetOrder", "*"))
    own = access(policy({"Resource": OWN}))
    assert not list(own.breaches(never(Condition=named)))
    assert list(own.breaches(never(Condition={"StringNotEquals": named["StringEquals"]})))
    assert list(own.breaches(never(Condition={"Null": {"durward:OperationId": "true"}})))


METHOD = "durward:RequestMethod"
ID = "durward:PathParam/id"


@pytest.mark.parametrize(
    ("conditions", "resource", "can"),
    [
        ({"StringEquals": {METHOD: "GET"}}, OWN, True),
        ({"StringEquals": {METHOD: "BREW"}}, OWN, False),
        ({"StringNotEquals": {METHOD: "GET"}, "Null": {METHOD: "false"}}, OWN, False),
        ({"StringEquals": {ID: "7"}}, OWN, True),
        ({"StringEquals": {ID: "7"}}, OWN.replace("order/*", "order/8"), False),
        ({"StringLike": {ID: "x-*"}}, OWN.replace("order/*", "order/x-?"), True),
        ({"StringLike": {ID: "y-*"}}, OWN.replace("order/*", "order/x-?"), False),
        ({"StringEquals": {"durward:PathParam/tenant": "globex"}}, ACMES, False),
        ({"StringEquals": {"durward:PathParam/TENANT": "acme"}}, ACMES, True),
        ({"StringLike": {"durward:PathParam/other": "?*"}}, OWN, False),
    ],
)
def test_the_method_and_the_path_are_those_of_the_operation(
    conditions: dict[str, Any], resource: str, can: bool
) -> None:
    """At the edge; whoever else asks for a decision may tell what they like, or nothing."""
    written = policy({"Resource": resource, "Condition": conditions})
    found = list(access(written).who_can("orders:GetOrder", "*"))
    assert bool(found) is can
    for known in found:
        request = known.witness.request
        id = request.facts[ID.lower()]
        assert id is None or request.resource.endswith(f":order/{id}")
    gate = {
        "gate": {"tenant": "acme", "grants": ["client_credentials"], "authzen_apis": ["orders"]}
    }
    asked = access(written, more={DeclarationKind.CLIENT: gate})
    assert list(asked.who_can("orders:GetOrder", "*"))


def test_of_many_operations_each_is_asked_for_by_its_own_path() -> None:
    paths = {f"/{n}/{{tenant}}/{{id}}": {"get": operation(f"Get{n}", "orders")} for n in range(30)}
    many = api("orders")
    many["openapi"] = {**many["openapi"], "paths": paths}
    of_7 = {"Resource": OWN.replace("order/*", "order/8"), "Condition": {"StringEquals": {ID: "7"}}}
    asked = access(
        policy({"Action": "orders:*", **of_7}), more={DeclarationKind.API: {"orders": many}}
    )
    assert not list(asked.who_can("orders:Get7", "*"))
    assert not list(asked.what_can("ann"))
    assert not list(asked.who_can("orders:*", "*"))


def named_operation(path: str, name: str, **told: str) -> dict[DeclarationKind, dict[str, Any]]:
    """The API with one operation more."""
    found = api("orders")
    more = {"operationId": name, "x-durward": {"action": f"orders:{name}", **told}}
    paths = {**found["openapi"]["paths"], path: {"get": more}}
    return {
        DeclarationKind.API: {"orders": {**found, "openapi": {**found["openapi"], "paths": paths}}}
    }


NOTES = named_operation(
    "/u/{tenant}/{user}/{id}", "GetNote", resource="note/{id}", tenant="{tenant}", owner="{user}"
)
OF_TEAM = named_operation("/t/{tenant}/{team}", "GetDoc", resource="team/{team}", tenant="{tenant}")
SUBJECT, OWNER = "durward:Subject", "durward:ResourceOwner"
TEAM, GROUPS = "durward:PathParam/team", "durward:Groups"


@pytest.mark.parametrize(
    ("condition", "who"),
    [
        ({"StringEquals": {SUBJECT: f"${{{OWNER}}}"}}, ["ann", "abe", "bob"]),
        ({"StringLike": {SUBJECT: f"?${{{OWNER}}}"}}, ["ann", "abe", "bob"]),
        ({"StringEqualsIgnoreCase": {SUBJECT: f"${{{OWNER}}}"}}, ["ann", "abe", "bob"]),
        ({"StringEquals": {"durward:PrincipalType": f"${{{OWNER}}}"}}, ["ann", "abe", "bob"]),
        ({"ArnEquals": {"durward:PrincipalArn": f"arn:durward:iam::acme:user/${{{OWNER}}}"}}, 2),
        ({"ForAnyValue:StringEquals": {"durward:Roles": f"${{{OWNER}}}"}}, ["ann", "abe", "bob"]),
        ({"ForAnyValue:StringLike": {"durward:Roles": f"${{{OWNER}}}*"}}, ["ann", "abe", "bob"]),
        ({"StringEquals": {"durward:ClientId": f"${{{OWNER}}}"}}, ["ann", "abe", "bob"]),
        ({"StringEquals": {"durward:TenantId": f"x${{{OWNER}}}"}}, []),
    ],
)
def test_what_is_known_of_somebody_can_be_what_a_variable_brings(
    condition: dict[str, Any], who: list[str] | int
) -> None:
    own = policy({"Action": "orders:GetNote", "Resource": "*", "Condition": condition})
    asked = access(own, more=NOTES)
    found = [known.principal.subject for known in asked.who_can("orders:GetNote", "*")]
    assert found == (["ann", "abe"] if who == 2 else who)
    assert bool(found_by(asked, never(Action="orders:GetNote"))) is bool(found)
    assert bool(needless(asked)) is not bool(found)
    empty = access(policy({"Action": "orders:Other", "Resource": "*"}), more=NOTES)
    assert bool(list(access_changes(empty, asked))) is bool(found)


def test_apply_refuses_an_invariant_that_an_owner_breaks() -> None:
    own = {"StringEquals": {SUBJECT: f"${{{OWNER}}}"}}
    notes = policy({"Action": "orders:GetNote", "Resource": "*", "Condition": own})
    statement = {"Effect": "Allow", "Action": "orders:GetNote", "Resource": "*"}
    suite: dict[DeclarationKind, dict[str, Any]] = {
        DeclarationKind.TESTS: {"notes": {"never": [statement]}}
    }
    with pytest.raises(Misconfigured, match="user/ann may orders:GetNote on"):
        invariants_of(access(notes, more=NOTES | suite))
    invariants_of(access(policy({"Resource": OWN}), more=NOTES | suite))


def invariants_of(found: Access) -> None:
    check_invariants(found.configuration, found.people)


def test_a_group_of_somebody_can_be_what_the_path_says() -> None:
    condition = {"ForAnyValue:StringEquals": {GROUPS: f"${{{TEAM}}}"}}
    written = policy({"Action": "orders:GetDoc", "Resource": "*", "Condition": condition})
    staff = {
        DeclarationKind.USER: {"ann": {"tenant": "acme", "roles": ["clerk"], "groups": ["staff"]}}
    }
    (ann,) = access(written, more={**OF_TEAM, **staff}).who_can("orders:GetDoc", "*")
    assert ann.principal.subject == "ann"
    assert ann.witness.request.resource == "arn:durward:orders:default:acme:team/staff"


def test_a_tenant_need_not_be_declared() -> None:
    """Also where policies ask whose a resource is: the path says it, whoever is declared."""
    items = named_operation("/i/{tenant}/{id}", "GetItem", resource="item/{id}", tenant="{tenant}")
    items[DeclarationKind.API]["orders"]["openapi"]["paths"]["/i/{tenant}/{id}"]["get"][
        "security"
    ] = []
    items[DeclarationKind.API]["orders"]["policies"] = ["resource"]
    tied = {"StringEquals": {"durward:ResourceTenant": "${durward:TenantId}"}}
    shared = {"Principal": "*", "Action": "orders:GetItem", "Effect": "Allow"}
    by_name = {**shared, "Resource": "arn:durward:orders:*:common:item/*"}
    for condition in (
        {"StringEquals": {"durward:ResourceTenant": "common"}},
        {"StringLike": {"durward:ResourceTenant": "com?on"}},
        {"StringEqualsIgnoreCase": {"durward:ResourceTenant": "COMMON"}},
        {},
    ):
        statement = {**shared, "Condition": condition} if condition else by_name
        asked = access(policy({"Resource": OWN, "Condition": tied}), policy(statement), more=items)
        ((action, witness),) = asked.what_can("anonymous")
        assert action == "orders:GetItem"
        assert witness.request.resource.split(":")[4].lower().startswith("com")
        assert found_by(asked, never(Action="orders:GetItem")) == ["anonymous"]
        assert "resource/#1" not in needless(asked)


def test_a_list_never_satisfies_a_plain_operator() -> None:
    """So a Deny with one does not apply wherever the key has a value."""
    denied = {"Effect": "Deny", "Resource": "*"}
    for condition, can in (
        ({"StringNotEquals": {"durward:Amr": "otp"}}, True),
        ({"StringNotEquals": {"durward:Amr": "otp"}, "Null": {"durward:Amr": "true"}}, True),
        ({"Null": {"durward:Amr": ["true", "false"]}}, False),
    ):
        asked = access(policy({"Resource": OWN}, {**denied, "Condition": condition}))
        found = list(asked.who_can("orders:GetOrder", "*"))
        assert bool(found) is can, condition
        assert all(known.witness.request.facts["durward:amr"] for known in found)


ASKING = {"gate": {"tenant": "acme", "grants": ["client_credentials"], "authzen_apis": ["orders"]}}


@pytest.mark.parametrize(
    "statement",
    [
        {"Resource": "arn:durward:orders:*:acme:record/*"},
        {"Resource": OWN, "Condition": {"StringEquals": {OWNER: "abe"}}},
        {"Resource": "*", "Condition": {"StringEquals": {"durward:ClientId": "gate"}}},
        {"Resource": "*", "Condition": {"Null": {"durward:ClientId": "true"}}},
        {"Resource": "*", "Condition": {"StringEquals": {"durward:RequestMethod": "BREW"}}},
        {"Action": "orders:GetStatus", "Resource": "arn:durward:orders:*:acme:*"},
    ],
)
def test_an_enforcement_point_of_others_may_ask_what_the_edge_never_does(
    statement: dict[str, Any],
) -> None:
    status = named_operation("/status", "GetStatus", resource="status/all")
    written = policy(statement)
    action = statement.get("Action", "orders:GetOrder")
    more = {**status, DeclarationKind.CLIENT: ASKING}
    assert "user/ann" in found_by(access(written, more=more), never(Action=action))


def test_without_a_client_no_boundary_of_a_client_caps() -> None:
    little = policy({"Action": "orders:Other", "Resource": "*"})
    people = {"tenant": "acme", "redirect_uris": ["https://x.example/"], "apis": ["orders"]}
    bounded = {name: {**people, "boundary": ["little"]} for name in ("desk", "kiosk")}
    more: dict[DeclarationKind, dict[str, Any]] = {
        DeclarationKind.POLICY: {"little": little},
        DeclarationKind.CLIENT: bounded,
    }
    closed = access(policy({"Resource": OWN}), more=more)
    assert not list(closed.who_can("orders:GetOrder", "*"))
    more[DeclarationKind.CLIENT] = {**bounded, **ASKING}
    (ann, *_) = access(policy({"Resource": OWN}), more=more).who_can("orders:GetOrder", "*")
    assert ann.witness.request.principal is not None
    assert ann.witness.request.principal.client == ""


def test_who_somebody_was_decides_what_is_new_to_them() -> None:
    """A role that is given, or a tenant that is changed, is a change though no policy is one."""
    handed = policy({"Principal": {"Durward": "arn:durward:iam::acme:role/boss"}})
    nothing = policy({"Action": "orders:Other", "Resource": "*"})
    boss: dict[DeclarationKind, dict[str, Any]] = {DeclarationKind.ROLE: {"boss": {}}}
    before = access(nothing, handed, more=boss)
    given = {**boss, DeclarationKind.USER: {"ann": {"tenant": "acme", "roles": ["clerk", "boss"]}}}
    (ann,) = access_changes(before, access(nothing, handed, more=given))
    assert (ann.principal.subject, ann.lost) == ("ann", None)
    assert ann.gained is not None
    own = policy({"Resource": OWN})
    moved = {DeclarationKind.USER: {"ann": {"tenant": "globex", "roles": ["clerk"]}}}
    (ann,) = access_changes(access(own), access(own, more=moved))
    assert ann.gained is not None
    assert ann.lost is not None
    assert ":globex:" in ann.gained.request.resource
    assert ":acme:" in ann.lost.request.resource


def test_a_scope_that_an_operation_needs_no_more_is_a_change() -> None:
    own = policy({"Resource": OWN})
    needs = access(own, security=[{"token": ["admin"]}])
    free = access(own, security=[{"token": []}])
    found = {names_of_principal(each.principal)[0]: each for each in access_changes(needs, free)}
    assert [*found] == ["user/ann", "user/abe", "user/bob"]
    assert all(each.gained and not each.lost for each in found.values())


def needless(asked: Access) -> list[str]:
    return [each.statement for each in asked.redundant() if not each.undecided]


def test_a_statement_without_which_nothing_changes_for_anybody_is_redundant() -> None:
    both = policy({"Sid": "Own", "Resource": OWN}, {"Sid": "Acme", "Resource": ACMES})
    assert needless(access(both)) == ["identity/Acme"]
    role = "arn:durward:iam::acme:role/clerk"
    handed = policy({"Sid": "Handed", "Principal": {"Durward": role}, "Resource": OWN})
    assert needless(access(both, handed)) == ["resource/Handed", "identity/Acme"], (
        "of two layers within a tenant one is enough"
    )
    across = policy({"Sid": "Across", "Principal": {"Durward": role}})
    widely = policy({"Sid": "Wide", "Resource": ALL})
    assert needless(access(widely, across)) == []


def test_what_a_ceiling_takes_away_is_redundant_and_the_ceiling_is_not() -> None:
    more: dict[DeclarationKind, dict[str, Any]] = {
        DeclarationKind.POLICY: {"level": policy({"Sid": "Cap", "Resource": ACMES})},
        DeclarationKind.CLIENT: {},
        DeclarationKind.ROLE: {"clerk": {"policies": ["identity"], "boundary": ["level"]}},
    }
    globex = {"Sid": "Globex", "Resource": "arn:durward:orders:*:globex:order/*"}
    asked = access(policy({"Sid": "Own", "Resource": OWN}, globex), more=more)
    assert needless(asked) == ["identity/Globex"]


def test_a_policy_that_decides_about_nobody_is_not_asked_about() -> None:
    more: dict[DeclarationKind, dict[str, Any]] = {
        DeclarationKind.POLICY: {
            "spare": policy({"Resource": OWN}),
            "boss": policy({"Resource": ALL}),
        },
        DeclarationKind.ROLE: {"boss": {"policies": ["boss"]}},
    }
    asked = access(policy({"Resource": OWN}), more=more)
    assert asked.idle == {"spare", "boss"}
    assert needless(asked) == []


def test_what_is_found_stands_where_the_rest_cannot_be_settled() -> None:
    mixed = {"StringLike": {"app:X": "*T13:00"}, "DateEquals": {"app:X": "2024-06-01T12:00:00Z"}}
    more: dict[DeclarationKind, dict[str, Any]] = {
        DeclarationKind.POLICY: {
            "open": policy({"Sid": "Open", "Resource": OWN, "Condition": mixed})
        },
        DeclarationKind.USER: {"ann": {"tenant": "acme", "policies": ["open"]}},
    }
    asked, nothing = access(policy({"Resource": OWN}), more=more), access(policy())
    answers: list[Iterable[PrincipalWitness | AccessChange]] = [
        asked.who_can("orders:GetOrder", "*"),
        asked.breaches(never(Action="orders:GetOrder")),
        access_changes(nothing, asked),
    ]
    for each in answers:
        found: list[str] = []
        with pytest.raises(Unknown):
            found.extend(names_of_principal(known.principal)[0] for known in each)
        assert found[-1] == "user/bob"
        assert "user/ann" not in found
    (left_open,) = asked.redundant()
    assert left_open.statement == "open/Open"
    assert left_open.undecided
