"""Each check of lint: what it finds, and what it leaves alone."""

from pathlib import Path
from typing import Any

import pytest

from durward.core.openapi.operations import read_inventory
from durward.core.policy.analysis.checks.view import DeclaredEntities
from durward.core.policy.analysis.lint import CHECKS, lint
from durward.core.policy.language.catalogue import Catalogue, catalogue_of
from durward.core.policy.language.document import Document, PolicyKind, document_kind, read_document

OWN = "arn:durward:orders:*:${durward:TenantId}:order/*"
GET = {"operationId": "GetOrder", "x-durward": {"resource": "order/{id}", "tenant": "{tenant}"}}
LIST = {"operationId": "ListOrders", "x-durward": {"resource": "orders/all", "tenant": "{tenant}"}}
MINE = {"operationId": "GetNote", "x-durward": {"resource": "note/{id}", "owner": "{user}"}}
DOCUMENT: Any = {
    "openapi": "3.1.0",
    "paths": {
        "/{tenant}/orders/{id}": {"get": GET},
        "/{tenant}/orders": {"get": LIST},
        "/notes/{user}/{id}": {"get": MINE},
        "/status": {"get": {"operationId": "GetStatus", "security": []}},
    },
}
OPERATIONS = {"orders": read_inventory(DOCUMENT, "orders").operations}
ORDERS = catalogue_of(OPERATIONS)
EVALUATED = catalogue_of(OPERATIONS, evaluated=["orders"])


def read(value: Any, kind: PolicyKind | None = None) -> Document:
    """The document; without `kind`, as it names principals."""
    return read_document(value, "p", kind or document_kind(value))


def found(*statements: Any, catalogue: Catalogue = ORDERS, grants: bool = True) -> list[str]:
    """What lint finds: the id of the check, the pointer below the first statement's."""
    basis = {"Effect": "Allow", "Action": "orders:GetOrder", "Resource": OWN}
    whole = [_without_pairs({**basis, **statement}) for statement in statements]
    value: Any = {"Version": "2012-10-17", "Statement": whole}
    findings = lint(read(value), catalogue, grants=grants)
    return [f"{f.check.id} {f.pointer.removeprefix('/Statement/0')}" for f in findings]


def _without_pairs(statement: dict[str, Any]) -> dict[str, Any]:
    for name in ("Action", "Resource", "Principal"):
        if f"Not{name}" in statement:
            statement.pop(name, None)
    return statement


def condition(operator: str, key: str, value: Any = "x", **more: Any) -> dict[str, Any]:
    return {"Condition": {operator: {f"durward:{key}": value}}, **more}


DENY = {"Effect": "Deny"}
PRESENT = {"Null": {"durward:Acr": "false"}}
NOTE = {"Action": "orders:GetNote", "Resource": "arn:durward:orders:*:*:note/*"}
PUBLIC = {"Action": "orders:GetStatus", "Resource": "*"}

FOUND: list[tuple[str, str, dict[str, Any]]] = [
    ("unknown-action", "/Action", {"Action": "orders:GetOrdr"}),
    ("unknown-action", "/Action/1", {"Action": ["orders:GetOrder", "invoices:Get*"]}),
    ("unknown-action", "/Action/1", {"Action": ["Orders:getorder", "Orders:GetOrdr"]}),
    ("unknown-resource", "/Resource", {"Resource": "arn:durward:ordres:*:acme:order/*"}),
    ("unknown-resource", "/Resource", {"Resource": "arn:durward:orders:*:acme:invoice/*"}),
    ("unknown-key", "/Condition/StringEquals/durward:Sub", condition("StringEquals", "Sub")),
    ("unknown-key", "/Resource", {"Resource": "arn:durward:orders:*:${durward:Tenant}:order/*"}),
    (
        "unknown-key",
        "/Condition/StringEquals/durward:Acr",
        condition("StringEquals", "Acr", "${durward:Nobody}"),
    ),
    (
        "unknown-key",
        "/Condition/StringEquals/durward:PathParam~1order",
        condition("StringEquals", "PathParam/order"),
    ),
    ("operator-type", "/Condition/NumericEquals", condition("NumericEquals", "Subject", 1)),
    ("operator-type", "/Condition/StringEquals", condition("StringEquals", "SourceIp", "::1")),
    (
        "set-operator-on-one-value",
        "/Condition/ForAnyValue:StringEquals",
        condition("ForAnyValue:StringEquals", "Subject"),
    ),
    ("plain-operator-on-values", "/Condition/StringEquals", condition("StringEquals", "Roles")),
    ("variable-of-values", "/Resource", {"Resource": f"{OWN[:-1]}${{durward:Roles}}"}),
    (
        "variable-of-values",
        "/Condition/StringEquals/durward:Acr/1",
        condition("StringEquals", "Acr", ["x", "${durward:Amr}"]),
    ),
    ("allow-all-actions", "/Action", {"Action": "*"}),
    ("allow-all-resources", "/Resource", {"Resource": "*"}),
    ("allow-all-resources", "/Resource", {"Resource": "arn:durward:orders:*:*:*"}),
    ("allow-not-action", "/NotAction", {"NotAction": "orders:GetNote"}),
    ("allow-not-resource", "/NotResource", {"NotResource": OWN}),
    (
        "for-all-values-unguarded",
        "/Condition/ForAllValues:StringEquals/durward:Roles",
        condition("ForAllValues:StringEquals", "Roles"),
    ),
    (
        "allow-when-absent",
        "/Condition/StringNotEquals/durward:Acr",
        condition("StringNotEquals", "Acr"),
    ),
    (
        "allow-when-absent",
        "/Condition/StringEqualsIfExists/durward:Acr",
        condition("StringEqualsIfExists", "Acr"),
    ),
    (
        "deny-not-when-absent",
        "/Condition/StringEquals/durward:Acr",
        condition("StringEquals", "Acr", **DENY),
    ),
    (
        "deny-not-when-absent",
        "/Condition/StringEquals/durward:Subject",
        condition("StringEquals", "Subject", **DENY, **PUBLIC),
    ),
    (
        "deny-not-when-absent",
        "/Condition/ForAnyValue:StringEquals/durward:Roles",
        condition("ForAnyValue:StringEquals", "Roles", **DENY),
    ),
    (
        "key-never-present",
        "/Condition/NumericLessThan/durward:RiskScore",
        condition("NumericLessThan", "RiskScore", 5),
    ),
    (
        "key-never-present",
        "/Condition/StringEquals/durward:ResourceOwner",
        condition("StringEquals", "ResourceOwner"),
    ),
    ("key-never-present", "/Resource", {"Resource": f"{OWN[:-1]}${{durward:ResourceOwner}}"}),
    (
        "key-never-present",
        "/Condition/StringLike/durward:Acr",
        condition("StringLike", "Acr", "${durward:PrincipalTag/level}*"),
    ),
    (
        "odd-instant",
        "/Condition/DateGreaterThan/durward:CurrentTime",
        condition("DateGreaterThan", "CurrentTime", 2026),
    ),
    (
        "odd-instant",
        "/Condition/DateLessThan/durward:EpochTime/1",
        condition("DateLessThan", "EpochTime", ["1767225600", 1767225600000]),
    ),
    (
        "whole-range",
        "/Condition/NotIpAddress/durward:SourceIp/1",
        condition("NotIpAddress", "SourceIp", ["::1", "10.0.0.1/8"], **DENY),
    ),
    ("redundant-value", "/Action/1", {"Action": ["orders:Get*", "Orders:GetOrder"]}),
    ("redundant-value", "/Action/0", {"Action": ["orders:GetO*", "orders:Get*"]}),
    ("redundant-value", "/Action/1", {"Action": ["orders:Get?rder", "orders:get?rder"]}),
    ("redundant-value", "/Action/1", {"Action": ["orders:Get*r", "orders:Get?r*er"]}),
    ("redundant-value", "/Resource/1", {"Resource": [OWN, OWN]}),
    ("redundant-value", "/NotResource/0", {**DENY, "NotResource": [OWN, "arn:durward:*:*:*:*"]}),
    (
        "redundant-value",
        "/Condition/StringNotLike/durward:Acr/0",
        condition("StringNotLike", "Acr", ["level-?", "level-*"], **DENY),
    ),
    (
        "redundant-value",
        "/Condition/StringEquals/durward:Acr/2",
        condition("StringEquals", "Acr", ["x", "y", "x"]),
    ),
    (
        "impossible-value",
        "/Condition/StringEquals/durward:RequestMethod/1",
        condition("StringEquals", "RequestMethod", ["GET", "BREW"]),
    ),
    (
        "impossible-value",
        "/Condition/StringNotLike/durward:OperationId",
        condition("StringNotLike", "OperationId", "GetOder*"),
    ),
    (
        "impossible-value",
        "/Condition/StringEquals/durward:PrincipalType",
        condition("StringEquals", "PrincipalType", "usr"),
    ),
    (
        "impossible-value",
        "/Condition/StringEquals/durward:TokenBinding",
        condition("StringEquals", "TokenBinding", "dpopp"),
    ),
    (
        "blank-around",
        "/Condition/StringEquals/durward:Subject/1",
        condition("StringEquals", "Subject", ["ann", "bob "]),
    ),
    ("blank-around", "/Resource", {"Resource": f"{OWN} "}),
    ("any-text", "/Condition/StringLike/durward:Acr", condition("StringLike", "Acr", "*")),
    (
        "any-text",
        "/Condition/ForAnyValue:StringNotLike/durward:Amr/1",
        condition("ForAnyValue:StringNotLike", "Amr", ["x", "**"], **DENY),
    ),
    ("null-of-both", "/Condition/Null/durward:Acr", condition("Null", "Acr", ["true", "false"])),
    (
        "wildcard-in-equals",
        "/Condition/StringEquals/durward:Subject/1",
        condition("StringEquals", "Subject", ["ann", "b*"]),
    ),
    (
        "never-applies",
        "/Resource",
        {"Resource": "arn:durward:orders:*:${durward:TenantId}:note/*"},
    ),
    (
        "never-applies",
        "",
        {"Condition": {"StringEquals": {"durward:Acr": "x"}, "Null": {"durward:Acr": "true"}}},
    ),
    ("object-unbound", "/Resource", {"Resource": "arn:durward:orders:*:*:order/*"}),
    ("object-unbound", "/Resource", NOTE),
]


@pytest.mark.parametrize(("check", "place", "statement"), FOUND)
def test_a_check_reports_its_example(check: str, place: str, statement: dict[str, Any]) -> None:
    assert f"{check} {place}" in found(statement)


LEFT_ALONE: list[tuple[str, dict[str, Any]]] = [
    ("nothing special", {}),
    (
        "actions by wildcards and in other letters",
        {
            "Action": ["orders:getO*", "orders:L*"],
            "Resource": "arn:durward:orders:*:${durward:TenantId}:order*",
        },
    ),
    ("a star that denies", {"Effect": "Deny", "Action": "*", "Resource": "*"}),
    ("a complement that denies", {**DENY, "NotAction": "orders:GetNote"}),
    ("a key in other letters", condition("StringEquals", "sUBJECT")),
    ("a variable of the path", condition("StringEquals", "PathParam/ID")),
    ("epoch seconds as a number", condition("NumericLessThan", "CurrentTime", 5)),
    ("a key without a known type", condition("NumericLessThan", "TokenClaim/level", 5)),
    ("a quantifier on several values", condition("ForAnyValue:StringEquals", "Roles")),
    ("a negated operator on what is always there", condition("StringNotEquals", "Subject")),
    ("a positive operator where it fails closed", condition("StringEquals", "Acr")),
    ("a negated operator that denies", condition("StringNotEquals", "Acr", **DENY)),
    ("a positive operator on what is always there", condition("StringEquals", "Subject", **DENY)),
    ("IfExists that denies", condition("StringEqualsIfExists", "Acr", **DENY)),
    (
        "a guarded negation",
        {"Condition": {"StringNotEquals": {"durward:Acr": "x"}, **PRESENT}},
    ),
    (
        "guarded ForAllValues",
        {
            "Condition": {
                "ForAllValues:StringEquals": {"durward:Roles": "x"},
                "Null": {"durward:Roles": "false"},
            }
        },
    ),
    (
        "a variable that a default stands for",
        {"Resource": f"{OWN[:-1]}${{durward:PrincipalTag/shelf, 'a'}}"},
    ),
    ("dates and seconds of our days", condition("DateLessThan", "CurrentTime", ["2026-01", 2e9])),
    ("a range", condition("IpAddress", "SourceIp", ["10.0.0.0/8", "10.0.0.1", "::1"])),
    (
        "patterns of which neither includes the other",
        {"Action": ["orders:Get?rder", "orders:*O?der", "orders:GetO*"]},
    ),
    (
        "resources that differ in a segment",
        {"Resource": [OWN, OWN.replace("*", "prod", 1).replace("order/*", "order*")]},
    ),
    ("a wildcard for StringLike", condition("StringLike", "Subject", "a*")),
    ("a pattern that some operation fits", condition("StringLike", "OperationId", "Get*")),
    ("a value that a variable brings in", condition("StringEquals", "Stage", "${durward:Acr}")),
    ("a method that no operation has yet", condition("StringNotEquals", "RequestMethod", "PUT")),
    ("a binding that there is", condition("StringEquals", "TokenBinding", "bound")),
    ("a blank within", condition("StringEquals", "Subject", "a b")),
    ("presence alone", condition("Null", "Acr", "false")),
    ("an escaped wildcard", condition("StringEquals", "Subject", "a${*}")),
    ("an object bound by its owner", {**NOTE, **condition("StringEquals", "ResourceOwner")}),
    (
        "an object bound by its name",
        {**NOTE, "Resource": "arn:durward:orders:*:*:note/${durward:Subject}-*"},
    ),
    ("a fixed tenant", {"Resource": "arn:durward:orders:*:acme:order/*"}),
    (
        "a list, which is no object of the caller's choice",
        {"Action": "orders:GetStatus", "Resource": "arn:durward:orders:*::*"},
    ),
]


@pytest.mark.parametrize(("what", "statement"), LEFT_ALONE)
def test_lint_leaves_alone(what: str, statement: dict[str, Any]) -> None:
    assert found(statement) == [], what


def test_an_allow_under_a_wider_deny_never_allows() -> None:
    deny = {"Effect": "Deny", "Action": "orders:*", "Resource": "*"}
    assert found({}, deny) == ["shadowed "]
    assert found({}, {**deny, **condition("StringNotEquals", "Subject")}) == []
    narrower = {**deny, "Action": "orders:List*", "Resource": "arn:durward:orders:*:*:orders/*"}
    assert found({}, narrower) == []


def test_of_two_equal_statements_the_second_is_reported() -> None:
    assert found({}, {}) == ["redundant /Statement/1"]
    wider = {"Action": "orders:Get*", "Resource": "arn:durward:orders:*:${durward:TenantId}:*"}
    assert found({}, wider) == ["redundant "]
    with_condition = condition("StringEquals", "Subject")
    assert found(with_condition, {}) == ["redundant "]
    assert found(with_condition, condition("StringEquals", "Subject", "y")) == []


def test_a_boundary_is_not_blamed_for_what_it_would_allow() -> None:
    assert found({"Action": "*", "Resource": "*"}, grants=False) == []
    assert found({"Action": "orders:No"}, grants=False) == ["unknown-action /Action"]


def test_without_an_api_actions_and_resources_are_not_checked() -> None:
    unknown = {"Action": "a:b", "Resource": "arn:durward:a:*:acme:b/*"}
    assert found(unknown, catalogue=catalogue_of({})) == []
    assert found(condition("StringEquals", "Sub"), catalogue=catalogue_of({})) != []


def test_an_allow_for_everybody_except_some_is_reported() -> None:
    statement: Any = {
        "Effect": "Allow",
        "Action": "orders:GetStatus",
        "NotPrincipal": {"Durward": "arn:durward:iam::acme:user/eve"},
    }
    document = read({"Version": "2012-10-17", "Statement": statement})
    (finding,) = lint(document, ORDERS)
    assert (finding.check.id, finding.pointer) == ("allow-not-principal", "/Statement/NotPrincipal")


EVERYBODY: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"Action": "orders:GetOrder", "Resource": "arn:durward:orders:*:acme:order/*"},
        [
            "everybody-of-a-tenant /Statement/Resource",
            "everybody-with-a-token /Statement/Principal",
        ],
    ),
    (
        {"Action": "orders:GetOrder", "Resource": OWN},
        ["everybody-with-a-token /Statement/Principal"],
    ),
    ({"Action": "orders:GetStatus"}, []),
    (
        {
            "Action": "orders:GetOrder",
            "Resource": "arn:durward:orders:*:acme:order/*",
            "Condition": {"StringEquals": {"durward:TenantId": "acme"}},
        },
        [],
    ),
]


@pytest.mark.parametrize(("elements", "expected"), EVERYBODY)
def test_an_allow_for_everybody_is_reported(elements: dict[str, Any], expected: list[str]) -> None:
    for effect, told in (("Allow", expected), ("Deny", [])):
        statement: Any = {"Effect": effect, "Principal": "*", **elements}
        document = read({"Version": "2012-10-17", "Statement": statement})
        found = [f"{each.check.id} {each.pointer}" for each in lint(document, ORDERS)]
        assert [each for each in found if each.startswith("everybody")] == told


DECLARED = DeclaredEntities(
    frozenset({"acme"}),
    {"orders": "prod"},
    frozenset({"clerk"}),
    frozenset({"arn:durward:iam::acme:user/ann"}),
)
UNKNOWN = {
    "tenant": {"Resource": ["arn:durward:orders:*:acmee:order/1", "arn:durward:orders:*:b*:*"]},
    "stage": {"Resource": ["arn:durward:orders:test:acme:order/1", "arn:durward:o*:t*:acme:*"]},
    "principal": {
        "NotPrincipal": {
            "Durward": ["arn:durward:iam::acme:user/anna", "arn:durward:iam::globex:role/clerk"]
        }
    },
}


@pytest.mark.parametrize(("name", "elements"), UNKNOWN.items())
def test_undeclared_tenants_stages_and_principals_are_reported(
    name: str, elements: dict[str, Any]
) -> None:
    assert findings(elements, DECLARED) == [f"unknown-{name}"] * 2
    assert findings(elements, DeclaredEntities()) == []


def test_declared_names_are_not_reported() -> None:
    arns = ["arn:durward:orders:prod:acme:order/1", "arn:durward:orders:*:${durward:TenantId}:x/*"]
    people = [*sorted(DECLARED.principals), "arn:durward:iam::acme:role/clerk", "*"]
    elements = {"Resource": [*arns, "arn:durward:*:p*:a*:order/2", "arn:durward:orders:prod::*"]}
    assert findings({**elements, "Principal": {"Durward": people}}, DECLARED) == []


PEOPLE = DeclaredEntities(
    frozenset({"acme"}),
    {"orders": "prod"},
    frozenset({"admin", "clerk"}),
    frozenset({"arn:durward:iam::acme:client/desk", "arn:durward:iam::acme:group/night"}),
    frozenset({"orders:read"}),
)
MISSPELLED = {
    "Roles": ("amdin", "there is no role `amdin`; did you mean `admin`?"),
    "Groups": ("nigth", "there is no group `nigth`; did you mean `night`?"),
    "Scopes": ("orders:raed", "there is no scope `orders:raed`; did you mean `orders:read`?"),
    "Stage": ("live", "there is no stage `live`"),
    "ClientId": ("desc", "there is no client `desc`; did you mean `desk`?"),
    "TenantId": ("acmee", "there is no tenant `acmee`; did you mean `acme`?"),
    "ResourceTenant": ("acmee", "there is no tenant `acmee`; did you mean `acme`?"),
}
DECLARED_VALUES = {
    "Roles": "cl*",
    "Groups": "night",
    "Scopes": "orders:*",
    "Stage": "prod",
    "ClientId": "desk",
    "TenantId": "acme",
    "ResourceTenant": "ac?e",
}


def impossible(
    key: str, value: str, names: DeclaredEntities, catalogue: Catalogue = ORDERS
) -> list[str]:
    quantifier = "ForAnyValue:" if key in {"Roles", "Groups", "Scopes"} else ""
    statement: Any = {"Effect": "Allow", "Action": "orders:GetOrder", "Resource": OWN}
    statement |= condition(f"{quantifier}StringLike", key, value)
    document = read({"Version": "2012-10-17", "Statement": [statement]})
    told = lint(document, catalogue, names=names)
    return [each.message for each in told if each.check.id == "impossible-value"]


@pytest.mark.parametrize("key", MISSPELLED)
def test_a_value_that_no_declaration_has_is_reported(key: str) -> None:
    value, message = MISSPELLED[key]
    assert impossible(key, value, PEOPLE) == [message]
    assert impossible(key, DECLARED_VALUES[key], PEOPLE) == []


@pytest.mark.parametrize("key", MISSPELLED)
def test_without_declarations_no_value_is_reported(key: str) -> None:
    value, _ = MISSPELLED[key]
    assert impossible(key, value, DeclaredEntities()) == []
    assert impossible(key, value, PEOPLE, catalogue_of({})) == []
    assert impossible("Roles", "amdin", DeclaredEntities(frozenset({"acme"}))) == []


def test_for_a_key_of_few_values_all_of_them_are_suggested() -> None:
    statement = condition("StringEquals", "TokenBinding", "dpop")
    document = read(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Action": "orders:GetOrder",
                "Resource": OWN,
                **statement,
            },
        },
    )
    (finding,) = lint(document, ORDERS)
    assert finding.fix == "write `bound` or `none`"
    assert lint(document, EVALUATED) == []


@pytest.mark.parametrize(
    ("operator", "hint"),
    [
        ("StringLike", 'write `Null: { durward:Acr: "false" }`'),
        ("StringNotLike", 'write `Null: { durward:Acr: "true" }`'),
        ("StringLikeIfExists", "remove it: it always holds"),
        ("StringNotLikeIfExists", 'write `Null: { durward:Acr: "true" }`'),
        ("ForAnyValue:StringNotLike", "remove it: it never holds"),
        ("ForAllValues:StringLike", "remove it: it always holds"),
        ("ForAllValues:StringNotLike", 'write `Null: { durward:Acr: "true" }`'),
    ],
)
def test_a_condition_that_always_holds_is_reported_with_a_correction(
    operator: str, hint: str
) -> None:
    statement: Any = {"Effect": "Allow", "Action": "orders:GetOrder", "Resource": OWN}
    statement |= condition(operator, "Acr", "*")
    document = read({"Version": "2012-10-17", "Statement": statement})
    assert [f.fix for f in lint(document, ORDERS) if f.check.id == "any-text"] == [hint]


def test_a_document_without_statements_is_reported() -> None:
    (finding,) = lint(read({"Version": "2012-10-17", "Statement": []}), ORDERS)
    assert (finding.check.id, finding.pointer) == ("no-statement", "/Statement")


def findings(elements: dict[str, Any], names: DeclaredEntities) -> list[str]:
    """What lint finds in a Deny of an API's policy about names that are declared."""
    statement = {"Effect": "Deny", "Action": "orders:GetOrder", "Principal": "*", **elements}
    if "NotPrincipal" in elements:
        del statement["Principal"]
    document = read({"Version": "2012-10-17", "Statement": statement}, PolicyKind.RESOURCE)
    told = [finding.check.id for finding in lint(document, ORDERS, names=names)]
    return [name for name in told if name.removeprefix("unknown-") in UNKNOWN]


@pytest.mark.parametrize(
    ("operator", "key"),
    [
        ("StringEquals", "Sub"),
        ("StringEquals", "PathParam/Order"),
        ("NumericEquals", "ACR"),
        ("StringNotEquals", "resourceOwner"),
        ("ForAllValues:StringEquals", "ROLES"),
        ("StringEquals", "rolEs"),
        ("StringEquals", "ResourceTag/Colour"),
    ],
)
def test_a_key_is_reported_in_its_authors_spelling(operator: str, key: str) -> None:
    statement: Any = {"Effect": "Allow", "Action": "orders:*Order*", "Resource": OWN}
    statement |= condition(operator, key, "1")
    document = read({"Version": "2012-10-17", "Statement": statement})
    told = [each for each in lint(document, ORDERS) if "/Condition/" in each.pointer]
    assert told
    assert all(f"`durward:{key}`" in each.message for each in told)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order/${*}*", "order/*y"),  # a star that is meant itself is no wildcard
        ("order/$*", "order/${*}y"),  # nor are the signs around it the text's own
        ("order/??*", "order/a*"),
        ("order/?a*", "order/b?*"),
        ("order/${durward:Subject}", "order/ann"),
        ("order/*/${durward:Subject}", "order/${durward:Subject}/a"),
    ],
)
def test_a_value_is_redundant_only_if_another_covers_all_of_it(one: str, other: str) -> None:
    start = OWN.removesuffix("order/*")
    told = found({"Resource": [start + one, start + other]})
    assert not [each for each in told if each.startswith("redundant-value")]
    told = found(condition("StringLike", "Acr", [one, other]))
    assert not [each for each in told if each.startswith("redundant-value")]


def test_every_check_has_an_example_and_says_why_and_what_to_do() -> None:
    tried = {check for check, _, _ in FOUND} | {f"unknown-{name}" for name in UNKNOWN}
    tried |= {"shadowed", "redundant", "allow-not-principal", "no-statement"}
    tried |= {told.partition(" ")[0] for _, listed in EVERYBODY for told in listed}
    assert tried == {check.id for check, _ in CHECKS}
    assert all(check.reason and check.fix for check, _ in CHECKS)
    page = Path(__file__).parents[3] / "docs" / "policy-checks.md"
    assert not [check.id for check, _ in CHECKS if f"`{check.id}`" not in page.read_text()]


def test_a_document_of_a_thousand_statements_is_read_in_a_moment() -> None:
    statements = [{"Sid": f"S{n}", "Resource": f"{OWN}{n}"} for n in range(1_000)]
    assert found(*statements) == []


@pytest.mark.parametrize(
    "excluding",
    [
        {"NumericLessThan": {"durward:AuthAge": 5}, "NumericGreaterThan": {"durward:AuthAge": 10}},
        {"StringEquals": {"durward:Acr": "a"}, "StringLike": {"durward:Acr": "b*"}},
        {
            "IpAddress": {"durward:SourceIp": "10.1.0.0/16"},
            "NotIpAddress": {"durward:SourceIp": "10.0.0.0/8"},
        },
    ],
)
def test_conditions_that_exclude_each_other_are_found_whatever_their_text(
    excluding: dict[str, Any],
) -> None:
    assert found({"Condition": excluding}) == ["never-applies "]


def test_a_statement_that_covers_another_is_found_whatever_its_text() -> None:
    young = {"Condition": {"NumericLessThan": {"durward:AuthAge": 5}}}
    older = {"Condition": {"NumericLessThan": {"durward:AuthAge": 50}}}
    rest = {"Condition": {"NumericGreaterThanEquals": {"durward:AuthAge": 50}}}
    assert found(older, young) == ["redundant /Statement/1"]
    assert found(older, rest, young)[-1:] == ["redundant /Statement/2"]
    deny = {**DENY, "Condition": {"NumericLessThan": {"durward:AuthAge": 50}}}
    assert "shadowed " in found(young, deny)
    assert "shadowed " not in found(rest, deny)


def test_a_condition_that_every_tenant_satisfies_does_not_restrict_the_tenant() -> None:
    loose = {"Resource": "arn:durward:orders:*:*:order/*"}
    anyone = {"Condition": {"StringLike": {"durward:ResourceTenant": "*"}}}
    own = {"Condition": {"StringEquals": {"durward:ResourceTenant": "${durward:TenantId}"}}}
    fixed = {"Condition": {"StringEquals": {"durward:ResourceTenant": "acme"}}}
    assert "object-unbound /Resource" in found({**loose, **anyone})
    assert "object-unbound /Resource" not in found({**loose, **own})
    assert "object-unbound /Resource" not in found({**loose, **fixed})


RISK = "/Condition/NumericLessThan/durward:RiskScore"
ADDRESS = "/Condition/NotIpAddress/durward:SourceIp"


def test_a_key_that_only_other_enforcement_points_provide_is_expected_where_they_ask() -> None:
    risk = condition("NumericLessThan", "RiskScore", 5)
    assert found(risk) == [f"key-never-present {RISK}"]
    assert found(risk, catalogue=EVALUATED) == []
    denied = {**risk, **DENY}
    assert found(denied, catalogue=EVALUATED) == [f"deny-not-when-absent {RISK}"]
    lenient = condition("NumericLessThanIfExists", "RiskScore", 5)
    (finding,) = found(lenient, catalogue=EVALUATED)
    assert finding.startswith("allow-when-absent")


def test_a_key_that_the_edge_always_provides_may_be_missing_where_others_ask() -> None:
    outside = condition("NotIpAddress", "SourceIp", "10.0.0.0/8")
    assert found(outside) == []
    assert found(outside, catalogue=EVALUATED) == [f"allow-when-absent {ADDRESS}"]
    denied = condition("IpAddress", "SourceIp", "10.0.0.0/8", **DENY)
    value: Any = {"Effect": "Deny", "Action": "*", "Resource": "*", **denied}
    document = read({"Version": "2012-10-17", "Statement": value})
    assert [each.check.id for each in lint(document, ORDERS)] == []
    (told,) = lint(document, EVALUATED)
    assert told.message.endswith(
        "is absent; a client with the API in its `authzen_apis` may not send it"
    )


def test_for_a_key_that_nobody_provides_the_finding_names_who_could() -> None:
    def fix(key: str) -> str:
        statement: Any = {"Effect": "Allow", "Action": "orders:GetOrder", "Resource": OWN}
        statement |= condition("StringEquals", key)
        document = read({"Version": "2012-10-17", "Statement": statement})
        return next(f.fix for f in lint(document, ORDERS) if f.check.id == "key-never-present")

    assert "`authzen_apis`" in fix("DeviceTrust")
    assert "`authzen_apis`" not in fix("Actor")
