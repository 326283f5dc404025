"""The nearest miss: what would have to be otherwise for a denied request to be allowed."""

from dataclasses import replace
from typing import Any

import pytest

from durward.core.policy.analysis.available_keys import Caller
from durward.core.policy.analysis.explain import explain
from durward.core.policy.engine.decision import Result
from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.document import Document, PolicyKind, read_document

ORDER = "arn:durward:orders:s:acme:order/1"
ANN = Principal("ann", "user", "acme", ("clerk",), scopes=frozenset({"read"}))
GET = AccessRequest(ANN, "orders:GetOrder", ORDER, {"durward:Acr": "1", "durward:AuthAge": "4000"})


def document(*statements: dict[str, Any]) -> Document:
    usual = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    listed: list[Any] = [{**usual, **statement} for statement in statements]
    return read_document({"Version": "2012-10-17", "Statement": listed}, "p")


def told(
    policies: Policies, request: AccessRequest = GET, caller: Caller = Caller.ANY
) -> tuple[str, str, str] | None:
    miss = explain(PolicySet(policies), request, caller).miss
    return (miss.kind, miss.key, miss.value) if miss else None


def clerks(*statements: dict[str, Any]) -> Policies:
    return Policies(
        identity={"role/clerk": [document(*statements)]},
        scopes={"read": frozenset({"orders:GetOrder"}), "write": frozenset({"orders:Cancel"})},
    )


@pytest.mark.parametrize(
    ("condition", "miss"),
    [
        ({"StringEquals": {"durward:Acr": "2"}}, ("sign-in", "durward:Acr", "2")),
        ({"NumericLessThan": {"durward:AuthAge": 3600}}, ("sign-in", "durward:AuthAge", "3599")),
        ({"Bool": {"app:Open": "true"}}, ("value", "app:Open", "true")),
        ({"StringLike": {"app:Shop": "a*"}}, ("value", "app:Shop", "ax")),
        ({"Bool": {"app:A": "true", "app:B": "true"}}, None),
    ],
)
def test_the_value_that_would_allow_is_named(
    condition: dict[str, Any], miss: tuple[str, str, str] | None
) -> None:
    assert told(clerks({"Condition": condition})) == miss


def test_a_stronger_sign_in_is_proposed_before_another_value() -> None:
    by_value = {"Condition": {"Bool": {"app:Open": "true"}}}
    by_sign_in = {"Condition": {"StringEquals": {"durward:Acr": "2"}}}
    assert told(clerks(by_value, by_sign_in)) == ("sign-in", "durward:Acr", "2")


def test_the_missing_scope_is_proposed() -> None:
    request = replace(GET, action="orders:Cancel")
    assert told(clerks({}), request) == ("scope", "durward:Scopes", "write")


def test_a_role_that_would_allow_is_proposed() -> None:
    roles = {"role/boss": [document({})], "role/guest": [document()]}
    assert told(replace(clerks(), identity=roles)) == ("role", "durward:Roles", "boss")


def test_a_group_that_would_allow_is_proposed() -> None:
    groups = {"group/staff": [document({})], "group/guests": [document()]}
    assert told(replace(clerks(), identity=groups)) == ("group", "durward:Groups", "staff")


def test_the_condition_of_a_boundary_is_reported() -> None:
    capped = replace(
        clerks({}),
        boundaries={"role/clerk": [document({"Condition": {"StringEquals": {"app:Site": "hq"}}})]},
    )
    assert told(capped) == ("value", "app:Site", "hq")


def test_a_resource_of_another_tenant_is_reported_as_such() -> None:
    theirs = replace(GET, resource="arn:durward:orders:s:globex:order/1")
    assert told(clerks({}), theirs) == ("tenant", "durward:TenantId", "globex")


def test_for_a_deny_a_value_that_it_does_not_deny_is_proposed() -> None:
    deny = {"Effect": "Deny", "Condition": {"NumericGreaterThan": {"app:Risk": "70"}}}
    risky = replace(GET, context={"app:Risk": "90"})
    assert told(clerks({}, deny), risky) == ("value", "app:Risk", "70")


def test_every_condition_of_a_deny_can_be_the_one_to_change() -> None:
    conditions = {
        "StringEquals": {"durward:Subject": "ann"},
        "NumericGreaterThan": {"durward:AuthAge": "300"},
    }
    deny = {"Effect": "Deny", "Condition": conditions}
    assert told(clerks({}, deny)) == ("sign-in", "durward:AuthAge", "300")
    lines = list(explain(PolicySet(clerks({}, deny)), GET).lines())
    assert lines[0].startswith("denied: `p/#2`")
    assert "  NumericGreaterThan durward:AuthAge `300` holds, was `4000`" in lines


def test_a_proposed_value_satisfies_every_condition_on_its_key() -> None:
    between = {
        "NumericGreaterThan": {"app:Trust": "20"},
        "NumericLessThan": {"app:Trust": "80"},
    }
    trusted = replace(GET, context={"app:Trust": "90"})
    found = told(clerks({"Condition": between}), trusted)
    assert found is not None
    assert 20 < float(found[2]) < 80


def test_a_request_for_a_malformed_resource_is_explained_too() -> None:
    odd = replace(GET, resource="order/1", owner="globex")
    assert explain(PolicySet(clerks({"Effect": "Deny"})), odd).result is Result.EXPLICIT_DENY


def test_no_change_is_proposed_if_none_is_enough() -> None:
    assert told(clerks({"Effect": "Deny"})) is None
    assert told(Policies()) is None
    assert told(clerks({})) is None, "an allow misses nothing"


def test_the_nearest_miss_is_in_the_text_and_in_the_json() -> None:
    policies = clerks({"Condition": {"StringEquals": {"durward:Acr": "2"}}})
    explanation = explain(PolicySet(policies), GET)
    assert "nearest miss: with durward:Acr `2` it would be allowed" in list(explanation.lines())
    wire = explanation.to_wire()
    assert wire["nearest_miss"] == {"kind": "sign-in", "key": "durward:Acr", "value": "2"}


def together(policies: Policies, request: AccessRequest = GET) -> list[str]:
    return [str(each) for each in explain(PolicySet(policies), request).misses]


def test_if_one_change_is_not_enough_the_fewest_are_proposed_together() -> None:
    two = {"Condition": {"Bool": {"app:A": "true", "app:B": "true"}}}
    assert together(clerks(two)) == ["with app:A `true`", "with app:B `true`"]
    four = {"Condition": {"Bool": {f"app:{name}": "true" for name in "ABCD"}}}
    assert together(clerks(four, two)) == ["with app:A `true`", "with app:B `true`"]
    assert together(clerks(four)) == [], "nobody thinks of four"


def test_the_changes_for_all_layers_are_proposed_together() -> None:
    strong = {"Condition": {"StringEquals": {"durward:Acr": "2"}}}
    at_hq = {"Condition": {"StringEquals": {"app:Site": "hq"}}}
    capped = replace(clerks(strong), boundaries={"role/clerk": [document(at_hq)]})
    cancel = replace(GET, action="orders:Cancel")
    assert together(capped, cancel) == [
        "with the scope `write`",
        "with durward:Acr `2`",
        "with app:Site `hq`",
    ]
    assert together(capped) == ["with durward:Acr `2`", "with app:Site `hq`"]


def test_a_value_that_two_layers_require_is_one_change() -> None:
    one = {"Condition": {"StringEquals": {"app:Site": ["lab", "hq"]}}}
    other = {"Condition": {"StringEquals": {"app:Site": ["shop", "hq"]}}}
    no_lab = {"Effect": "Deny", "Condition": {"StringEquals": {"app:Site": "lab"}}}
    capped = replace(clerks(one, no_lab), boundaries={"role/clerk": [document(other)]})
    assert told(capped) == ("value", "app:Site", "hq")


def test_a_value_that_another_statement_denies_is_not_proposed() -> None:
    wanted = {"Condition": {"StringEquals": {"app:Site": ["lab", "hq"]}}}
    denied = {"Effect": "Deny", "Condition": {"StringEquals": {"app:Site": "lab"}}}
    assert told(clerks(wanted, denied)) == ("value", "app:Site", "hq")


def test_a_role_is_proposed_together_with_the_values_that_its_policy_requires() -> None:
    strong = {"Condition": {"StringEquals": {"durward:Acr": "2"}}}
    policies = replace(clerks(), identity={"role/boss": [document(strong)]})
    assert together(policies) == ["with durward:Acr `2`", "with the role `boss`"]


@pytest.mark.parametrize(
    ("condition", "miss"),
    [
        (
            {"ForAnyValue:StringEquals": {"durward:Roles": "boss"}},
            ("role", "durward:Roles", "boss"),
        ),
        (
            {"ForAnyValue:StringEquals": {"durward:Groups": "staff"}},
            ("group", "durward:Groups", "staff"),
        ),
        (
            {"ForAnyValue:StringEquals": {"durward:Scopes": "admin"}},
            ("scope", "durward:Scopes", "admin"),
        ),
    ],
)
def test_a_role_a_group_or_a_scope_that_a_condition_requires_is_proposed(
    condition: dict[str, Any], miss: tuple[str, str, str]
) -> None:
    assert told(clerks({"Condition": condition})) == miss


def test_a_tenant_that_a_condition_requires_is_proposed() -> None:
    theirs = {"Condition": {"StringEquals": {"durward:TenantId": "globex"}}}
    nobodys = replace(GET, resource="arn:durward:orders:s::order/1")
    assert told(clerks(theirs), nobodys) == ("tenant", "durward:TenantId", "globex")


def test_a_principal_that_the_policy_of_an_api_names_is_proposed() -> None:
    boss = {"Durward": "arn:durward:iam::acme:role/boss"}
    statement: Any = {"Effect": "Allow", "Action": "*", "Principal": boss}
    body: Any = {"Version": "2012-10-17", "Statement": [statement]}
    api = read_document(body, "api", PolicyKind.RESOURCE)
    policies = replace(clerks(), identity={}, resources={"orders": [api]})
    assert told(policies) == ("role", "durward:Roles", "boss")
    assert together(policies, replace(GET, principal=None)) == []
    but: Any = {**statement, "Effect": "Deny", "NotPrincipal": boss}
    del but["Principal"]
    body["Statement"] = [{**statement, "Principal": "*"}, but]
    api = read_document(body, "api", PolicyKind.RESOURCE)
    policies = replace(clerks(), identity={}, resources={"orders": [api]})
    assert told(policies) == ("role", "durward:Roles", "boss")


def test_of_many_roles_a_few_are_tried() -> None:
    strict = document({"Condition": {"Bool": {f"app:{name}": "true" for name in "ABCD"}}})
    roles = {f"role/r{number}": [strict] for number in range(500)}
    assert together(replace(clerks(), identity=roles)) == []


def test_several_changes_are_in_the_text_and_in_the_json() -> None:
    two = {"Condition": {"StringEquals": {"durward:Acr": "2", "app:Open": "yes"}}}
    explanation = explain(PolicySet(clerks(two)), GET)
    line = "nearest miss: with durward:Acr `2` and with app:Open `yes` it would be allowed"
    assert line in list(explanation.lines())
    wire = explanation.to_wire()
    assert wire["nearest_miss"] is None, "no single change is enough"
    assert wire["nearest_misses"] == [
        {"kind": "sign-in", "key": "durward:Acr", "value": "2"},
        {"kind": "value", "key": "app:Open", "value": "yes"},
    ]


AT_THE_EDGE = {
    "durward:OperationId": "GetOrder",
    "durward:RequestMethod": "GET",
    "durward:Stage": "s",
    "durward:CurrentTime": "1800000000",
    "durward:Amr": ["pwd"],
    "durward:AuthTime": "1799999000",
}


@pytest.mark.parametrize(
    ("condition", "miss"),
    [
        ({"StringEquals": {"durward:RiskScore": "1"}}, None),
        ({"StringEquals": {"durward:ResourceAttr/state": "open"}}, None),
        ({"StringEquals": {"durward:Stage": "prod"}}, None),
        ({"StringEquals": {"durward:RequestMethod": "POST"}}, None),
        ({"StringEquals": {"durward:PathParam/id": "1"}}, None),
        ({"DateLessThan": {"durward:CurrentTime": "2020-01-01T00:00:00Z"}}, None),
        ({"NumericLessThan": {"durward:AuthTime": "1700000000"}}, None),
        ({"Null": {"durward:CurrentTime": "true"}}, None),
        ({"StringEquals": {"durward:Amr": "otp"}}, None),
        (
            {"DateGreaterThan": {"durward:CurrentTime": "2030-01-01T00:00:00Z"}},
            ("time", "durward:CurrentTime", "2030-01-02T00:00:00Z"),
        ),
        (
            {"ForAnyValue:StringEquals": {"durward:Amr": "otp"}},
            ("sign-in", "durward:Amr", "otp"),
        ),
        ({"StringEquals": {"durward:Acr": "2"}}, ("sign-in", "durward:Acr", "2")),
    ],
)
def test_a_key_that_no_request_can_have_is_not_reported_as_missing(
    condition: dict[str, Any], miss: tuple[str, str, str] | None
) -> None:
    """A key, a list, a time or an operation that this one cannot have at the edge."""
    asked = replace(GET, context=AT_THE_EDGE)
    found = told(clerks({"Condition": condition}), asked, Caller.EDGE)
    if miss and miss[0] == "time":
        assert found is not None
        assert found[:2] == miss[:2]
        assert found[2] > "2030-01-01"
    else:
        assert found == miss


@pytest.mark.parametrize(
    ("key", "callers"),
    [
        ("durward:RiskScore", {Caller.OTHERS, Caller.ANY}),
        ("durward:TokenClaim/org", {Caller.EDGE, Caller.NOT_OTHERS, Caller.ANY}),
        ("durward:ResourceOwner", {Caller.OTHERS, Caller.NOT_OTHERS, Caller.ANY}),
        ("durward:OperationId", set[Caller]()),
        ("app:Own", {*Caller}),
    ],
)
def test_the_enforcement_point_determines_which_keys_can_be_missing(
    key: str, callers: set[Caller]
) -> None:
    policies = clerks({"Condition": {"StringEquals": {key: "1"}}})
    assert {caller for caller in Caller if told(policies, caller=caller)} == callers


@pytest.mark.parametrize(
    ("effect", "condition", "line"),
    [
        (
            "Allow",
            {"StringEquals": {"durward:Roles": "clerk"}},
            (
                "StringEquals durward:Roles wants `clerk`, was the list `clerk`: "
                "write `ForAnyValue:StringEquals`"
            ),
        ),
        (
            "Allow",
            {"DateLessThan": {"durward:CurrentTime": "2020-01-01T00:00:00Z"}},
            (
                "DateLessThan durward:CurrentTime wants `2020-01-01T00:00:00Z`, "
                "was `2027-01-15T08:00:00Z`"
            ),
        ),
        (
            "Allow",
            {"DateLessThan": {"durward:CurrentTime": "1700000000"}},
            "DateLessThan durward:CurrentTime wants `1700000000`, was `1800000000`",
        ),
        (
            "Deny",
            {"StringNotEquals": {"durward:TenantId": "globex"}},
            "StringNotEquals durward:TenantId `globex` holds, was `acme`",
        ),
        (
            "Deny",
            {"NumericLessThan": {"durward:Stage": "5"}},
            "NumericLessThan durward:Stage `5`, was `s`, not readable: a Deny applies then",
        ),
    ],
)
def test_an_explanation_shows_both_sides_of_a_comparison(
    effect: str, condition: dict[str, Any], line: str
) -> None:
    statements: list[dict[str, Any]] = [{"Effect": effect, "Condition": condition}]
    statements += [{}] if effect == "Deny" else []
    asked = replace(GET, context=AT_THE_EDGE)
    lines = list(explain(PolicySet(clerks(*statements)), asked).lines())
    assert f"  {line}" in lines


def test_a_deny_without_conditions_is_reported_as_the_cause() -> None:
    lines = list(explain(PolicySet(clerks({}, {"Effect": "Deny"})), GET).lines())
    assert lines[0] == "denied: `p/#2` (identity policy)"
